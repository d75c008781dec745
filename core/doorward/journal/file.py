"""The SQLite file: its schema, its version, and how it is opened."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

from doorward.journal.errors import JournalError, JournalTooNew, NotAJournal

APPLICATION = int.from_bytes(b"door")
"""``PRAGMA application_id`` of a journal."""
VERSION = 2
"""``PRAGMA user_version``: raised whenever an older doorward couldn't read what a newer one writes.

Version 1 had plain JSON, one record in each row; rows of that kind stay as they are, beside those of today."""
SCHEMA = (
    "CREATE TABLE records (number INTEGER PRIMARY KEY, crc INTEGER NOT NULL, body BLOB NOT NULL)",
    "CREATE TABLE snapshots (through INTEGER PRIMARY KEY, at REAL NOT NULL, crc INTEGER NOT NULL, body BLOB NOT NULL)",
)
"""A row of ``records`` is a group of them, ``number`` that of its last one; :mod:`doorward.journal.group` tells what a
``body`` is, and ``crc`` is that of :func:`doorward.journal.encoding.checksum`."""

_DAMAGE = {
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_FORMAT,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_TOOBIG,
}


class Damaged(Exception):
    """The file is a journal, but broken."""


READING_ERRORS = (sqlite3.Error, MemoryError, OverflowError, UnicodeDecodeError)
"""What reading a damaged file can raise: a size gone wild, and SQLite's message with rubbish in it, are no Errors."""


def is_damage(error: BaseException) -> bool:
    """Whether one of READING_ERRORS speaks of the file's content, not of rights, space or the disk."""
    return (getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF) in _DAMAGE


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection in autocommit mode; the file is created where it may be written and isn't there."""
    if read_only:
        # Readers of WAL share a file beside it; in a directory that takes none, a file without a log can still be read.
        alone = not os.access(path.parent, os.W_OK) and not path.with_name(path.name + "-wal").exists()
        mode = "mode=ro&immutable=1" if alone else "mode=ro"
    else:
        mode = "mode=rwc"
        if not path.exists():
            path.touch(0o600)  # SQLite would create it readable for all
    uri = f"file:{quote(str(path.absolute()))}?{mode}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    connection.text_factory = bytes
    connection.execute("PRAGMA busy_timeout = 5000")
    return connection


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Check whose file this is, create the schema in an empty one, and set how it is written.

    A file of an earlier version is one of ours from here on, which that version refuses.

    Raises NotAJournal, JournalTooNew, Damaged and sqlite3.Error.
    """
    if not _identified(connection, path):
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    _set(connection, "journal_mode = WAL")
    # FULL: a commit survives a power cut too.  One fsync per commit, and a commit is for many records.
    _set(connection, "synchronous = FULL")
    _set(connection, "journal_size_limit = 67108864")
    if not _identified(connection, path):
        connection.execute("BEGIN IMMEDIATE")
        for statement in SCHEMA:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
        # So that the file itself says what it is, not only its log.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    elif pragma(connection, "user_version") < VERSION:
        _set(connection, f"user_version = {VERSION}")


def check(connection: sqlite3.Connection, path: Path) -> None:
    """Check whose file this is, for a reader.  Raises NotAJournal, JournalTooNew, Damaged and sqlite3.Error."""
    if not _identified(connection, path):
        raise NotAJournal(f"{path}: is empty; name the file that the daemon writes")


def _identified(connection: sqlite3.Connection, path: Path) -> bool:
    """True for a journal of our version, False for an empty file; everything else raises."""
    version = pragma(connection, "user_version")
    application = pragma(connection, "application_id")
    schema = [bytes(sql).decode(errors="replace") for (sql,) in connection.execute("SELECT sql FROM sqlite_schema")]
    if application != APPLICATION:
        if schema == list(SCHEMA):
            raise Damaged("its application id is another's")
        if not schema and not version and not application:
            return False
        raise NotAJournal(f"{path}: is an SQLite file, but no journal of doorward; name another file")
    if version > VERSION:
        raise JournalTooNew(
            f"{path}: has version {version}, and this doorward knows versions up to {VERSION}; "
            "run the later doorward that wrote it, or name another file"
        )
    if schema != list(SCHEMA) or version < 1:
        raise Damaged("its schema isn't that of a journal")
    return True


def refusal(path: Path, error: Exception) -> JournalError:
    """What to raise for an error that isn't about the content."""
    return JournalError(f"{path}: {error}; check that the directory exists, can be written and has space left")


def pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _set(connection: sqlite3.Connection, assignment: str) -> None:
    connection.execute(f"PRAGMA {assignment}").fetchall()
