"""A journal in a PostgreSQL database, which those of several clusters share.

``append`` buffers, ``commit`` writes the buffer in one statement (group commit), which also compares who may write
(:mod:`doorward.journal.fence`).  A connection that is lost takes nothing with it: what may have been committed is
looked for on the next one, and the rest is written then.  While there is none, records wait in memory.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, LiteralString

import msgspec

from doorward.journal.encoding import checksum, encode, read_record, read_snapshot, without_secrets
from doorward.journal.errors import JournalAway, JournalError, JournalGap, NotAJournal
from doorward.journal.fence import Fence
from doorward.journal.location import shown
from doorward.journal.memory import in_turn, reached, whole_run
from doorward.journal.migrations import check, migrate, there
from doorward.journal.session import CLOSING, Connection, Session
from doorward.log import Log
from doorward.model.counting import counted
from doorward.model.event import Record

__all__ = ["ClusterJournal", "PostgresqlJournal", "clusters"]

log = Log("doorward.journal")
Row = tuple[int, int, bytes]

_CHUNK = 500
"""Rows that are read at a time."""
_BATCH = 5_000
"""Rows that are written at a time: what waited for the database doesn't become one statement."""
_OVERHEAD = 60
"""Bytes that a row takes beside its body, about: its header, its numbers and its place in the index."""


class PostgresqlJournal:
    """The journal of ``cluster`` in the database of a ``postgresql://`` URL; both are made where they aren't there.

    ``retention_age`` in seconds and ``retention_bytes`` of the records tell :meth:`prune` what may go; None: nothing.
    ``lease`` is the Lease by which its writers lead, for people and to tell two installations apart.  With
    ``stands_by`` it is read until :meth:`lead`; otherwise this process becomes the writer at once.  ``read_only`` reads
    what another process commits.  ``pending_bytes`` of records wait for a database that can't be reached, and no more.

    Raises JournalAway where the database can't be reached, JournalLocked, JournalTooNew, NotAJournal, and JournalError
    where the database can't be used for other reasons.
    """

    def __init__(
        self,
        url: str,
        cluster: str,
        retention_age: float | None = None,
        retention_bytes: int | None = None,
        *,
        lease: str = "",
        stands_by: bool = False,
        read_only: bool = False,
        pending_bytes: int = 256 * 1024 * 1024,
    ) -> None:
        self.cluster = cluster
        self.retention_age = retention_age
        self.retention_bytes = retention_bytes
        self.read_only = read_only
        self.pending_bytes = pending_bytes
        self._pending: list[Row] = []
        self._waiting = 0
        self._buffer_lock = threading.Lock()
        self._closed = False
        self._snapshot_at = self._last = self._committed = 0
        self._leads = False
        self._session = Session(url, self._prepare)
        self._fence = Fence(self._session.shown, cluster, lease)
        try:
            if read_only:
                self._rows("SELECT 1")
                if not self._fence.journal:
                    raise NotAJournal(
                        f"{self._session.shown}: has no journal of cluster {cluster}; those that it has are of "
                        f"{', '.join(each.cluster for each in _clusters(self._session)) or 'none'}"
                    )
            elif not stands_by:
                self.lead()
        except BaseException:
            self._session.close()
            raise

    @property
    def last_number(self) -> int:
        if not self._leads:
            self._snapshot_at, self._last = self._ends()
        return self._last

    @property
    def since_snapshot(self) -> int:
        return self.last_number - self._snapshot_at

    def lead(self, term: int | None = None) -> None:
        """Become the writer: under a term of the Lease, or without one.  What wasn't committed before is forgotten.

        Raises JournalOutbid where a leader of a later term has written, JournalLocked where another process writes
        without this Lease, JournalLost where this one has written before, and another since, and JournalError where it
        is open for reading only, or the database says no.
        """
        if self.read_only:
            raise JournalError(f"{self._session.shown}: is open for reading only")

        def take(connection: Connection) -> tuple[int, int]:
            migrate(connection, self._session.shown)
            self._fence.take(connection, term)
            return _ends(connection, self._fence.journal)

        with self._session.lock:
            through, last = self._session.run(take)
            with self._buffer_lock:
                self._pending, self._waiting = [], 0
                self._snapshot_at, self._last, self._committed = through, last, last
                self._leads = True

    def append(self, records: Iterable[Record]) -> None:
        """As :meth:`Journal.append`; raises JournalGap where ``pending_bytes`` wait already."""
        self._writable()
        batch = without_secrets(records)
        rows = [(record.number, checksum(record.number, body := encode(record)), body) for record in batch]
        with self._buffer_lock:
            in_turn(self._last, batch)
            if self._waiting > self.pending_bytes:
                waiting = counted(len(self._pending), "record waits", "records wait")
                raise JournalGap(f"{self._session.shown}: {waiting} for the database, and no more can")
            self._pending += rows
            self._waiting += sum(len(body) for _, _, body in rows)
            if rows:
                self._last = rows[-1][0]

    def commit(self) -> None:
        self._writable()
        with self._session.lock:
            while batch := self._pending[:_BATCH]:
                self._session.run(lambda connection, batch=batch: self._insert(connection, batch))  # type: ignore[misc]
                with self._buffer_lock:
                    self._committed = batch[-1][0]
                    del self._pending[: len(batch)]
                    self._waiting -= sum(len(body) for _, _, body in batch)

    def replay(self, start: int = 0) -> Iterator[Record]:
        """As :meth:`Journal.replay`; ends with a warning where the table is damaged."""
        expected = 0
        while chunk := self._chunk(start):
            for number, crc, body in chunk:
                if (expected and number != expected) or not _intact(number, crc, body):
                    self._warn("the journal is damaged here", record=expected or number)
                    return
                yield read_record(body, number, self._unreadable)
                start, expected = number, number + 1

    def snapshot(self, records: Sequence[Record], through: int) -> None:
        self.commit()
        reached(self._last, through)
        body = encode(without_secrets(records))
        row = [through, self._at(through), checksum(through, body), body]

        def keep(connection: Connection) -> None:
            with connection.transaction():
                self._fence.hold(connection)
                connection.execute(
                    "INSERT INTO doorward_snapshots VALUES (%s, %s, %s, %s, %s) ON CONFLICT (journal, through) "
                    "DO UPDATE SET at = excluded.at, crc = excluded.crc, body = excluded.body",
                    [self._fence.journal, *row],
                )

        with self._session.lock:
            self._session.run(keep)
            self._snapshot_at = max(self._snapshot_at, through)

    def restore(self, through: int | None = None) -> Iterator[Record]:
        """As :meth:`Journal.restore`; where the newest snapshot is damaged, from an older one."""
        self._flush()
        start, end = 0, (1 << 63) - 1 if through is None else through
        for (number,) in self._rows(
            "SELECT through FROM doorward_snapshots WHERE journal = %(id)s AND through <= %(end)s "
            "ORDER BY through DESC",
            end=end,
        ):
            (row,) = self._rows(
                "SELECT through, crc, body FROM doorward_snapshots WHERE journal = %(id)s AND through = %(number)s",
                number=number,
            ) or [None]
            if row is not None and _intact(*row):
                start = number
                yield from read_snapshot(row[2], number, self._unreadable)
                break
            self._warn("a snapshot is damaged", through=number)
        if through is not None:
            yield from whole_run(self.replay(start), start, through, self._session.shown)
            return
        first = next(iter(self._chunk(start, 1)), None)
        if first is not None and first[0] != start + 1:
            if start:
                self._warn("the journal is damaged here", record=start + 1)
                return
            self._warn("the journal's beginning is lost; what follows is restored", first=first[0])
        yield from self.replay(start)

    def chain(self, number: int) -> list[Record]:
        self._flush()
        links: list[Record] = []
        while rows := self._rows(
            "SELECT number, crc, body FROM doorward_records WHERE journal = %(id)s AND number = %(number)s",
            number=number,
        ):
            if not _intact(*rows[0]):
                self._warn("the journal is damaged here", record=number)
                break
            record = read_record(rows[0][2], number, self._unreadable)
            links.append(record)
            if not 0 < record.cause < number:
                break
            number = record.cause
        return links

    def prune(self, now: float) -> int:
        """As :meth:`SqliteJournal.prune`; what is forgotten gives its place back when the server vacuums."""
        self.commit()
        gone = 0
        snapshots = self._rows("SELECT through, at FROM doorward_snapshots WHERE journal = %(id)s ORDER BY through")
        if self.retention_age is not None:
            old = [through for through, at in snapshots if at <= now - self.retention_age]
            if old:
                gone += self._forget(old[-1])
        if self.retention_bytes is not None:
            for through, _ in snapshots:
                if self.size() <= self.retention_bytes:
                    break
                gone += self._forget(through)
        return gone

    def size(self) -> int:
        """How many bytes the cluster's records and snapshots take, about."""
        total = 0
        for table in ("doorward_records", "doorward_snapshots"):
            for rows, bodies in self._rows(
                f"SELECT count(*), coalesce(sum(octet_length(body)), 0) FROM {table} WHERE journal = %(id)s"
            ):
                total += int(bodies) + _OVERHEAD * int(rows)
        return total

    def close(self) -> None:
        """As :meth:`Journal.close`; raises JournalAway where records are left that the database can't be given."""
        if self._closed:
            return
        try:
            if self._session.lock.acquire(timeout=CLOSING):
                try:
                    self._flush()
                finally:
                    self._session.lock.release()
        finally:
            self._closed = True
            if not self._session.close():
                lost = counted(len(self._pending), "record isn't", "records aren't")
                raise JournalAway(f"{self._session.shown}: doesn't answer; {lost} kept")

    # -- the database ------------------------------------------------------------------------------------------------

    def _prepare(self, connection: Connection) -> None:
        """Every new connection: whose tables these are, and which of the journals in them this is."""
        shown = self._session.shown
        self._fence.reconnected()
        if self.read_only:
            connection.read_only = True
            check(connection, shown)
            self._fence.find(connection)
        elif self._leads:
            migrate(connection, shown)
            self._fence.lock(connection)
        elif there(connection, shown):
            self._fence.find(connection)

    def _insert(self, connection: Connection, batch: Sequence[Row]) -> None:
        """Keep a batch, or what of it an attempt before, whose answer was lost, has not kept."""
        fence = self._fence
        fence.lock(connection)
        if connection.execute(_INSERT, fence.arguments | _columns(batch)).rowcount:
            return
        with connection.transaction():
            fence.hold(connection)
            _, last = _ends(connection, fence.journal)
            if last < self._committed:
                raise JournalGap(
                    f"{self._session.shown}: records {last + 1} to {self._committed} of cluster {self.cluster} were "
                    "kept, and are gone; was the database restored from a copy?"
                )
            if left := [row for row in batch if row[0] > last]:
                connection.execute(_INSERT, fence.arguments | _columns(left))

    def _forget(self, through: int) -> int:
        """Forget the records that a snapshot stands for, and the snapshots before it."""

        def delete(connection: Connection) -> int:
            with connection.transaction():
                self._fence.hold(connection)
                journal = self._fence.journal
                gone = connection.execute(
                    "DELETE FROM doorward_records WHERE journal = %s AND number <= %s", [journal, through]
                ).rowcount
                connection.execute(
                    "DELETE FROM doorward_snapshots WHERE journal = %s AND through < %s", [journal, through]
                )
            return gone

        return self._session.run(delete)

    def _ends(self) -> tuple[int, int]:
        """The numbers of the newest snapshot and of the newest record."""

        def ask(connection: Connection) -> tuple[int, int]:
            return _ends(connection, self._fence.journal) if self._fence.journal else (0, 0)

        return self._session.run(ask)

    def _chunk(self, start: int, limit: int = _CHUNK) -> list[Row]:
        self._flush()
        return self._rows(
            "SELECT number, crc, body FROM doorward_records WHERE journal = %(id)s AND number > %(number)s "
            "ORDER BY number LIMIT %(limit)s",
            number=start,
            limit=limit,
        )

    def _at(self, number: int) -> float:
        """When that record was; where it is gone, when the snapshot was that stands for it."""
        for record in self._rows(
            "SELECT body FROM doorward_records WHERE journal = %(id)s AND number = %(number)s", number=number
        ):
            return read_record(record[0], number, self._unreadable).event.at
        for (at,) in self._rows(
            "SELECT at FROM doorward_snapshots WHERE journal = %(id)s AND through <= %(number)s "
            "ORDER BY through DESC LIMIT 1",
            number=number,
        ):
            return float(at)
        return 0.0

    def _rows(self, query: LiteralString, **arguments: object) -> list[Any]:
        def ask(connection: Connection) -> list[Any]:
            if not self._fence.journal:
                return []
            return connection.execute(query, {"id": self._fence.journal, **arguments}).fetchall()

        return self._session.run(ask)

    # -- what was read -----------------------------------------------------------------------------------------------

    def _unreadable(self, what: str, error: Exception) -> JournalError:
        return JournalError(
            f"{self._session.shown}: {what} of cluster {self.cluster} isn't understood ({error}); "
            "run the doorward that wrote it"
        )

    def _warn(self, what: str, **more: object) -> None:
        log.warning(what, database=self._session.shown, cluster=self.cluster, **more)

    def _flush(self) -> None:
        if self._pending:
            self.commit()

    def _writable(self) -> None:
        if self._closed:
            raise JournalError(f"{self._session.shown}: is closed")
        if not self._leads:
            raise JournalError(f"{self._session.shown}: is open for reading only")


class ClusterJournal(msgspec.Struct, frozen=True, kw_only=True):
    """One of the journals in a database."""

    cluster: str
    """The name of the cluster whose journal it is."""
    first: int
    """The number of the oldest record that is kept; 0: there is none."""
    last: int
    """The number of the newest record, kept or stood for by a snapshot."""
    term: int
    """That of who wrote last: which leader it was."""
    lease: str
    """The Lease by which that one led, NAMESPACE/NAME; empty: without."""
    process: str
    """Which process that is, for people."""
    since: float
    """Since when it writes, in seconds since the epoch."""


def clusters(url: str) -> list[ClusterJournal]:
    """The journals in a database, by the name of the cluster.

    Raises JournalAway, JournalTooNew, NotAJournal and JournalError, as :class:`PostgresqlJournal` does.
    """
    session = Session(url, lambda connection: check(connection, shown(url)))
    try:
        return _clusters(session)
    finally:
        session.close()


def _clusters(session: Session) -> list[ClusterJournal]:
    rows = session.run(lambda connection: connection.execute(_CLUSTERS).fetchall())
    return [ClusterJournal(**dict(zip(ClusterJournal.__struct_fields__, row, strict=True))) for row in rows]


def _ends(connection: Connection, journal: int) -> tuple[int, int]:
    row = connection.execute(
        "SELECT (SELECT max(through) FROM doorward_snapshots WHERE journal = %(id)s), "
        "(SELECT max(number) FROM doorward_records WHERE journal = %(id)s)",
        {"id": journal},
    ).fetchone()
    through, number = row or (None, None)
    return through or 0, max(through or 0, number or 0)


def _columns(rows: Sequence[Row]) -> dict[str, Any]:
    numbers, crcs, bodies = zip(*rows, strict=True)
    return {"before": numbers[0] - 1, "numbers": list(numbers), "crcs": list(crcs), "bodies": list(bodies)}


def _intact(number: int, crc: int, body: bytes) -> bool:
    return checksum(number, body) == crc


_INSERT: Final[LiteralString] = f"""
WITH mine AS MATERIALIZED ({Fence.HOLDS} FOR NO KEY UPDATE)
INSERT INTO doorward_records
SELECT mine.id, kept.* FROM mine, unnest(%(numbers)s::bigint[], %(crcs)s::bigint[], %(bodies)s::bytea[]) AS kept
WHERE %(before)s = greatest(0,
    (SELECT max(number) FROM doorward_records WHERE journal = %(id)s),
    (SELECT max(through) FROM doorward_snapshots WHERE journal = %(id)s))
"""
"""All of a batch, in a transaction of its own, or nothing: where another process writes, or other records are there."""

_CLUSTERS = """
SELECT cluster, coalesce((SELECT min(number) FROM doorward_records WHERE journal = id), 0),
    greatest(0, (SELECT max(number) FROM doorward_records WHERE journal = id),
        (SELECT max(through) FROM doorward_snapshots WHERE journal = id)),
    term, lease, process, extract(epoch FROM since)::float8
FROM doorward_journals ORDER BY cluster
"""
