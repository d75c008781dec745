"""Two daemons before one API server: one leads, the other goes on where it ends, however that comes about."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

import aiohttp
import pytest
from doorward.lease import LEASE
from doorward.model.reference import SECRETS

from tests.controlplane.providers import ApiServer
from tests.e2e.daemon import Daemon
from tests.e2e.doors import RAW
from tests.e2e.test_five_doors import own_world
from tests.e2e.world import World
from tests.patience import PATIENCE

FOR_EVER = 3600
"""Seconds: a Lease that runs out in no test, so that whoever takes it was left it."""
SHORT = 2


@pytest.fixture
def kubeconfig(api_server: ApiServer) -> Path:
    return api_server.kubeconfig


@contextmanager
def replicas(kubeconfig: Path, world: World, seconds: int, *more: str) -> Iterator[tuple[Daemon, Daemon]]:
    """The first leads, the second stands by."""
    more = ("--leader-elect", "--lease-duration", str(seconds), *more)
    with Daemon(kubeconfig, world.namespaces, *more) as first:
        leads(first)
        with Daemon(kubeconfig, world.namespaces, *more) as second:
            yield first, second


def leads(daemon: Daemon) -> None:
    daemon.wait_for_line(lambda line: line["event"] == "leading", PATIENCE)


async def deploy(world: World) -> str:
    name = f"m-{token_hex(3)}"
    await world.add(name, RAW)
    await world.stands(name)
    return name


async def test_one_writes_and_the_other_says_that_it_stands_by(kubeconfig: Path) -> None:
    async with own_world(kubeconfig) as world:
        with replicas(kubeconfig, world, FOR_EVER) as (first, second):
            await deploy(world)
            assert first.writes()
            assert second.writes() == []
            status, text = second.readyz()
            assert status == 200
            assert "stands by: " in text
            assert (first.metric("doorward_leading"), second.metric("doorward_leading")) == (1, 0)


async def test_who_stands_by_goes_on_at_once_after_a_stop_and_writes_nothing_anew(kubeconfig: Path) -> None:
    async with own_world(kubeconfig) as world:
        with replicas(kubeconfig, world, FOR_EVER) as (first, second):
            names = [await deploy(world) for _ in range(3)]
            before = await world.versions()
            first.stop()
            leads(second)
            new = await deploy(world)
            after = await world.versions()
            assert {key: after[key] for key in before if "barrier" not in key} == before
            assert second.writes()
            assert not [write for write in second.writes() for name in names if name in write]
            assert any(new in write for write in second.writes())


async def test_who_stands_by_goes_on_after_a_crash(kubeconfig: Path) -> None:
    async with own_world(kubeconfig) as world:
        with replicas(kubeconfig, world, SHORT) as (first, second):
            await deploy(world)
            first.kill()
            leads(second)
            await deploy(world)
            assert second.writes()


async def test_a_leader_that_was_stopped_for_too_long_writes_nothing_more_and_ends(kubeconfig: Path) -> None:
    async with own_world(kubeconfig) as world:
        with replicas(kubeconfig, world, SHORT) as (first, second):
            name = await deploy(world)
            first.suspend()
            written = len(first.writes())
            leads(second)
            await world.annotate(name, {"ome.io/ingress-domain-template": f"{name}.moved.example.com"})
            await world.view.until(lambda: world.reaches(f"http://{name}.moved.example.com/"), what="no move")
            first.go_on()
            assert first.ended() == 1
            assert len(first.writes()) == written
            assert second.running
            await world.barrier()


async def test_who_stands_by_answers_the_checks_of_guarded_doors_as_well(kubeconfig: Path) -> None:
    async with own_world(kubeconfig) as world:
        with replicas(kubeconfig, world, FOR_EVER, "--authz", "127.0.0.1:0") as (_, second):
            namespace, name = world.namespaces[0], "guarded"
            keys = {"metadata": {"name": "doorward-keys"}, "stringData": {"alice": "alices-key"}}
            await world.cluster.create(SECRETS, namespace, {"apiVersion": "v1", "kind": "Secret", **keys})
            asked = {"doorward.io/auth": "api-key", "doorward.io/auth-secret": "doorward-keys"}
            await world.add(name, {**RAW, **asked})
            url = str(second.wait_for_line(lambda line: line["event"] == "answering checks")["url"])
            async with aiohttp.ClientSession() as session, asyncio.timeout(PATIENCE):
                for key, status in (("alices-key", 200), ("no-key", 401)):
                    while await answer(session, f"{url}/door/nginx/{namespace}/{name}", key) != status:  # noqa: ASYNC110
                        await asyncio.sleep(0.05)


async def answer(session: aiohttp.ClientSession, url: str, key: str) -> int:
    async with session.get(url, headers={"X-API-Key": key}) as answered:
        return answered.status


async def test_a_lease_reads_like_any_other(kubeconfig: Path) -> None:
    async with own_world(kubeconfig) as world:
        with Daemon(kubeconfig, world.namespaces, "--leader-elect") as daemon:
            leads(daemon)
            lease = await world.cluster.get(LEASE, world.namespaces[0], "doorward")
            spec = lease["spec"]
            assert spec["leaseDurationSeconds"] == 15
            assert spec["holderIdentity"]
            assert spec["acquireTime"] <= spec["renewTime"]


@pytest.mark.parametrize("option", ["1.5", "0"])
def test_a_lease_that_cannot_be_is_refused(kubeconfig: Path, option: str) -> None:
    daemon = Daemon(kubeconfig, ["ome"], "--leader-elect", "--lease-duration", option)
    daemon.launch(kubeconfig)
    with pytest.raises(AssertionError, match="lease-duration"):
        daemon.wait_until_listed()
