"""The shell before a backend that keeps its objects itself: writes go there, and what stands there is observed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from doorward.cluster.kube import KubeCluster
from doorward.engine import Engine
from doorward.hooks import Action, ApiError, hookimpl
from doorward.model.reference import JsonObject, Ref
from doorward.runtime import shell as shell_module
from doorward.runtime.shell import Shell
from structlog.testing import capture_logs
from tenacity import wait_fixed

from tests.conftest import Kubectl
from tests.controlplane.providers import ApiServer
from tests.engine.outside import DNS, FINALIZER, RECORDS, Zone, with_zone
from tests.engine.stage import component_service, inference_service
from tests.patience import PATIENCE
from tests.shell.running import SERVICE, Running, until


class World(Running):
    """A cluster and a zone."""

    def __init__(self, zone: Zone | None = None) -> None:
        super().__init__()
        self.zone = zone or Zone()

    def add_dns(self, name: str = "m") -> None:
        self.create(component_service(name, "engine"))
        self.create(inference_service(name, annotations=DNS, ready=("engine",)))

    @asynccontextmanager
    async def running(self, **more: Any) -> AsyncIterator[Shell]:
        async with self.shell(backends=with_zone(self.zone), **{"external_every": 0.01, **more}) as shell:
            yield shell

    def finalizers(self, name: str = "m") -> list[str]:
        return (self.get(SERVICE, name) or {"metadata": {}})["metadata"].get("finalizers", [])  # type: ignore[no-any-return]


async def test_a_door_opens_and_a_deleted_service_goes_when_nothing_is_left() -> None:
    world = World()
    world.add_dns()
    async with world.running() as shell:
        summary = await shell.once(PATIENCE)
        assert (summary.refused, summary.missing) == (0, {})
        assert (world.ready("m"), world.zone.hosts(), world.finalizers()) == (True, ["m.a.example.com"], [FINALIZER])
        world.zone.refusals = [ApiError(503, "", "locked", retry_after=0.05)]
        world.delete(SERVICE, "m")
        await shell.wait_for(lambda: shell.counts["delete", "Refused"] == 1, PATIENCE)
        assert world.get(SERVICE, "m") is not None
        await shell.wait_for(lambda: world.get(SERVICE, "m") is None, PATIENCE)
    assert world.zone.hosts() == []


async def test_drift_is_repaired_at_the_next_observation() -> None:
    world = World()
    world.add_dns()
    async with world.running() as shell:
        await shell.once(PATIENCE)
        world.zone.edit({"spec": {"target": "elsewhere.example.net"}})
        await shell.wait_for(lambda: shell.counts["patch", "Applied"] == 2, PATIENCE)
    assert world.zone.objects[Ref(RECORDS, "a", "m")]["spec"]["target"] == "gateway.example.net"


async def test_what_stands_is_observed_soon_after_a_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doorward.runtime.external.SOON", 0.001)
    world = World()
    world.add_dns()
    async with world.running(external_every=3600) as shell:
        await shell.once(PATIENCE)
        world.zone.edit({"spec": {"target": "elsewhere.example.net"}})
        await shell.wait_for(lambda: shell.counts["patch", "Applied"] == 2, PATIENCE)


async def test_observations_that_fail_are_made_again() -> None:
    world = World()
    world.add_dns()
    world.zone.unseen = [ApiError(503, "", "busy"), ConnectionResetError(), ApiError(0, "", "no answer")]
    async with world.running() as shell:
        with capture_logs() as logs:
            summary = await shell.once(PATIENCE)
    assert (world.ready("m"), summary.missing) == (True, {})
    assert [log["plugin"] for log in logs if log["log_level"] == "error"] == ["dns"]


async def test_a_kind_that_can_not_be_observed_holds_only_what_needs_it() -> None:
    world = World()
    world.add_dns()
    world.add("n")
    world.settings({})
    world.zone.unseen = [ApiError(503, "", "busy")] * 1_000_000
    async with world.running() as shell:
        await shell.once(PATIENCE)
        assert (world.ready("n"), world.ready("m"), shell.engine.missing[RECORDS]) == (True, False, "forbidden")
        world.zone.unseen.clear()
        await shell.wait_for(lambda: world.ready("m"), PATIENCE)


class SlowZone(Zone):
    """Creations, and observations, wait for a gate to open once they have begun."""

    def __init__(self) -> None:
        super().__init__()
        self.create = asyncio.Event()
        self.observing, self.observe_on = asyncio.Event(), asyncio.Event()
        self.observe_on.set()
        self.seen: list[int] = []

    @hookimpl
    async def observe(self, kind: str) -> Any:
        found = await super().observe(kind)
        self.observing.set()
        await self.observe_on.wait()
        self.seen.append(len(found))
        return found

    @hookimpl
    async def apply(self, action: Action) -> JsonObject | None:
        if action.verb == "create":
            await self.create.wait()
        return await super().apply(action)

    async def hold_an_observation(self) -> None:
        self.observe_on.clear()
        self.observing.clear()
        await self.observing.wait()


async def test_a_write_without_an_answer_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell_module, "LONGEST_REQUEST", 0.05)
    zone = SlowZone()
    world = World(zone)
    world.add_dns()
    async with world.running() as shell:
        await shell.wait_for(lambda: shell.counts["create", "Unknown"] == 1, PATIENCE)
        zone.create.set()
        await shell.wait_for(lambda: world.ready("m"), PATIENCE)
    assert zone.verbs()[0] == "verify"


@asynccontextmanager
async def overtaken(world: World, zone: SlowZone) -> AsyncIterator[Shell]:
    """A shell that has opened a door while an observation from before that is still held."""
    async with world.running() as shell:
        await shell.once(PATIENCE)
        await zone.hold_an_observation()
        world.add_dns()
        await shell.wait_for(lambda: world.ready("m"), PATIENCE)
        yield shell


async def test_an_observation_that_a_write_overtakes_undoes_nothing() -> None:
    zone = SlowZone()
    zone.create.set()
    world = World(zone)
    async with overtaken(world, zone) as shell:
        held = len(zone.seen)
        zone.observe_on.set()
        await until(lambda: len(zone.seen) > held + 1)
        await shell.once(PATIENCE)
    assert (zone.seen[held], zone.verbs()) == (0, ["create"])


async def test_what_goes_while_an_observation_is_overtaken_is_put_back() -> None:
    zone = SlowZone()
    zone.create.set()
    world = World(zone)
    async with overtaken(world, zone) as shell:
        zone.objects.clear()
        zone.observe_on.set()
        await shell.wait_for(lambda: shell.counts["create", "Applied"] == 3, PATIENCE)
    assert zone.verbs() == ["create", "create"]


async def test_without_versions_an_overtaken_observation_is_no_drift(monkeypatch: pytest.MonkeyPatch) -> None:
    zone = SlowZone()
    zone.create.set()
    monkeypatch.setattr(type(zone.module.ZONE), "serial", property(lambda _: 0, lambda *_: None), raising=False)
    world = World(zone)
    world.add_dns()
    async with world.running() as shell:
        await shell.once(PATIENCE)
        await zone.hold_an_observation()
        domain = {"metadata": {"annotations": {"ome.io/ingress-domain": "example.org"}}}
        world.patch(SERVICE, "m", domain)
        await shell.wait_for(lambda: shell.counts["patch", "Applied"] == 2, PATIENCE)
        held = len(zone.seen)
        zone.observe_on.set()
        await until(lambda: len(zone.seen) > held + 1)
        await shell.wait_for(lambda: not shell.backlog, PATIENCE)
    assert zone.verbs() == ["create", "patch"]


@pytest.mark.cluster
async def test_a_real_api_server_keeps_a_service_until_nothing_is_left(kubectl: Kubectl, api_server: ApiServer) -> None:
    namespace, zone = "external", Zone()
    cluster = KubeCluster.from_kubeconfig(api_server.kubeconfig)
    isvc = ("inferenceservice", "m", "--namespace", namespace)
    kubectl("create", "namespace", namespace)
    service = inference_service("m", namespace, annotations=DNS)
    service["metadata"]["finalizers"] = ["example.com/another"]
    for obj in (component_service("m", "engine", namespace), service):
        kubectl("apply", "-f", "-", stdin=_json(obj))
    ready = '{"status": {"conditions": [{"type": "EngineReady", "status": "True"}]}}'
    kubectl("patch", *isvc, "--subresource", "status", "--type", "merge", "--patch", ready)
    engine = Engine(with_zone(zone), namespaces=[namespace], use_defaults=True)
    try:
        async with Shell(engine, cluster, external_every=0.1, pauses=wait_fixed(0.1)) as shell:
            await shell.once(PATIENCE)
            assert [obj["spec"]["hosts"] for obj in zone.objects.values()] == [[f"m.{namespace}.example.com"]]
            shown = kubectl("get", *isvc, "-o", "jsonpath={.metadata.finalizers}")
            assert shown == f'["example.com/another","{FINALIZER}"]'
            zone.refusals = [ApiError(503, "", "the zone is locked", retry_after=1)]
            kubectl("patch", *isvc, "--type", "merge", "--patch", '{"metadata": {"finalizers": ["' + FINALIZER + '"]}}')
            kubectl("delete", "--wait=false", *isvc)
            await shell.wait_for(lambda: shell.counts["delete", "Refused"] == 1, PATIENCE)
            assert kubectl("get", *isvc, "-o", "jsonpath={.metadata.deletionTimestamp}")
            await shell.wait_for(lambda: not shell.engine.services(), PATIENCE)
            assert (zone.objects, kubectl("get", "isvc", "--namespace", namespace, "-o", "name")) == ({}, "")
    finally:
        await cluster.close()
        kubectl("delete", "--wait=false", "namespace", namespace)


def _json(obj: JsonObject) -> str:
    return orjson.dumps(obj).decode()
