"""The shell in this process, before a real API server whose requests are counted, or whose watches expire."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from doorward.cluster.kube import KubeCluster
from doorward.cluster.protocol import ApiError, WatchEvent
from doorward.engine import Engine
from doorward.model.reference import JsonObject, Resource
from doorward.runtime.shell import Shell
from tenacity import wait_fixed

from tests.controlplane.providers import ApiServer
from tests.e2e.doors import DOORS, INGRESS
from tests.e2e.place import place
from tests.e2e.world import World, resources, world_of
from tests.patience import PATIENCE

ROUND_TRIPS = 3
"""From what makes a door ready to open to the object that opens it, at most."""


class Counting(KubeCluster):
    """Notes every request but watches."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.requests: list[str] = []

    async def _json(self, method: str, path: str, *arguments: Any, **more: Any) -> JsonObject:
        self.requests.append(f"{method} {path}")
        return await super()._json(method, path, *arguments, **more)


class Forgetful(KubeCluster):
    """Expires every watch after a second, so that everything is listed again and again."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.expired: Counter[str] = Counter()

    async def watch(self, resource: Resource, *arguments: Any, **more: Any) -> AsyncGenerator[WatchEvent, None]:
        async for event in super().watch(resource, *arguments, **{**more, "timeout": 1}):
            yield event
        self.expired[resource.kind] += 1
        raise ApiError(410, "Expired", "too old resource version")


@asynccontextmanager
async def before(api_server: ApiServer, cluster: KubeCluster) -> AsyncIterator[tuple[World, Shell]]:
    """A world, and a shell in this process that serves it."""
    try:
        with place(api_server.kubeconfig, INGRESS, serve=False, doorward="overlapSeconds: 1") as made:
            async with world_of(made.kubeconfig, made.namespaces) as world:
                engine = Engine(settings_namespace=made.namespaces[0], namespaces=made.namespaces, budget=100)
                async with Shell(engine, cluster, pauses=wait_fixed(0.05)) as shell:
                    await shell.wait_for(lambda: not engine.unsynced, PATIENCE)
                    world.answer()
                    yield world, shell
    finally:
        await cluster.close()


@pytest.mark.parametrize("door", DOORS)
async def test_a_component_that_becomes_ready_opens_the_door_in_three_round_trips(
    api_server: ApiServer, door: str
) -> None:
    cluster = Counting.from_kubeconfig(api_server.kubeconfig)
    assert isinstance(cluster, Counting)
    wanted = DOORS[door]
    async with before(api_server, cluster) as (world, shell):
        await world.deploy("m")
        body = {"apiVersion": "ome.io/v1beta1", "kind": "InferenceService", "spec": {"engine": {}}}
        metadata = {"name": "m", "annotations": wanted.annotations, "labels": wanted.labels}
        await world.create({**body, "metadata": metadata})
        await world.reports("m", "EngineNotReady")
        await shell.once(PATIENCE)
        cluster.requests.clear()
        await world.ready("m")
        await world.view.until(lambda: wanted.objects[0] in {name.partition("/")[0] for name in world.ours("m")})
        await world.stands("m")
        main = resources()[wanted.objects[0]].plural
        creations = [number for number, made in enumerate(cluster.requests, 1) if made.endswith(f"/{main}")]
        assert creations[0] <= ROUND_TRIPS, cluster.requests


async def test_lists_that_are_made_again_and_again_write_nothing(api_server: ApiServer) -> None:
    cluster = Forgetful.from_kubeconfig(api_server.kubeconfig)
    assert isinstance(cluster, Forgetful)
    async with before(api_server, cluster) as (world, shell):
        names = {door: f"m-{door.replace('_', '-')}" for door in DOORS}
        for door, wanted in DOORS.items():
            await world.add(names[door], wanted.annotations, labels=wanted.labels)
        await world.stands(*names.values())
        await shell.once(PATIENCE)
        versions, counts, expired = await world.versions(), dict(shell.counts), Counter(cluster.expired)
        listed = shell.engine.scopes.keys() - shell.engine.missing.keys()
        async with asyncio.timeout(PATIENCE):
            while any(cluster.expired[kind] < expired[kind] + 2 for kind in listed):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        await shell.once(PATIENCE)
        assert await world.versions() == versions
        assert dict(shell.counts) == counts
