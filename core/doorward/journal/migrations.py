"""The tables of a PostgreSQL database that holds journals: their version, and how an older one becomes the newest.

``doorward_journals`` has one row for each cluster: who writes its journal, under which term.  What a record or a
snapshot is, its ``crc`` and its ``body``, is as in an SQLite file (:mod:`doorward.journal.file`).

The tables are in the first schema of the connection's ``search_path``; whoever writes a journal may create them there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorward.journal.errors import JournalError, JournalTooNew, NotAJournal

if TYPE_CHECKING:
    from psycopg import Connection

__all__ = ["MIGRATIONS", "check", "migrate", "there"]

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE doorward_journals ("
        "id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
        "cluster text NOT NULL UNIQUE, "
        "term bigint NOT NULL DEFAULT 0, "
        "writer text NOT NULL DEFAULT '', "
        "lease text NOT NULL DEFAULT '', "
        "process text NOT NULL DEFAULT '', "
        "since timestamptz NOT NULL DEFAULT now())",
        "CREATE TABLE doorward_records ("
        "journal integer NOT NULL REFERENCES doorward_journals, "
        "number bigint NOT NULL, crc bigint NOT NULL, body bytea NOT NULL, "
        "PRIMARY KEY (journal, number))",
        "CREATE TABLE doorward_snapshots ("
        "journal integer NOT NULL REFERENCES doorward_journals, "
        "through bigint NOT NULL, at double precision NOT NULL, crc bigint NOT NULL, body bytea NOT NULL, "
        "PRIMARY KEY (journal, through))",
    ),
)
"""What leads from each version to the next.  What was released is never edited; a process of the version before goes on
with what a new one leaves: it may lead for a while yet."""

_LOCK = int.from_bytes(b"doorward")
"""The advisory lock under which the tables are changed."""


def check(connection: Connection, shown: str) -> None:
    """Raises JournalTooNew, and NotAJournal where there is none that a reader could read."""
    version = _version(connection, shown)
    if not version:
        raise NotAJournal(f"{shown}: there is no journal in this database; name the one that the daemon writes to")
    if version < len(MIGRATIONS):
        raise JournalError(
            f"{shown}: its tables have version {version}, older than {len(MIGRATIONS)}; "
            "they become newer when this version of the daemon writes to it"
        )


def there(connection: Connection, shown: str) -> bool:
    """Whether there are tables, of whatever version that isn't too new.  Raises JournalTooNew."""
    return bool(_version(connection, shown))


def migrate(connection: Connection, shown: str) -> None:
    """Make the tables, or make them newer, where that is to be done.  Raises JournalTooNew."""
    if _version(connection, shown) == len(MIGRATIONS):
        return
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        connection.execute("CREATE TABLE IF NOT EXISTS doorward_schema (version integer NOT NULL)")
        version = _version(connection, shown)
        for statements in MIGRATIONS[version:]:
            for statement in statements:
                connection.execute(statement.encode())
        connection.execute("DELETE FROM doorward_schema")
        connection.execute("INSERT INTO doorward_schema VALUES (%s)", [len(MIGRATIONS)])


def _version(connection: Connection, shown: str) -> int:
    """0 where there is nothing yet."""
    found = connection.execute("SELECT to_regclass('doorward_schema')").fetchone()
    if found is None or found[0] is None:
        return 0
    row = connection.execute("SELECT version FROM doorward_schema").fetchone()
    version = int(row[0]) if row else 0
    if version > len(MIGRATIONS):
        raise JournalTooNew(
            f"{shown}: its tables have version {version}, and this doorward knows versions up to {len(MIGRATIONS)}; "
            "run the later doorward that made them, or name another database"
        )
    return version
