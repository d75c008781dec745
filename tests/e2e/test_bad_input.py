"""Bad input is refused by name, and is nobody else's concern."""

from __future__ import annotations

from secrets import token_hex

import pytest
from doorward.model.reference import JsonObject

from tests.controlplane.providers import ApiServer
from tests.e2e.daemon import CONFIGURED, Daemon
from tests.e2e.doors import INGRESS, RAW
from tests.e2e.place import place
from tests.e2e.world import NAMESPACE, World, world_of

BAD: dict[str, tuple[JsonObject, str, str]] = {
    "a component that is a list": ({"spec": {"engine": ["x"]}}, "InvalidSpec", "spec.engine"),
    "a number in words": (
        {"spec": {"engine": {"timeoutSeconds": "soon"}}},
        "InvalidSpec",
        "spec.engine.timeoutSeconds",
    ),
    "no engine": ({"spec": {"router": {}}}, "EngineRequired", "engine"),
    "nothing at all": ({"spec": {}}, "EngineRequired", "engine"),
    "an engine that nobody has brought yet": ({"spec": {"model": {"name": "x"}}}, "EngineNotReady", "engine"),
    "a mode that isn't one": (
        {"metadata": {"annotations": {"ome.io/deployment-mode": "Bare"}}},
        "InvalidDeploymentMode",
        "Bare",
    ),
    "a backend that isn't there": (
        {"metadata": {"annotations": {**RAW, "doorward.io/backend": "teleport"}}},
        "UnknownBackend",
        "teleport",
    ),
    "a template that doesn't compile": (
        {"metadata": {"annotations": {**RAW, "ome.io/ingress-domain-template": "{{ .Name"}}},
        "InvalidHost",
        "ome.io/ingress-domain-template",
    ),
    "a template that asks for what isn't there": (
        {"metadata": {"annotations": {**RAW, "ome.io/ingress-domain-template": "{{ .Labels.team }}.example.com"}}},
        "InvalidHost",
        "team",
    ),
    "a path with dots": (
        {"metadata": {"annotations": {**RAW, "ome.io/ingress-path-template": "/a/../{{.Name}}"}}},
        "InvalidPath",
        "ome.io/ingress-path-template",
    ),
}


@pytest.mark.parametrize(("bad", "reason", "words"), BAD.values(), ids=BAD)
async def test_what_is_bad_is_refused_by_name_and_others_get_their_doors(
    world: World, bad: JsonObject, reason: str, words: str
) -> None:
    name, other = f"bad-{token_hex(3)}", f"good-{token_hex(3)}"
    await world.add(other, RAW)
    await world.stands(other)
    before = await world.versions()
    metadata = {"name": name, **bad.get("metadata", {})}
    spec = bad.get("spec", {"engine": {}})
    await world.create({"apiVersion": "ome.io/v1beta1", "kind": "InferenceService", "metadata": metadata, "spec": spec})
    await world.deploy(name)
    if reason != "EngineNotReady":
        await world.ready(name)
    told = await world.reports(name, reason)
    assert told["status"] != "True"
    assert words in told["message"]
    await world.barrier()
    assert world.ours(name) == []
    assert before.items() <= (await world.versions()).items()


async def test_settings_that_make_no_sense_are_named_and_the_last_good_ones_stay_in_force(world: World) -> None:
    daemon = world.daemon
    assert daemon
    name = f"m-{token_hex(3)}"
    await world.add(name, RAW)
    await world.stands(name)
    before = {key: v for key, v in (await world.versions()).items() if not key.startswith("ConfigMap/")}
    try:
        await world.configure({**INGRESS, "domainTemplate": "{{ .Name"}, doorward="overlapSeconds: 1")
        told = await world.view.until(lambda: about_settings(world), what="no word about the settings")
        assert told
        assert "domainTemplate" in told["message"]
        status, text = daemon.readyz()
        assert status == 200
        assert "domainTemplate" in text
        assert "the last good ones stay in force" in text
        await world.barrier()
        assert before.items() <= (await world.versions()).items()
    finally:
        count = daemon.metric(CONFIGURED)
        await world.configure(INGRESS, doorward="overlapSeconds: 1")
    await daemon.wait_for_metric(CONFIGURED, count + 1)
    assert "domainTemplate" not in daemon.readyz()[1]


def about_settings(world: World) -> JsonObject | None:
    events = world.events()
    return next((e for e in events if e["involvedObject"]["kind"] == "ConfigMap" and e["type"] == "Warning"), None)


async def test_a_namespace_that_is_going_gets_no_door_and_is_not_hammered(api_server: ApiServer) -> None:
    doomed = f"e2e-doomed-{token_hex(3)}"
    with place(api_server.kubeconfig, INGRESS, names=(doomed,), serve=False) as made:
        async with world_of(made.kubeconfig, made.namespaces) as world:
            with Daemon(api_server.kubeconfig, made.namespaces) as daemon:
                world.daemon = daemon
                held = {"finalizers": ["test.doorward.io/held"]}
                await world.add("open", RAW, **held)
                await world.deploy("late")
                late = {"name": "late", "annotations": RAW, **held}
                body = {"apiVersion": "ome.io/v1beta1", "kind": "InferenceService", "metadata": late}
                await world.create({**body, "spec": {"engine": {}}})
                await world.stands("open")
                await world.cluster.delete(NAMESPACE, "", doomed)
                await world.view.until(lambda: leaving(world, "open") and leaving(world, "late"), 60)
                await world.view.until(lambda: not world.ours(), 60, "the namespace isn't emptied")
                await world.ready("late")
                world.namespace = world.namespaces[0]
                await world.barrier()
                world.namespace = doomed
                assert world.ours() == []
                refused = [line for line in daemon.lines if line["event"].endswith("refused")]
                assert len(refused) <= 5, refused
            for name in ("open", "late"):
                await world.patch("InferenceService", name, {"metadata": {"finalizers": None}})


def leaving(world: World, name: str) -> bool:
    there = world.view.get("InferenceService", name)
    return there is not None and "deletionTimestamp" in there["metadata"]
