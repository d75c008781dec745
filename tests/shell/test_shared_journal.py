"""Replicas that share a journal in PostgreSQL: who leads goes on from it, and a database that is away stops no door."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import psycopg
import pytest
from doorward.engine import Engine
from doorward.journal import JournalAway, JournalLocked, PostgresqlJournal, session
from doorward.lease import LEASE, Candidate, Terms
from doorward.model.event import Leading, Observed, Record
from doorward.runtime import keeper
from doorward.runtime.shell import Shell
from structlog.testing import capture_logs

from tests.engine.stage import settings
from tests.patience import PATIENCE
from tests.postgresql.server import Postgresql
from tests.shell.running import RAW, SERVICE, Running, Slow, until

TERMS = Terms(duration=3600, deadline=2400, retry=0.02, settle=0.05)
"""Nobody's Lease runs out while a test lasts."""
TEMPLATE = "ome.io/ingress-domain-template"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "PATIENCE", 0.0)
    monkeypatch.setattr(keeper, "RETRY", 0.05)
    monkeypatch.setattr(keeper, "OUTBID", 0.01)


@pytest.fixture
def running() -> Running:
    running = Running()
    running.settings()
    return running


class Replica:
    """A shell that leads or stands by, with a connection of its own to the journal."""

    def __init__(self, running: Running, url: str, name: str = "", **more: int) -> None:
        self.journal = PostgresqlJournal(url, "east", lease="ome/doorward" if name else "", stands_by=True, **more)
        self.candidate = Candidate(running.cluster, "ome", identity=name, terms=TERMS) if name else None
        if self.candidate:
            self.shell: Shell = running.shell(self.journal, leadership=self.candidate)
            self.candidate.changed = self.shell.wake
        else:
            self.shell = running.shell(self.journal)
        self._stack = AsyncExitStack()

    async def start(self) -> Replica:
        if self.candidate:
            await self._stack.enter_async_context(self.candidate)
        await self._stack.enter_async_context(self.shell)
        await self.shell.wait_for(lambda: not self.shell.engine.unsynced, PATIENCE)
        return self

    async def stop(self) -> None:
        await self._stack.aclose()
        self.journal._session.close()

    @property
    def keeps(self) -> bool:
        assert self.shell._keeper
        return self.shell._keeper.keeps


@asynccontextmanager
async def two(running: Running, url: str) -> AsyncIterator[tuple[Replica, Replica]]:
    """The first leads, and the second stands by."""
    first, second = Replica(running, url, "first"), Replica(running, url, "second")
    try:
        await first.start()
        await until(lambda: first.keeps)
        await second.start()
        yield first, second
    finally:
        await second.stop()
        await first.stop()


def kept(url: str) -> list[Record]:
    reader = PostgresqlJournal(url, "east", read_only=True)
    try:
        return list(reader.replay())
    finally:
        reader.close()


async def folds_to(replica: Replica, url: str) -> None:
    """Check that the journal has no gap, and tells all that its writer knows."""
    engine = replica.shell.engine
    await until(lambda: replica.keeps and not replica.shell.journal_problem)
    await replica.shell.wait_for(lambda: engine.idle, PATIENCE)
    await asyncio.to_thread(replica.journal.commit)
    records = kept(url)
    assert [each.number for each in records] == list(range(1, engine.number + 1))
    replayed = Engine(engine.backends)
    replayed.restore(records)
    assert replayed.fingerprint() == engine.fingerprint()


def knows(replica: Replica, *names: str) -> Callable[[], bool]:
    def all_ready() -> bool:
        services = {s["metadata"]["name"]: s for s in replica.shell.engine.services()}
        told = (services.get(name, {}).get("status", {}).get("conditions", []) for name in names)
        return all(any(c["type"] == "IngressReady" and c["status"] == "True" for c in each) for each in told)

    return all_ready


# -- going on ------------------------------------------------------------------------------------------------------


async def test_who_stands_by_keeps_nothing(running: Running, shared_postgresql: Postgresql) -> None:
    url = shared_postgresql.url()
    async with two(running, url) as (first, second):
        running.add("m")
        await until(lambda: running.ready("m"))
        await second.shell.wait_for(knows(second, "m"), PATIENCE)
        await folds_to(first, url)
        assert not second.keeps
        assert second.shell.journal_problem == ""


async def test_the_next_leader_goes_on_from_the_journal_and_writes_nothing_anew(
    running: Running, shared_postgresql: Postgresql
) -> None:
    url = shared_postgresql.url()
    async with two(running, url) as (first, second):
        running.add("m", "n")
        await until(lambda: running.ready("m", "n"))
        await second.shell.wait_for(knows(second, "m", "n"), PATIENCE)
        await first.stop()
        before = len(running.writes)
        await until(lambda: second.keeps)
        running.add("o")
        await until(lambda: running.ready("o"))
        await folds_to(second, url)
        assert {write.name for write in running.writes[before:] if write.verb == "create"} == {"o"}
        assert [each.event.term for each in kept(url) if isinstance(each.event, Leading)] == [0, 1]


async def test_the_next_leader_has_the_last_good_settings_that_it_never_saw(
    running: Running, shared_postgresql: Postgresql
) -> None:
    url = shared_postgresql.url()
    first = await Replica(running, url, "first").start()
    running.add("m")
    await until(lambda: running.ready("m"))
    broken = settings({"ingressDomain": 7})["data"]
    namespace, name = "ome", "inferenceservice-config"
    running.store.patch(running.resource("ConfigMap"), namespace, name, {"data": broken})
    await first.shell.wait_for(lambda: bool(first.shell.engine.problems), PATIENCE)
    second = await Replica(running, url, "second").start()
    assert second.shell.engine.settings is None
    await first.stop()
    await until(lambda: second.keeps)
    running.add("n")
    await until(lambda: running.ready("n"))
    assert running.host("n") == "n.a.example.com"
    assert second.shell.engine.problems
    await second.stop()


async def test_the_next_leader_looks_at_what_the_one_before_had_in_flight(shared_postgresql: Postgresql) -> None:
    cluster = Slow(lambda ref: ref.kind != LEASE.kind)
    running, url = Running(cluster), shared_postgresql.url()
    running.settings()
    first = Replica(running, url, "first")
    first.shell._grace = 0.0
    await first.start()
    await until(lambda: first.keeps)
    second = await Replica(running, url, "second").start()
    running.add("m")
    await until(lambda: cluster.waiting > 0)
    await first.stop()
    cluster.gate.set()
    await until(lambda: running.ready("m"))
    assert second.shell.counts["verify", "Applied"]
    await folds_to(second, url)
    await second.stop()


async def test_without_a_lease_a_restart_goes_on_from_the_journal(
    running: Running, shared_postgresql: Postgresql
) -> None:
    url = shared_postgresql.url()
    running.add("m")
    for _ in range(2):
        replica = Replica(running, url)
        async with replica.shell:
            await replica.shell.once(PATIENCE)
            await folds_to(replica, url)
        replica.journal.close()
    assert replica.shell.summary().writes == {}


async def test_without_a_lease_a_second_process_does_not_begin(running: Running, shared_postgresql: Postgresql) -> None:
    url = shared_postgresql.url()
    first = await Replica(running, url).start()
    second = Replica(running, url)
    with pytest.raises(JournalLocked):
        await second.shell.start()
    await first.stop()
    second.journal.close()


# -- who lost it ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["first", ""])
async def test_who_finds_the_journal_taken_over_writes_no_more(
    running: Running, shared_postgresql: Postgresql, name: str
) -> None:
    url = shared_postgresql.url()
    first = await Replica(running, url, name).start()
    running.add("m")
    await until(lambda: running.ready("m") and first.keeps)
    usurper = PostgresqlJournal(url, "east", lease="ome/doorward", stands_by=True)
    usurper.lead(99)
    assert first.shell.deposed
    with capture_logs() as logs:
        running.patch(SERVICE, "m", {"metadata": {"annotations": {**RAW, TEMPLATE: "moved.example.com"}}})
        await asyncio.wait_for(first.shell.deposed.wait(), PATIENCE)
        assert not first.shell.leading
        assert "has taken over" in first.shell.journal_problem
        before = len(running.writes)
        running.add("n")
        await first.shell.wait_for(lambda: len(first.shell.engine.services()) == 2, PATIENCE)
        await first.stop()
    assert len(running.writes) == before
    assert [each["event"] for each in logs if each["log_level"] == "error"] == [
        "somebody else has the journal; this process must not write any more"
    ]
    usurper.close()


async def test_a_lease_that_was_made_anew_is_raised_above_the_term_that_the_journal_has_seen(
    running: Running, shared_postgresql: Postgresql
) -> None:
    url = shared_postgresql.url()
    earlier = PostgresqlJournal(url, "east", lease="ome/doorward", stands_by=True)
    earlier.lead(41)
    earlier.close()
    replica = await Replica(running, url, "first").start()
    running.add("m")
    await until(lambda: running.ready("m") and replica.keeps)
    assert running.store.get(LEASE, "ome", "doorward")["spec"]["leaseTransitions"] == 42
    await folds_to(replica, url)
    await replica.stop()


# -- a database that is away ---------------------------------------------------------------------------------------


async def test_doors_open_while_the_database_is_away_and_are_kept_when_it_is_back(
    running: Running, own_postgresql: Postgresql
) -> None:
    url = own_postgresql.url()
    replica = await Replica(running, url, "first").start()
    running.add("m")
    await until(lambda: running.ready("m") and replica.keeps)
    for name in ("n", "o"):
        own_postgresql.kill()
        running.add(name)
        await until(lambda name=name: running.ready(name))  # type: ignore[misc]
        await until(lambda: "can't be written" in replica.shell.journal_problem)
        own_postgresql.start()
        await until(lambda: not replica.shell.journal_problem)
    await folds_to(replica, url)
    assert not replica.shell.errors
    await replica.stop()


async def test_a_hand_over_while_the_database_is_away_opens_doors_and_is_kept_later(
    running: Running, own_postgresql: Postgresql
) -> None:
    url = own_postgresql.url()
    async with two(running, url) as (first, second):
        running.add("m")
        await until(lambda: running.ready("m"))
        own_postgresql.kill()
        running.add("n")
        await until(lambda: running.ready("n"))
        await first.stop()
        running.add("o")
        await until(lambda: running.ready("o"))
        assert not second.keeps
        assert "can't be written" in second.shell.journal_problem
        before = len(running.writes)
        own_postgresql.start()
        await until(lambda: second.keeps)
        await folds_to(second, url)
        assert len(running.writes) == before
        assert not second.shell.errors
    seen = {each.event.object["metadata"]["name"] for each in kept(url) if isinstance(each.event, Observed)}
    assert {"m", "n", "o"} <= seen


async def test_a_start_while_the_database_is_away_opens_doors_too(running: Running, own_postgresql: Postgresql) -> None:
    url = own_postgresql.url()
    own_postgresql.kill()
    replica = await Replica(running, url).start()
    running.add("m")
    await until(lambda: running.ready("m"))
    own_postgresql.start()
    await folds_to(replica, url)
    await replica.stop()


async def test_nothing_new_is_sent_before_the_journal_is_taken_over(own_postgresql: Postgresql) -> None:
    """What is in flight then is known to the engine that sent it, and to no other."""
    cluster = Slow(lambda ref: ref.kind != LEASE.kind)
    running, url = Running(cluster), own_postgresql.url()
    running.settings()
    own_postgresql.kill()
    replica = await Replica(running, url, "first").start()
    running.add("m")
    await until(lambda: cluster.waiting > 0)
    own_postgresql.start()
    keeper = replica.shell._keeper
    assert keeper
    await until(lambda: keeper.offer is not None)
    before = replica.shell._outstanding
    running.add("n")
    await replica.shell.wait_for(lambda: len(replica.shell.engine.services()) == 2, PATIENCE)
    assert replica.shell._outstanding <= before
    assert not replica.keeps
    cluster.gate.set()
    await until(lambda: running.ready("m", "n"))
    await folds_to(replica, url)
    await replica.stop()


async def test_what_waits_for_too_long_is_told_anew(running: Running, own_postgresql: Postgresql) -> None:
    url = own_postgresql.url()
    replica = await Replica(running, url, "first", pending_bytes=5_000).start()
    running.add("m")
    await until(lambda: running.ready("m") and replica.keeps)
    own_postgresql.kill()
    names = [f"n-{number}" for number in range(8)]
    running.add(*names)
    await until(lambda: running.ready(*names))
    await until(lambda: not replica.keeps)
    own_postgresql.start()
    await folds_to(replica, url)
    assert not replica.shell.errors
    await replica.stop()


async def test_a_database_that_says_nothing_is_left_behind_at_the_end(
    running: Running, own_postgresql: Postgresql, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "ANSWER", 0.5)
    replica = await Replica(running, own_postgresql.url(connect_timeout="2"), "first").start()
    running.add("m")
    await until(lambda: running.ready("m") and replica.keeps)
    own_postgresql.suspend()
    running.add("n")
    await until(lambda: running.ready("n"))
    await until(lambda: "can't be written" in replica.shell.journal_problem)
    await replica.stop()
    own_postgresql.go_on()


def test_a_database_that_lets_us_in_and_then_says_nothing_is_given_up(
    own_postgresql: Postgresql, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "ANSWER", 0.5)

    def prepare(connection: psycopg.Connection[object]) -> None:
        own_postgresql.suspend()
        connection.execute("SELECT 1")

    asked = session.Session(own_postgresql.url(), prepare)
    try:
        with pytest.raises(JournalAway):
            asked.run(lambda connection: connection.execute("SELECT 1"))
    finally:
        own_postgresql.go_on()
        asked.close()
