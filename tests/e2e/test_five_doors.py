"""Each of the five doors, end to end, where InferenceServices have OME's full schema and where they have none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_hex

import pytest
from doorward.model.reference import JsonObject

from tests.e2e.daemon import Daemon
from tests.e2e.doors import DOORS, INGRESS
from tests.e2e.place import Place, place
from tests.e2e.world import World, world_of

COLLECTION = 90.0
"""Seconds that kube-controller-manager may take; it learns of new kinds twice a minute."""
SOON = 3.0
"""Seconds within which a repair must be seen on a busy machine; it takes some milliseconds on one that isn't."""

EVERY_DOOR = pytest.mark.parametrize("door", DOORS)


@pytest.fixture(scope="module", params=["open", "closed"])
def kubeconfig(request: pytest.FixtureRequest) -> Path:
    """Of a server with the one schema or the other."""
    server = request.getfixturevalue("api_server" if request.param == "open" else "closed_api_server")
    path: Path = server.kubeconfig
    return path


@pytest.fixture(scope="module", name="place")
def _place(kubeconfig: Path) -> Iterator[Place]:
    with place(kubeconfig, INGRESS, doorward="overlapSeconds: 1") as made:
        yield made


async def open_door(world: World, door: str, name: str = "") -> str:
    """A service of a name of its own whose door stands; its name."""
    wanted, name = DOORS[door], name or f"m-{token_hex(3)}"
    await world.add(
        name,
        wanted.annotations,
        labels=wanted.labels,
        components=("engine", "decoder"),
        spec={
            "model": {"name": "llama-3-70b-instruct"},
            "engine": {"minReplicas": 1, "maxReplicas": 3},
            "decoder": {"minReplicas": 1, "maxReplicas": 1, "timeoutSeconds": 300},
        },
    )
    await world.stands(name)
    return name


def main_object(world: World, door: str, name: str) -> JsonObject | None:
    return world.view.get(DOORS[door].objects[0], name)


@EVERY_DOOR
async def test_a_ready_service_gets_its_door(world: World, door: str) -> None:
    world.answer()
    wanted, name = DOORS[door], await open_door(world, door)
    assert world.ours(name) == sorted(f"{kind}/{name}" for kind in wanted.objects)
    status = world.status(name)
    url = wanted.url.replace("NAME.", f"{name}.").replace("NAMESPACE", world.namespace)
    inside = f"http://{name}.{world.namespace}.svc.cluster.local"
    assert (status["url"], status["address"]) == (url, {"url": inside})
    assert {c["type"]: c["status"] for c in status["conditions"]} == {
        "EngineReady": "True",
        "DecoderReady": "True",
        "IngressReady": "True",
    }
    service = world.view.get("InferenceService", name)
    assert service
    for obj in world.view.objects(*wanted.objects):
        if obj["metadata"]["name"] == name:
            (owner,) = obj["metadata"]["ownerReferences"]
            assert (owner["uid"], owner["controller"]) == (service["metadata"]["uid"], True)
    by_path = door in ("istio", "k8s_ingress", "gateway_api")
    assert world.reaches(f"{url}/v1/completions", inside=door == "cluster_local") == f"{name}-engine"
    if door != "cluster_local":
        assert world.reaches(f"{url}/v1/decoder/x") == f"{name}-{'decoder' if by_path else 'engine'}"
    assert world.reaches(f"{inside}/v1/completions", inside=True) == f"{name}-engine"


@EVERY_DOOR
async def test_someone_elses_edit_is_undone(world: World, door: str) -> None:
    world.answer()
    name = await open_door(world, door)
    obj = main_object(world, door, name)
    assert obj
    edits: dict[str, JsonObject] = {
        "VirtualService": {"hosts": ["elsewhere.example.com"]},
        "Ingress": {"rules": [{"host": "elsewhere.example.com"}]},
        "HTTPRoute": {"hostnames": ["elsewhere.example.com"]},
        "Service": {"selector": {"component": "decoder"}},
    }
    edited = await world.patch(obj["kind"], name, {"spec": edits[obj["kind"]]}, field_manager="somebody")
    assert edited["spec"] != obj["spec"]

    def put_right() -> bool:
        there = main_object(world, door, name)
        return there is not None and version(there) > version(edited) and there["spec"] == obj["spec"]

    await world.view.until(put_right, SOON, "the edit stands")


@EVERY_DOOR
async def test_someone_elses_deletion_is_undone(world: World, door: str) -> None:
    world.answer()
    name = await open_door(world, door)
    obj = main_object(world, door, name)
    assert obj
    await world.delete(obj["kind"], name)
    uid = obj["metadata"]["uid"]
    again = await world.view.until(
        lambda: (there := main_object(world, door, name)) and there["metadata"]["uid"] != uid and there, SOON
    )
    assert isinstance(again, dict)
    assert without_addresses(again["spec"]) == without_addresses(obj["spec"])
    await world.stands(name)


@EVERY_DOOR
async def test_everything_is_collected_after_the_service(world: World, door: str) -> None:
    world.answer()
    name = await open_door(world, door)
    await world.delete("InferenceService", name)
    await world.view.until(lambda: not world.ours(name), COLLECTION, f"{name} isn't collected")
    await world.barrier()
    assert not world.ours(name)


@EVERY_DOOR
async def test_a_resync_writes_nothing(world: World, door: str) -> None:
    world.answer()
    name = await open_door(world, door)
    await world.barrier()
    before, written = await own_versions(world, name), writes_for(world, name)
    await world.annotate(name, {"example.com/unrelated": "edit"})
    await world.ready(name, "engine")
    await world.barrier()
    after = await own_versions(world, name)
    assert after.pop("InferenceService") != before.pop("InferenceService")
    assert after == before
    assert writes_for(world, name) == written


@asynccontextmanager
async def own_world(kubeconfig: Path, overlap: int = 1) -> AsyncIterator[World]:
    """A place without a daemon, for tests that start and stop their own."""
    with place(kubeconfig, INGRESS, serve=False, doorward=f"overlapSeconds: {overlap}") as made:
        async with world_of(kubeconfig, made.namespaces) as world:
            world.answer()
            yield world


@pytest.mark.parametrize(
    ("end", "kept"),
    [
        pytest.param(Daemon.stop, True, id="stopped, with the journal"),
        pytest.param(Daemon.kill, True, id="killed, with the journal"),
        pytest.param(Daemon.kill, False, id="killed, without the journal"),
    ],
)
async def test_a_restart_writes_nothing(
    kubeconfig: Path, tmp_path: Path, end: Callable[[Daemon], None], kept: bool
) -> None:
    async with own_world(kubeconfig) as world:
        journal = tmp_path / "journal" if kept else None
        with Daemon(kubeconfig, world.namespaces, journal=journal) as daemon:
            world.daemon = daemon
            for door in DOORS:
                await open_door(world, door, f"m-{door.replace('_', '-')}")
            await world.barrier()
            end(daemon)
        before, told = await world.versions(), len(world.events())
        with Daemon(kubeconfig, world.namespaces, journal=journal) as daemon:
            world.daemon = daemon
            await world.barrier()
            assert await world.versions() == before
            assert len(world.events()) == told
            written = [line for line in daemon.writes() if "barrier" not in line]
            assert written == []


async def test_without_a_daemon_everything_is_collected_all_the_same(kubeconfig: Path) -> None:
    async with own_world(kubeconfig) as world:
        with Daemon(kubeconfig, world.namespaces) as daemon:
            world.daemon = daemon
            for door in DOORS:
                await open_door(world, door, f"m-{door.replace('_', '-')}")
        for service in world.view.objects("InferenceService"):
            await world.delete("InferenceService", service["metadata"]["name"])
        await world.view.until(lambda: not world.ours(), COLLECTION, "not all is collected")


def version(obj: JsonObject) -> int:
    return int(obj["metadata"]["resourceVersion"])


def writes_for(world: World, name: str) -> list[str]:
    """Of the daemon, by its log: a server takes a write that changes nothing without a new resourceVersion."""
    assert world.daemon
    return [write for write in world.daemon.writes() if name in write]


async def own_versions(world: World, name: str) -> dict[str, str]:
    """By kind, of the objects that are called like the service."""
    versions = await world.versions()
    return {key.partition("/")[0]: version for key, version in versions.items() if key.endswith(f"/{name}")}


def without_addresses(spec: JsonObject) -> JsonObject:
    """A Service's spec without what the server chooses anew each time."""
    spec = {key: value for key, value in spec.items() if key not in ("clusterIP", "clusterIPs", "healthCheckNodePort")}
    if "ports" in spec:
        spec["ports"] = [{k: v for k, v in port.items() if k != "nodePort"} for port in spec["ports"]]
    return spec
