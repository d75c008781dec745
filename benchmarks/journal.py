"""The journal against the database under it: records kept against rows inserted, a restart against rows read.

What is kept are the records of services that are opened, and then edited again and again.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

from doorward.backends import Backends
from doorward.engine import Engine
from doorward.journal import SqliteJournal
from doorward.journal.file import connect, prepare
from doorward.model.event import Observed, Record
from doorward.model.reference import INFERENCE_SERVICE

from benchmarks.engine_alone import as_the_daemon_does, converge
from benchmarks.figure import Figure, Scale, tell
from benchmarks.fleet import fleet

BATCH = 1_000
"""Records that are committed together."""


def measure(scale: Scale) -> list[Figure]:
    as_the_daemon_does()
    count = scale.of(1_000_000, 10_000)
    with TemporaryDirectory(prefix="doorward-bench-") as name:
        folder = Path(name)
        kept, size, records = _kept(folder / "journal", count)
        bare = _inserted(folder / "bare", folder / "journal")
        restored, read = _restored(folder / "journal"), _read(folder / "journal")
    tell(f"{records} records: kept {kept:.1f} s, inserted {bare:.1f} s, restored {restored:.1f} s, read {read:.1f} s")
    return [
        Figure(
            name="journal, append against a bare executemany",
            measured=kept / bare,
            goal=2,
            parts={"append and commit (s)": kept, "executemany (s)": bare},
        ),
        Figure(
            name=f"journal, recovery of {records} records against reading the rows",
            measured=restored / read,
            goal=3,
            parts={"restore (s)": restored, "rows read (s)": read},
        ),
        Figure(name="journal, bytes a record", measured=size / records, goal=300, unit="bytes"),
    ]


class _Kept:
    """A journal that is measured."""

    def __init__(self, file: Path) -> None:
        self.journal = SqliteJournal(file)
        self.seconds = 0.0
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


def _kept(file: Path, count: int) -> tuple[float, int, int]:
    """Seconds for keeping at least so many records, the bytes of the file, and how many there are."""
    kept = _Kept(file)
    converged = converge(fleet(count // 100), Backends(), kept.keep)
    turn = 0
    while converged.engine.number < count:
        turn += 1
        at = 60.0 * turn
        for obj in converged.engine.services():
            converged.version += 1
            obj["metadata"]["annotations"]["ome.io/ingress-additional-domains"] = f"alt-{turn}.example.com"
            obj["metadata"]["resourceVersion"] = str(converged.version)
            converged.receive(Observed(at=at, kind=INFERENCE_SERVICE, object=obj))
            converged.work_off(at)
            converged.actions.clear()
    kept.commit()
    kept.journal.close()
    return kept.seconds, file.stat().st_size, converged.engine.number


def _inserted(file: Path, journal: Path) -> float:
    """Seconds for the same rows with nobody who encodes, checks or orders them."""
    source, target = sqlite3.connect(journal), connect(file)
    prepare(target, file)
    seconds = 0.0
    rows = source.execute("SELECT number, crc, body FROM records ORDER BY number")
    while batch := rows.fetchmany(BATCH):
        began = process_time()
        target.execute("BEGIN IMMEDIATE")
        target.executemany("INSERT INTO records VALUES (?, ?, ?)", batch)
        target.execute("COMMIT")
        seconds += process_time() - began
    source.close()
    target.close()
    return seconds


def _restored(file: Path) -> float:
    """Seconds from a file to an engine that knows what it knew."""
    backends = Backends()
    began = process_time()
    journal = SqliteJournal(file)
    engine = Engine(backends)
    engine.restore(journal.restore())
    seconds = process_time() - began
    assert engine.number == journal.last_number
    journal.close()
    return seconds


def _read(file: Path) -> float:
    began = process_time()
    database = sqlite3.connect(file)
    for _ in database.execute("SELECT number, crc, body FROM records ORDER BY number"):
        pass
    database.close()
    return process_time() - began
