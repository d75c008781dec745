"""One trial, from an empty cluster to the verdict."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import msgspec
import yaml
from doorward.journal import opened
from doorward.model.event import Leading

from tests.controlplane.binaries import Binaries
from tests.controlplane.definitions import default_files
from tests.controlplane.server import ControlPlane, running
from tests.e2e.rights import account, documents
from tests.killing.client import Client
from tests.killing.onlooker import Doubling, Onlooker
from tests.killing.outcome import differences, run_once
from tests.killing.replicas import DEPOSED, LONG, Replica, Replicas
from tests.killing.users import Users
from tests.postgresql.server import Postgresql

QUIET = 3.0
"""Seconds without a change after which the cluster counts as settled: longer than an overlap."""
STANDBY = 0.3
"""How likely the standby dies with the leader."""
WITHOUT = 0.5
"""How likely the leader dies while the database is away."""
HELD = 0.5
"""How likely a leader that is stopped has requests on their way, which arrive when somebody else leads."""

SOME = 12_000
"""Bytes that it may have sent by then: some ten requests."""

Tell = Callable[[str], None]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to happen; the same seed makes the same decisions, but nobody makes processes run alike."""

    services: int = 40
    kills: int = 5
    """How often whoever leads is killed (SIGKILL)."""
    stops: int = 0
    """How often whoever leads is stopped until somebody else leads, and goes on then (SIGSTOP, SIGCONT)."""
    outage: float = 0.0
    """Seconds for which etcd and the API server are away, once; 0: never."""
    rate: float = 10.0
    """Edits a second."""
    pause: float = 2.0
    """Seconds, at most, from when somebody leads to what happens next."""
    seed: int = 0
    crashes: int = 0
    """How often the database that both replicas keep their journal in is killed (SIGKILL), and started again."""
    journal: str = ""
    """A URL that both replicas keep their journal at; empty: a file for each."""


class Report(msgspec.Struct, kw_only=True):
    """What was seen."""

    edits: int = 0
    writes: int = 0
    takeovers: list[float] = []
    """Seconds from each death or stop of a leader until another one led."""
    standbys: int = 0
    """Standbys that were killed with the leader."""
    deposed: int = 0
    """Processes that ended since somebody else led."""
    held: int = 0
    """Stops with requests on their way."""
    crashes: int = 0
    """Ends of the database."""
    records: int = 0
    """Those of the journal in the database, without a gap."""
    settled: float = 0.0
    """Seconds from the last edit until all was as it should be."""
    objects: int = 0
    revisions: int = 0
    doublings: list[Doubling] = []
    late: list[Doubling] = []
    """Those that began when requests of a deposed leader arrived."""
    seconds: float = 0.0

    def __str__(self) -> str:
        takeovers = sorted(self.takeovers) or [0.0]
        return "\n".join(
            (
                f"{self.edits} edits, {self.writes} writes, {self.revisions} revisions of etcd, {self.seconds:.0f} s",
                f"{len(self.takeovers)} leaders ended, with {self.standbys} standbys; another led after "
                f"{takeovers[len(takeovers) // 2]:.1f} s (median), {takeovers[-1]:.1f} s at most",
                f"{self.deposed} deposed, {self.held} with requests on their way",
                *([f"{self.crashes} ends of the database, {self.records} records in it"] if self.crashes else ()),
                f"as rendered {self.settled:.1f} s after the last edit: {self.objects} objects",
                f"hosts in objects of two services: {len(self.doublings)}, and {len(self.late)} by late requests",
                *(f"  {each}" for each in (*self.doublings, *self.late)),
            )
        )


@contextmanager
def server(binaries: Binaries, folder: Path) -> Iterator[ControlPlane]:
    """A control plane that can be looked into: etcd has JSON, which the onlooker reads."""
    json = "--storage-media-type=application/json"
    with running(binaries, folder, 0, json, definitions=default_files()) as plane:
        yield plane


async def trial(
    plan: Plan, plane: ControlPlane, tell: Tell = lambda _: None, database: Postgresql | None = None
) -> Report:
    """Let it all happen, and see that all is right in the end.  Raises AssertionError where something isn't.

    With a database both replicas keep their journal there.
    """
    if database is not None:
        plan = msgspec.structs.replace(plan, journal=database.url())
    async with Client(plane.kubeconfig) as client, Onlooker(plane.folder / "etcd-client:0") as onlooker:
        return await Trial(plan, plane, client, onlooker, tell, database).run()


class Trial:
    def __init__(
        self,
        plan: Plan,
        plane: ControlPlane,
        client: Client,
        onlooker: Onlooker,
        tell: Tell,
        database: Postgresql | None = None,
    ) -> None:
        self._plan = plan
        self._database = database
        self._plane = plane
        self._client = client
        self._onlooker = onlooker
        self._tell = tell
        self._random = Random(plan.seed)
        self._users = Users(client, onlooker, plan.services, plan.rate, Random(plan.seed))
        self._report = Report()
        self._kubeconfig = plane.folder / "account"
        port = urlsplit(yaml.safe_load(plane.kubeconfig.read_text())["clusters"][0]["cluster"]["server"]).port
        assert port
        journal = plan.journal or plane.folder
        self._replicas = Replicas(self._kubeconfig, self._users.settings_namespace, port, onlooker, journal)
        self._windows: list[tuple[int, int]] = []
        """Revisions between which requests of a deposed leader may have arrived."""

    async def run(self) -> Report:
        began = time.monotonic()
        try:
            await self._play()
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self._told(began)}") from error
        report = self._told(began)
        assert not report.doublings, f"one host of two services\n{report}"
        assert all(each.until for each in report.late), f"one host of two services, to this day\n{report}"
        return report

    async def _play(self) -> None:
        await self._users.begin()
        await account(self._plane.kubeconfig, documents(self._users.settings_namespace), self._kubeconfig)
        self._tell(f"{self._plan.services} services")
        async with self._replicas:
            await self._replicas.leader()
            await self._bad_times()
            await self._settle()
            await self._replicas.stop()
        if self._database:
            self._read_journal()
        await self._still()

    def _told(self, began: float) -> Report:
        """What was seen up to now."""
        report = self._report
        report.seconds = time.monotonic() - began
        report.edits, report.revisions = self._users.edits, self._onlooker.revision
        report.deposed = self._replicas.deposed
        report.writes = sum(replica.writes() for replica in self._replicas.both)
        for doubling in self._onlooker.doublings:
            late = any(since <= doubling.since <= until for since, until in self._windows)
            (report.late if late else report.doublings).append(doubling)
        return report

    # -- what happens

    async def _bad_times(self) -> None:
        happenings = [self._kill] * self._plan.kills + [self._stop] * self._plan.stops
        happenings += [self._crash] * self._plan.crashes
        self._random.shuffle(happenings)
        if self._plan.outage:
            happenings.insert(len(happenings) // 2, self._outage)
        editing = asyncio.create_task(self._users.edit_for_ever())
        try:
            for number, happen in enumerate(happenings, 1):
                leader, other = await self._replicas.leader()
                await asyncio.sleep(self._random.uniform(0, self._plan.pause))
                if editing.done():
                    editing.result()
                what = await happen(leader, other)
                self._tell(f"{number} of {len(happenings)}: {what}")
        finally:
            editing.cancel()
            await asyncio.gather(editing, return_exceptions=True)

    async def _kill(self, leader: Replica, other: Replica) -> str:
        began = time.monotonic()
        both = self._random.random() < STANDBY
        leader.kill()
        if both:
            self._report.standbys += 1
            other.kill()
            other.start()
        leader.start()
        await self._replicas.leader()
        taken = self._took(began)
        return f"{leader.name} killed{', and the standby' if both else ''}: {taken}"

    async def _stop(self, leader: Replica, other: Replica) -> str:
        held = self._random.random() < HELD
        if held:
            leader.relay.hold()
            enough = self._random.randint(1, SOME)
            await self._onlooker.until(lambda: leader.relay.held >= enough, LONG, f"{leader.name} sends little")
            self._report.held += 1
        began = time.monotonic()
        leader.daemon.suspend()
        await self._replicas.leader(leader.name)
        taken = self._took(began)
        await asyncio.sleep(self._random.uniform(0, self._plan.pause))
        since = self._onlooker.revision
        leader.relay.release()
        leader.daemon.go_on()
        status = await asyncio.to_thread(leader.daemon.ended)
        assert status == DEPOSED, f"{leader.name} ended with {status}\n{leader.daemon.tail()}"
        self._windows.append((since, await self._client.revision()))
        return f"{leader.name} stopped{f', {leader.relay.held} bytes on their way' if held else ''}: {taken}"

    async def _outage(self, leader: Replica, other: Replica) -> str:
        self._plane.end("kube-apiserver", "etcd")
        await asyncio.sleep(self._plan.outage)
        self._plane.begin("etcd", "kube-apiserver")
        await self._client.ready()
        # One of several ends when it can't renew its Lease.  One that goes on never learns that a service was deleted
        # while it was blind, if there is one of that name again: it updates a node of its graph by name.
        self._plane.end("kube-controller-manager")
        self._plane.begin("kube-controller-manager")
        return f"etcd and the API server were away for {self._plan.outage:g} s"

    async def _crash(self, leader: Replica, other: Replica) -> str:
        """The database ends, and now and then whoever leads while it is away, with the records that wait for it."""
        assert self._database, "no database"
        self._database.kill()
        self._report.crashes += 1
        await asyncio.sleep(self._random.uniform(0, self._plan.pause))
        also = await self._kill(leader, other) if self._random.random() < WITHOUT else ""
        self._database.start()
        return f"the database was killed{f'; {also}' if also else ''}"

    def _took(self, since: float) -> str:
        self._report.takeovers.append(time.monotonic() - since)
        return f"another leads after {self._report.takeovers[-1]:.1f} s"

    # -- the verdict

    async def _settle(self) -> None:
        """Wait until all is as it should be, for as long as anything still happens and for a while."""
        await self._users.part()
        began = time.monotonic()
        deadline = began + LONG
        while True:
            self._replicas.look_after()
            await self._onlooker.until(lambda: self._onlooker.quiet > QUIET, deadline - time.monotonic(), "no end")
            await self._users.end()
            last = self._onlooker.changed_at
            wrong = await asyncio.to_thread(differences, self._onlooker, self._users.namespaces)
            if not wrong:
                break
            said = "\n".join((f"{len(wrong)} differ", *wrong[:5], *(r.daemon.tail() for r in self._replicas.both)))
            left = deadline - time.monotonic()
            await self._onlooker.until(lambda last=last: self._onlooker.changed_at > last, left, said)
        self._report.settled = last - began
        self._report.objects = len(self._onlooker.standing)

    def _read_journal(self) -> None:
        """What is kept in the database is whole: numbered without a gap, and of one leader after the other."""
        reader = opened(self._plan.journal, read_only=True)
        records = list(reader.replay())
        reader.close()
        numbers = [record.number for record in records]
        assert numbers == list(range(1, len(numbers) + 1)), "the journal has a gap"
        terms = [record.event.term for record in records if isinstance(record.event, Leading)]
        assert terms == sorted(set(terms)), f"who led, by the journal: {terms}"
        self._report.records = len(records)

    async def _still(self) -> None:
        """Another process has nothing to do."""
        before = self._onlooker.changed_at
        said = await run_once(self._kubeconfig, self._users.settings_namespace)
        assert "written: nothing" in said, said
        revision = await self._client.revision()
        await self._onlooker.until(lambda: self._onlooker.revision >= revision, LONG, "etcd's watch lags")
        assert self._onlooker.changed_at == before, "something was written all the same"
