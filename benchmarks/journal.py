"""The journal against the database under it: records kept against rows inserted, a restart against rows read.

What is kept are the records of services that are opened, and then edited again and again, with a snapshot whenever
the daemon would take one.  What anybody would write instead is a plain table in which each record is a row of JSON.

A restart is told twice: after a crash, with as many records behind the newest snapshot as there can be, and after a
clean stop, which takes a snapshot of its own.  Snapshots have no part in what appending takes; their time is told.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

from doorward.backends import Backends
from doorward.engine import Engine
from doorward.journal import SqliteJournal
from doorward.journal.encoding import encode
from doorward.model.event import Observed, Record
from doorward.model.reference import INFERENCE_SERVICE
from doorward.runtime.keeper import snapshot_after

from benchmarks.engine_alone import Converged, as_the_daemon_does, converge
from benchmarks.figure import Figure, Scale, tell
from benchmarks.fleet import fleet

BATCH = 1_000
"""Records that are committed together."""


def measure(scale: Scale) -> list[Figure]:
    as_the_daemon_does()
    count = scale.of(1_000_000, 10_000)
    with TemporaryDirectory(prefix="doorward-bench-") as name:
        folder = Path(name)
        kept = _kept(folder / "journal", count)
        records, size = kept.journal.last_number, (folder / "journal").stat().st_size
        inserted = _inserted(folder / "plain", folder / "journal")
        read = _read(folder / "plain")
        crashed, behind = _restored(folder / "journal")
        stopped, _ = _restored(folder / "journal")
    tell(
        f"{records} records: kept {kept.seconds:.1f} s, inserted {inserted:.1f} s; restored {stopped:.1f} s after a "
        f"stop, {crashed:.1f} s after a crash with {behind} behind the snapshot, read {read:.1f} s"
    )
    return [
        Figure(
            name="journal, append against a bare executemany",
            measured=kept.seconds / inserted,
            goal=2,
            parts={
                "append and commit (s)": kept.seconds,
                "executemany (s)": inserted,
                "snapshots beside that (s)": kept.snapshots,
            },
        ),
        Figure(
            name=f"journal, recovery of {records} records after a clean stop against reading the rows",
            measured=stopped / read,
            goal=3,
            parts={"restore (s)": stopped, "rows read (s)": read},
        ),
        Figure(
            name=f"journal, recovery of {records} records after a crash against reading the rows",
            measured=crashed / read,
            goal=3,
            parts={"restore (s)": crashed, "rows read (s)": read, "records behind the snapshot": float(behind)},
        ),
        Figure(name="journal, bytes a record", measured=size / records, goal=300, unit="bytes"),
    ]


class _Kept:
    """A journal that is measured."""

    def __init__(self, file: Path) -> None:
        self.journal = SqliteJournal(file)
        self.seconds = 0.0
        """Of appending and committing."""
        self.snapshots = 0.0
        """Seconds of taking snapshots."""
        self._size = 0
        self._batch: list[Record] = []

    def keep(self, records: list[Record]) -> None:
        self._batch += records
        if len(self._batch) >= BATCH:
            self.commit()

    def commit(self) -> None:
        began = process_time()
        self.journal.append(self._batch)
        self.journal.commit()
        self.seconds += process_time() - began
        self._batch = []

    @property
    def is_due(self) -> bool:
        """Whether the daemon would take a snapshot now."""
        return self.journal.since_snapshot + len(self._batch) >= snapshot_after(self._size)

    def snapshot(self, engine: Engine) -> None:
        self.commit()
        began = process_time()
        records = engine.snapshot()
        self._size = len(records)
        self.journal.snapshot(records, engine.number)
        self.snapshots += process_time() - began


def _kept(file: Path, count: int) -> _Kept:
    """A journal of at least so many records, left at the moment in which the next snapshot is due."""
    kept = _Kept(file)
    converged = converge(fleet(count // 100), Backends(), kept.keep)
    for event in _edits(converged):
        if kept.is_due:
            if converged.engine.number >= count:
                break
            kept.snapshot(converged.engine)
        converged.receive(event)
        converged.work_off(event.at)
        converged.actions.clear()
    kept.commit()
    kept.journal.close()
    return kept


def _edits(converged: Converged) -> Iterator[Observed]:
    """Each service gets another host, again and again, a minute after the last one."""
    for turn in itertools.count(1):
        for obj in converged.engine.services():
            converged.version += 1
            obj["metadata"]["annotations"]["ome.io/ingress-additional-domains"] = f"alt-{turn}.example.com"
            obj["metadata"]["resourceVersion"] = str(converged.version)
            yield Observed(at=60.0 * turn, kind=INFERENCE_SERVICE, object=obj)


def _inserted(file: Path, journal: Path) -> float:
    """Seconds for the same records in a plain table, once they are JSON."""
    source, target = SqliteJournal(journal, read_only=True), sqlite3.connect(file, isolation_level=None)
    target.execute("PRAGMA journal_mode = WAL")
    target.execute("CREATE TABLE records (number INTEGER PRIMARY KEY, body BLOB NOT NULL)")
    seconds = 0.0
    encoded = ((record.number, encode(record)) for record in source.replay())
    while rows := list(itertools.islice(encoded, BATCH)):
        began = process_time()
        target.execute("BEGIN IMMEDIATE")
        target.executemany("INSERT INTO records VALUES (?, ?)", rows)
        target.execute("COMMIT")
        seconds += process_time() - began
    source.close()
    target.close()
    return seconds


def _read(file: Path) -> float:
    """Seconds for reading that table."""
    began = process_time()
    database = sqlite3.connect(file)
    for _ in database.execute("SELECT number, body FROM records ORDER BY number"):
        pass
    database.close()
    return process_time() - began


def _restored(file: Path) -> tuple[float, int]:
    """Seconds from a file to an engine that knows what it knew, and the records behind the snapshot.

    It is stopped cleanly then, as the daemon is.
    """
    backends = Backends()
    began = process_time()
    journal = SqliteJournal(file)
    engine = Engine(backends)
    engine.restore(journal.restore())
    seconds = process_time() - began
    behind = journal.since_snapshot
    assert engine.number == journal.last_number
    if behind:
        journal.snapshot(engine.snapshot(), engine.number)
    journal.close()
    return seconds, behind
