"""Several doorwards before one cluster: one writes, the others are ready to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from doorward.cluster.protocol import ApiError
from doorward.lease import LEASE, Candidate, Terms
from doorward.runtime.shell import Shell

from tests.engine.stage import component_service, inference_service
from tests.patience import PATIENCE
from tests.shell.running import RAW, SERVICE, Running, until

TEMPLATE = "ome.io/ingress-domain-template"

LONG = Terms(duration=3600, deadline=2400, retry=0.02, settle=0.05)
"""Nobody's Lease runs out while a test lasts."""
SHORT = Terms(duration=1, deadline=0.6, retry=0.1, settle=0.05)


class Replica:
    """A shell that writes while it leads."""

    def __init__(self, running: Running, name: str, terms: Terms = LONG) -> None:
        self.candidate = Candidate(running.cluster, "ome", identity=name, terms=terms)
        self.shell: Shell = running.shell(leadership=self.candidate)
        self.candidate.changed = self.shell.wake
        self._stack = AsyncExitStack()

    async def start(self) -> Replica:
        await self._stack.enter_async_context(self.candidate)
        await self._stack.enter_async_context(self.shell)
        await self.shell.wait_for(lambda: not self.shell.engine.unsynced, PATIENCE)
        return self

    async def stop(self) -> None:
        await self._stack.aclose()

    @property
    def leads(self) -> bool:
        return self.candidate.seconds() > 0

    @property
    def writes(self) -> int:
        return sum(self.shell.counts.values())


@pytest.fixture
def running() -> Running:
    running = Running()
    running.settings()
    return running


@asynccontextmanager
async def two(running: Running, terms: Terms = LONG) -> AsyncIterator[tuple[Replica, Replica]]:
    """The first leads, and the second stands by."""
    first, second = Replica(running, "first", terms), Replica(running, "second", terms)
    try:
        await first.start()
        await until(lambda: first.leads)
        await second.start()
        await until(lambda: second.candidate.holder == "first")
        yield first, second
    finally:
        await second.stop()
        await first.stop()


def holder(running: Running) -> str:
    try:
        return str(running.store.get(LEASE, "ome", "doorward")["spec"]["holderIdentity"])
    except ApiError:
        return ""


def knows(replica: Replica, *names: str) -> Callable[[], bool]:
    """Whether a replica has heard of all that was written for these."""

    def all_ready() -> bool:
        services = {s["metadata"]["name"]: s for s in replica.shell.engine.services()}
        told = (services.get(name, {}).get("status", {}).get("conditions", []) for name in names)
        return all(any(c["type"] == "IngressReady" and c["status"] == "True" for c in each) for each in told)

    return all_ready


async def test_only_the_leader_writes(running: Running) -> None:
    async with two(running) as (first, second):
        running.add("m", "n")
        await until(lambda: running.ready("m", "n"))
        await second.shell.wait_for(knows(second, "m", "n"), PATIENCE)
        assert first.writes
        assert not second.writes
        assert not second.leads


async def test_who_stands_by_takes_over_at_once_and_writes_only_what_is_left_to_do(running: Running) -> None:
    async with two(running) as (first, second):
        running.add("m", "n")
        await until(lambda: running.ready("m", "n"))
        await second.shell.wait_for(knows(second, "m", "n"), PATIENCE)
        before = len(running.writes)
        await first.stop()
        await until(lambda: second.leads)
        assert holder(running) == "second"
        running.add("o")
        await until(lambda: running.ready("o"))
        names = {w.name for w in running.writes[before:] if w.resource.kind != LEASE.kind}
        assert names <= {"o", ""}, names


async def test_who_takes_over_keeps_hosts_with_those_who_have_them(running: Running) -> None:
    """What another process wrote since this one came counts like what it met."""
    running.add("an-older")
    async with two(running) as (first, second):
        running.create(component_service("holder", "engine"))
        running.create(
            inference_service("holder", annotations={**RAW, TEMPLATE: "bank.example.com"}, ready=("engine",))
        )
        await until(lambda: running.host("holder") == "bank.example.com")
        running.patch(SERVICE, "an-older", {"metadata": {"annotations": {TEMPLATE: "bank.example.com"}}})
        await until(lambda: "HostConflict" in str(running.get(SERVICE, "an-older")))
        await first.shell.wait_for(lambda: first.shell.engine.idle, PATIENCE)
        await second.shell.wait_for(lambda: "HostConflict" in str(second.shell.engine.services()), PATIENCE)
        before = len(running.writes)
        await first.stop()
        await until(lambda: second.leads)
        await second.shell.wait_for(lambda: second.shell.engine.decided >= 2 and second.shell.engine.idle, PATIENCE)
        assert [w for w in running.writes[before:] if w.resource.kind != LEASE.kind] == []
        assert running.host("holder") == "bank.example.com"


async def test_work_that_a_leader_left_is_done_by_the_next_one(running: Running) -> None:
    second = Replica(running, "second")
    try:
        async with Replica(running, "first").candidate as first:  # it leads, and does nothing
            await until(lambda: first.seconds() > 0)
            await second.start()
            running.add("m")
            await second.shell.wait_for(lambda: len(second.shell.engine.services()) == 1, PATIENCE)
            assert not second.writes
        await until(lambda: running.ready("m"))
        assert second.writes
    finally:
        await second.stop()


async def test_a_leader_that_was_stopped_for_longer_than_its_lease_writes_nothing_when_it_goes_on(
    running: Running,
) -> None:
    async with two(running, SHORT) as (first, second):
        for task in first.candidate._tasks:
            task.cancel()  # it renews nothing, as a process that is stopped
        await until(lambda: second.leads)
        assert not first.leads
        before = first.writes
        running.add("m")
        await until(lambda: running.ready("m"))
        await first.shell.wait_for(knows(first, "m"), PATIENCE)
        assert first.writes == before


async def test_who_finds_its_lease_taken_is_deposed_for_good(running: Running) -> None:
    async with Replica(running, "first", SHORT).candidate as first:
        await until(lambda: first.seconds() > 0)
        lease = running.store.get(LEASE, "ome", "doorward")
        spec = {**lease["spec"], "holderIdentity": "second", "leaseDurationSeconds": 1}
        running.store.replace(LEASE, "ome", "doorward", {**lease, "spec": spec})
        async with asyncio.timeout(PATIENCE):
            await first.deposed.wait()
        assert not first.seconds()
    assert holder(running) == "second"


async def test_a_leader_that_cannot_renew_stops_and_goes_on_when_it_can_again(running: Running) -> None:
    replica = Replica(running, "first", SHORT)
    async with replica.candidate as first:
        await until(lambda: first.seconds() > 0)
        faults = running.store.faults.before

        def refuse(request: object, *_: object) -> None:
            if getattr(request, "resource", None) == LEASE:
                raise ApiError(503, "ServiceUnavailable", "no")

        faults.append(refuse)
        await until(lambda: not first.seconds())
        await until(lambda: bool(first.problem))
        faults.remove(refuse)
        await until(lambda: first.seconds() > 0 and not first.problem)
        assert not first.deposed.is_set()


async def test_a_lease_that_was_deleted_is_made_anew_by_who_leads(running: Running) -> None:
    async with two(running, SHORT) as (first, second):
        running.store.delete(LEASE, "ome", "doorward")
        await until(lambda: holder(running) == "first")
        assert not second.leads
        assert not first.candidate.deposed.is_set()


async def test_who_may_not_have_the_lease_says_so(running: Running) -> None:
    denied = running.fail("get", ApiError(403, "Forbidden", "leases may not be read"), times=10**6, kind=LEASE.kind)
    async with Replica(running, "first", SHORT).candidate as first:
        await until(lambda: "may not be read" in first.problem)
        assert not first.seconds()
    assert denied
