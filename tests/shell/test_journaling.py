"""The shell and its journal: what is kept, what a restart makes of it, and a disk that fails."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import pytest
import structlog
from doorward.journal import JournalError, MemoryJournal, SqliteJournal
from doorward.model.event import Issued, Record
from doorward.runtime import keeper
from structlog.testing import capture_logs

from tests.patience import PATIENCE
from tests.shell.running import INGRESS, Running, Slow, until


async def test_a_restart_writes_nothing(tmp_path: Path) -> None:
    running = Running()
    running.add("m", "n")
    journal = SqliteJournal(tmp_path / "journal")
    async with running.shell(journal) as shell:
        await shell.once(PATIENCE)
    journal.close()
    before = running.store.resource_version
    journal = SqliteJournal(tmp_path / "journal")
    async with running.shell(journal) as shell:
        summary = await shell.once(PATIENCE)
    journal.close()
    assert running.store.resource_version == before
    assert summary.writes == {}


async def test_a_restart_without_the_journal_writes_nothing_either() -> None:
    running = Running()
    running.add("m", "n")
    async with running.shell(MemoryJournal()) as shell:
        await shell.once(PATIENCE)
    before = running.store.resource_version
    async with running.shell() as shell:
        await shell.once(PATIENCE)
    assert running.store.resource_version == before


async def test_what_happened_while_nobody_ran_is_put_right() -> None:
    running, journal = Running(), MemoryJournal()
    running.add("m")
    async with running.shell(journal) as shell:
        await shell.once(PATIENCE)
    running.delete(INGRESS, "m")
    async with running.shell(journal) as shell:
        await shell.once(PATIENCE)
    assert running.host("m") == "m.a.example.com"


async def test_the_journal_folds_to_the_engine_that_wrote_it() -> None:
    running, journal = Running(), MemoryJournal()
    running.add("m", "n")
    async with running.shell(journal) as shell:
        await shell.once(PATIENCE)
        fingerprint = shell.engine.fingerprint()
        number = shell.engine.number
    replayed = running.shell().engine
    replayed.restore(journal.replay())
    assert journal.last_number == number
    assert replayed.fingerprint() == fingerprint


async def test_an_action_is_in_the_journal_before_its_request_is_made() -> None:
    running, journal = Running(), MemoryJournal()
    running.add("m")
    unkept: list[str] = []

    def look(request: object) -> None:
        if getattr(request, "field_manager", "") == "doorward":
            issued = [record.event for record in journal.replay() if isinstance(record.event, Issued)]
            name = getattr(request, "name", "")
            if not any(event.action.ref.name == name for event in issued):
                unkept.append(name)

    running.store.faults.before.append(look)
    async with running.shell(journal) as shell:
        await shell.once(PATIENCE)
    assert running.writes
    assert not unkept


async def test_what_was_in_flight_when_the_process_ended_is_looked_at_before_it_is_repeated() -> None:
    cluster = Slow()
    running, journal = Running(cluster), MemoryJournal()
    running.add("m")
    async with running.shell(journal):
        await until(lambda: cluster.waiting == 2)
    cluster.gate.set()
    async with running.shell(journal) as shell:
        await shell.once(PATIENCE)
        assert shell.counts["verify", "Applied"] == 2
    assert running.ready("m")


async def test_a_stop_keeps_a_snapshot() -> None:
    running, journal = Running(), MemoryJournal()
    running.add("m")
    async with running.shell(journal) as shell:
        await shell.once(PATIENCE)
    assert journal.since_snapshot == 0


async def test_snapshots_are_kept_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "SNAPSHOT_EVERY", 5)
    monkeypatch.setattr(keeper, "GATHER", 0.0)
    running, journal = Running(), Counting()
    running.add("m")
    async with running.shell(journal) as shell:
        await shell.once(PATIENCE)
        await until(lambda: journal.snapshots > 0)


async def test_a_journal_that_fails_is_said_and_doors_open_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "RETRY", 0.01)
    running, journal = Running(), Counting(failures=3)
    running.add("m")
    with capture_logs() as logs:
        async with running.shell(journal) as shell:
            await until(lambda: "disk is full" in shell.journal_problem)
            await shell.once(PATIENCE)
            assert running.ready("m")
            await until(lambda: not journal.failures)
        assert shell.journal_problem == ""
    assert any("the journal can't be written" in entry["event"] for entry in logs)
    assert journal.since_snapshot == 0


async def test_a_log_that_cannot_be_written_stops_neither_the_journal_nor_what_it_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keeper, "RETRY", 0.01)
    closed = StringIO()
    closed.close()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(closed))
    running, journal = Running(), Counting(failures=3)
    running.add("m")
    async with running.shell(journal) as shell:
        await until(lambda: "disk is full" in shell.journal_problem)
        await until(lambda: running.ready("m") and not shell.journal_problem)
        assert shell.errors == 0
    assert journal.since_snapshot == 0


async def test_a_journal_that_refuses_records_is_left_alone() -> None:
    class Closed(MemoryJournal):
        def append(self, records: object) -> None:
            raise JournalError("closed")

    running = Running()
    running.add("m")
    with capture_logs() as logs:
        async with running.shell(Closed()) as shell:
            await shell.once(PATIENCE)
            assert "closed" in shell.journal_problem
    assert running.ready("m")
    assert sum("takes no more" in entry["event"] for entry in logs) == 1


class Counting(MemoryJournal):
    """Fails a number of times, counts snapshots."""

    def __init__(self, failures: int = 0) -> None:
        super().__init__()
        self.failures = failures
        self.snapshots = 0

    def commit(self) -> None:
        if self.failures:
            self.failures -= 1
            raise JournalError("the disk is full")

    def snapshot(self, records: Sequence[Record], through: int) -> None:
        self.snapshots += 1
        super().snapshot(records, through)
