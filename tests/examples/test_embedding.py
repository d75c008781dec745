"""``examples/embed_*.py``: doorward inside programs of other people, each before a real API server."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from secrets import token_hex

import pytest
from doorward import Collection, Engine, KubeCluster
from doorward.model.reference import JsonObject

from tests.controlplane.providers import ApiServer
from tests.e2e.doors import INGRESS, RAW, VISIBILITY
from tests.e2e.world import World, make_namespaces, remove_namespaces, world_of
from tests.examples import EXAMPLES, load
from tests.examples.programs import Client, WorkQueue, inform, program

PROGRAMS = sorted(EXAMPLES.glob("embed_*.py"))
WORKERS = 4


@pytest.fixture
async def world(ome_api_server: ApiServer) -> AsyncIterator[World]:
    namespaces = ("ome", f"team-{token_hex(4)}")
    await make_namespaces(ome_api_server.kubeconfig, *namespaces)
    try:
        async with world_of(ome_api_server.kubeconfig, namespaces, without=("VirtualService", "HTTPRoute")) as world:
            await world.configure(INGRESS, doorward="overlapSeconds: 1")
            yield world
    finally:
        await remove_namespaces(ome_api_server.kubeconfig, namespaces[1])


async def serves(world: World) -> None:
    """Whoever serves this world opens a door, repairs it, and closes its outside."""

    def ingress() -> JsonObject | None:
        return world.view.get("Ingress", "m")

    await world.add("m", RAW)
    await world.stands("m")
    assert world.reaches(f"http://m.{world.namespace}.example.com/") == "m-engine"
    first = ingress()
    assert first
    await world.delete("Ingress", "m")
    await world.view.until(lambda: (now := ingress()) and now["metadata"]["uid"] != first["metadata"]["uid"])
    await world.patch("InferenceService", "m", {"metadata": {"labels": {VISIBILITY: "cluster-local"}}})
    await world.view.until(lambda: ingress() is None)


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_an_example_is_shorter_than_sixty_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 60


def test_the_examples_are_typed(tmp_path: Path) -> None:
    """By a strict mypy; what they embed doorward in isn't installed here."""
    config = tmp_path / "mypy.ini"
    config.write_text("[mypy]\nstrict = True\nignore_missing_imports = True\ndisable_error_code = untyped-decorator\n")
    command = [sys.executable, "-m", "mypy", "--config-file", str(config), "--cache-dir", str(tmp_path)]
    checked = subprocess.run([*command, *map(str, PROGRAMS)], capture_output=True, text=True, cwd=tmp_path)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.cluster
async def test_in_a_kopf_operator(world: World, ome_api_server: ApiServer) -> None:
    run = ("-m", "kopf", "run", "--all-namespaces", str(EXAMPLES / "embed_kopf.py"))
    with program(ome_api_server.kubeconfig, *run) as said:
        world.view.explain = said
        await serves(world)
        assert "is reached by" in said()


@pytest.mark.cluster
async def test_without_an_event_loop(world: World, ome_api_server: ApiServer) -> None:
    with program(ome_api_server.kubeconfig, str(EXAMPLES / "embed_sync.py")) as said:
        world.view.explain = said
        await serves(world)


@pytest.mark.cluster
async def test_in_an_asyncio_program_with_a_client_and_a_cache(world: World, ome_api_server: ApiServer) -> None:
    client, cluster = Client(ome_api_server.kubeconfig), KubeCluster.from_kubeconfig(ome_api_server.kubeconfig)

    class Threaded:
        send = staticmethod(partial(asyncio.to_thread, client.send))

    async with cancelled() as tasks:

        def follow(collection: Collection) -> None:
            tasks.create_task(inform(cluster, collection, doors.tell))

        engine = Engine()
        world.view.explain = lambda: f"not listed: {engine.unsynced}"
        doors = load("embed_asyncio.py").Doors(engine, Threaded, follow)
        tasks.create_task(doors.run())
        await serves(world)
    await cluster.close()


@pytest.mark.cluster
async def test_with_somebody_elses_work_queue(world: World, ome_api_server: ApiServer) -> None:
    client, cluster = Client(ome_api_server.kubeconfig), KubeCluster.from_kubeconfig(ome_api_server.kubeconfig)
    engine, queue = Engine(), WorkQueue()
    world.view.explain = lambda: f"not listed: {engine.unsynced}"
    doors = load("embed_controller_runtime_style.py").Doors(engine, queue, client.send)
    workers = [threading.Thread(target=queue.work, args=(doors.reconcile,)) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    try:
        async with cancelled() as tasks:
            for collection in Collection.wanted_by(engine):
                tasks.create_task(inform(cluster, collection, doors.tell))
            await serves(world)
    finally:
        queue.close()
        for worker in workers:
            worker.join()
        await cluster.close()


@asynccontextmanager
async def cancelled() -> AsyncIterator[asyncio.TaskGroup]:
    """Tasks that end with the block; one that fails ends it."""

    class Over(Exception):
        pass

    try:
        async with asyncio.TaskGroup() as tasks:
            yield tasks
            raise Over
    except* Over:
        pass
