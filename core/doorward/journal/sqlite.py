"""A journal in one SQLite file.

``append`` buffers, ``commit`` writes the buffer in one transaction (group commit): call it every few milliseconds.
What is committed together is packed together (:mod:`doorward.journal.group`), and read so.
The file is in WAL mode: tools read it (``read_only=True``) while the daemon writes.  What a disk does to it is found
when it is opened, and what is whole goes on (:mod:`doorward.journal.salvage`).
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from doorward.journal import group
from doorward.journal.encoding import checksum, encode, without_secrets
from doorward.journal.errors import JournalError
from doorward.journal.file import READING_ERRORS, VERSION, Damaged, check, connect, is_damage, pragma, prepare, refusal
from doorward.journal.lock import Lock
from doorward.journal.memory import in_turn, reached, whole_run
from doorward.journal.salvage import Sound, finish, intact, salvage, survey
from doorward.log import Log
from doorward.model.event import Record

log = Log("doorward.journal")

_LARGEST = (1 << 63) - 1
"""The largest number that SQLite holds."""
_CHUNK = 64
"""Groups that are read at a time: a reader that pauses holds nothing open that would keep the log from shrinking."""


class SqliteJournal:
    """The journal in ``path``, which is created where it isn't there.

    ``retention_age`` in seconds and ``retention_bytes`` of the file tell :meth:`prune` what may go; None: nothing.
    ``read_only`` opens it beside a daemon that writes it, takes no lock, repairs nothing, and sees what is committed.

    Raises JournalLocked, JournalTooNew, NotAJournal, and JournalError where the file can't be used for other reasons.
    A damaged journal is no error: it is told in a warning, and what is whole goes on.
    """

    def __init__(
        self,
        path: str | Path,
        retention_age: float | None = None,
        retention_bytes: int | None = None,
        *,
        read_only: bool = False,
    ) -> None:
        self.path = Path(path)
        self.retention_age = retention_age
        self.retention_bytes = retention_bytes
        self.read_only = read_only
        self._pending: list[tuple[int, bytes]] = []
        self._buffer_lock = threading.Lock()
        self._database_lock = threading.RLock()
        self._closed = False
        self._lock = None if read_only else Lock(self.path)
        try:
            self._database = _opened_to_read(self.path) if read_only else self._opened_to_write()
            self._snapshot_at, self._last = self._ends()
        except BaseException:
            self._release()
            raise

    @property
    def last_number(self) -> int:
        if self.read_only:
            self._snapshot_at, self._last = self._ends()
        return self._last

    @property
    def since_snapshot(self) -> int:
        return self.last_number - self._snapshot_at

    def append(self, records: Iterable[Record]) -> None:
        self._writable()
        batch = without_secrets(records)
        lines = [(record.number, encode(record)) for record in batch]
        with self._buffer_lock:
            in_turn(self._last, batch)
            self._pending += lines
            if lines:
                self._last = lines[-1][0]

    def commit(self) -> None:
        self._writable()
        with self._database_lock:
            with self._buffer_lock:
                batch, self._pending = self._pending, []
            if not batch:
                return
            rows = [(number, checksum(number, body), body) for number, body in group.groups(batch)]
            try:
                self._transaction(lambda: self._database.executemany("INSERT INTO records VALUES (?, ?, ?)", rows))
            except JournalError:
                with self._buffer_lock:
                    self._pending[:0] = batch
                raise

    def replay(self, start: int = 0) -> Iterator[Record]:
        """As :meth:`Journal.replay`; ends with a warning where a disk has damaged the file since it was opened."""
        expected = 0
        while chunk := self._chunk(start):
            for number, crc, body in chunk:
                if not intact(number, crc, body) or (expected and group.first(number, body) != expected):
                    log.warning("the journal is damaged here", file=str(self.path), record=expected or number)
                    return
                for record in group.read(body, number, self._unreadable):
                    if record.number > start:
                        yield record
                start, expected = number, number + 1

    def snapshot(self, records: Sequence[Record], through: int) -> None:
        self.commit()
        body = group.snapshot(without_secrets(records))
        with self._database_lock:
            reached(self._last, through)
            row = (through, self._at(through), checksum(through, body), body)
            self._transaction(
                lambda: self._database.execute("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?)", row)
            )
            self._snapshot_at = max(self._snapshot_at, through)

    def restore(self, through: int | None = None) -> Iterator[Record]:
        """As :meth:`Journal.restore`; where the newest snapshot is damaged, from an older one."""
        self._flush()
        end = _LARGEST if through is None else through
        start = 0
        for (number,) in self._rows("SELECT through FROM snapshots WHERE through <= ? ORDER BY through DESC", end):
            row = self._row("SELECT through, crc, body FROM snapshots WHERE through = ?", number)
            if row is not None and intact(*row):
                start = number
                yield from group.read_state(row[2], number, self._unreadable)
                break
            log.warning("a snapshot is damaged", file=str(self.path), through=number)
        if through is not None:
            yield from whole_run(self.replay(start), start, through, str(self.path))
            return
        first = self._first(start)
        if first is not None and first > start + 1:
            if start:
                log.warning("the journal is damaged here", file=str(self.path), record=start + 1)
                return
            log.warning("the journal's beginning is lost; what follows is restored", file=str(self.path), first=first)
        yield from self.replay(start)

    def chain(self, number: int) -> list[Record]:
        self._flush()
        links: list[Record] = []
        near: Sequence[Record] = ()
        while True:
            if not _has(near, number):
                near = self._around(number)
            if not near:
                return links
            record = near[number - near[0].number]
            links.append(record)
            if not 0 < record.cause < number:
                return links
            number = record.cause

    def prune(self, now: float) -> int:
        """As :meth:`Journal.prune`.

        By age: what the newest snapshot that is older than ``retention_age`` stands for.  By size: from snapshot to
        snapshot, as long as the file holds more than ``retention_bytes``.  The newest snapshot always stays.
        """
        self.commit()
        gone = 0
        with self._database_lock:
            snapshots = self._rows("SELECT through, at FROM snapshots ORDER BY through")
            if self.retention_age is not None:
                old = [through for through, at in snapshots if at <= now - self.retention_age]
                if old:
                    gone += self._forget(old[-1])
            if self.retention_bytes is not None:
                for through, _ in snapshots:
                    if self._size() <= self.retention_bytes:
                        break
                    gone += self._forget(through)
            if gone:
                # One page per step, and execute() makes only the first.
                self._database.executescript("PRAGMA incremental_vacuum")
        return gone

    def close(self) -> None:
        if self._closed:
            return
        try:
            self._flush()
        finally:
            self._closed = True
            with self._database_lock:
                self._database.close()
            self._release()

    def _opened_to_write(self) -> sqlite3.Connection:
        """The connection, to a file that is whole."""
        try:
            finish(self.path)
            damage = ""
            while True:
                connection = connect(self.path)
                try:
                    sound = _surveyed(connection, self.path)
                    if not sound.damage:
                        return connection
                    again, damage = damage, sound.damage
                except BaseException:
                    connection.close()
                    raise
                connection.close()
                if again:
                    raise JournalError(f"{self.path}: is damaged again after its repair ({damage}); check the disk")
                salvage(self.path, damage)
        except (OSError, *READING_ERRORS) as error:
            raise refusal(self.path, error) from error

    def _ends(self) -> tuple[int, int]:
        """The numbers of the newest snapshot and of the newest record."""
        (through,) = self._row("SELECT max(through) FROM snapshots") or (None,)
        (number,) = self._row("SELECT max(number) FROM records") or (None,)
        return through or 0, max(through or 0, number or 0)

    def _chunk(self, start: int) -> list[tuple[int, int, bytes]]:
        self._flush()
        query = "SELECT number, crc, body FROM records WHERE number > ? ORDER BY number LIMIT ?"
        return self._rows(query, start, _CHUNK)

    def _first(self, start: int = 0) -> int | None:
        """The number of the first record of the group that the one after ``start`` is in; None: there is none."""
        query = f"SELECT number, substr(body, 1, {group.HEADER}) FROM records WHERE number > ? ORDER BY number LIMIT 1"
        row = self._row(query, start)
        return None if row is None else group.first(*row)

    def _around(self, number: int) -> Sequence[Record]:
        """The group that a record is in; empty where it isn't there, or is damaged."""
        row = self._row("SELECT number, crc, body FROM records WHERE number >= ? ORDER BY number LIMIT 1", number)
        if row is None or (intact(*row) and group.first(row[0], row[2]) > number):
            return ()
        if not intact(*row):
            log.warning("the journal is damaged here", file=str(self.path), record=number)
            return ()
        return group.read(row[2], row[0], self._unreadable)

    def _at(self, number: int) -> float:
        """When that record was; where it is gone, when the snapshot was that stands for it."""
        if near := self._around(number):
            return near[number - near[0].number].event.at
        found = self._row("SELECT at FROM snapshots WHERE through <= ? ORDER BY through DESC", number)
        return float(found[0]) if found is not None else 0.0

    def _size(self) -> int:
        pages = pragma(self._database, "page_count") - pragma(self._database, "freelist_count")
        return pages * pragma(self._database, "page_size")

    def _forget(self, through: int) -> int:
        """Forget the records that a snapshot stands for, and the snapshots before it."""
        before = self._first()
        if before is None or before > through:
            before = through + 1

        def delete() -> None:
            self._database.execute("DELETE FROM records WHERE number <= ?", (through,))
            self._cut(through)
            self._database.execute("DELETE FROM snapshots WHERE through < ?", (through,))

        self._transaction(delete)
        return through + 1 - before

    def _cut(self, through: int) -> None:
        """Take the records that a snapshot stands for out of the group that goes on behind it."""
        row = self._row("SELECT number, crc, body FROM records WHERE number > ? ORDER BY number LIMIT 1", through)
        if row is not None and intact(*row) and group.first(row[0], row[2]) <= through:
            body = group.cut(row[2], row[0], through, self._unreadable)
            self._database.execute(
                "UPDATE records SET crc = ?, body = ? WHERE number = ?", (checksum(row[0], body), body, row[0])
            )

    def _transaction(self, work: Callable[[], object]) -> None:
        try:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                work()
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise
        except READING_ERRORS as error:
            raise refusal(self.path, error) from error

    def _rows(self, query: str, *arguments: object) -> list[Any]:
        """All rows; where the file is too damaged to tell, those before the damage."""
        rows: list[Any] = []
        with self._database_lock:
            try:
                rows.extend(self._database.execute(query, arguments))
            except READING_ERRORS as error:
                if isinstance(error, sqlite3.ProgrammingError):
                    raise JournalError(f"{self.path}: is closed") from error
                if not is_damage(error):
                    raise refusal(self.path, error) from error
                log.warning("the journal can't be read here", file=str(self.path), error=str(error))
        return rows

    def _row(self, query: str, *arguments: object) -> Any:
        return next(iter(self._rows(query, *arguments)), None)

    def _unreadable(self, what: str, error: Exception) -> JournalError:
        return JournalError(
            f"{self.path}: {what} isn't understood ({error}); run the doorward that wrote it, or name another file"
        )

    def _flush(self) -> None:
        if not self.read_only and self._pending:
            self.commit()

    def _writable(self) -> None:
        if self.read_only or self._closed:
            raise JournalError(f"{self.path}: is {'closed' if self._closed else 'open for reading only'}")

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()


def _has(near: Sequence[Record], number: int) -> bool:
    return bool(near) and near[0].number <= number <= near[-1].number


def _surveyed(connection: sqlite3.Connection, path: Path) -> Sound:
    """What a file holds; a damage to what tells what it is counts like any other."""
    try:
        prepare(connection, path)
        # A header that claims to be read-only shows only when something is written.
        connection.execute("BEGIN")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("ROLLBACK")
        return survey(connection)
    except Damaged as error:
        return Sound(1, 0, (), str(error))
    except READING_ERRORS as error:
        read_only = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_READONLY
        if not (is_damage(error) or (read_only and os.access(path, os.W_OK))):
            raise
        return Sound(1, 0, (), str(error))


def _opened_to_read(path: Path) -> sqlite3.Connection:
    if not path.exists():
        raise JournalError(f"{path}: isn't there; name the file that the daemon writes")
    try:
        connection = connect(path, read_only=True)
        try:
            check(connection, path)
        except BaseException:
            connection.close()
            raise
        return connection
    except (Damaged, *READING_ERRORS) as error:
        if isinstance(error, Damaged) or is_damage(error):
            raise JournalError(f"{path}: can't be read ({error}); the daemon repairs it when it starts") from error
        raise refusal(path, error) from error
