"""What to keep of a damaged journal.

A killed process leaves no damage: SQLite drops the half of a transaction.  A disk can leave anything.  What is kept is
what a journal is, one run of records without a gap and snapshots: the newest snapshot that is whole, the records after
it up to the first that isn't, and the records before it back to the first that isn't.  Without a whole snapshot, the
records from the first one on.  All that goes into a new file, and the damaged one is kept beside it, as
``FILE.corrupt-N``, for whoever wants to look.

    records    [1 2 3] [x x] [6 7] [8 9] [x x] [12]       x: damaged; what was committed together is whole or isn't
    snapshots                    S                        through 7
    kept                     [6 7] [8 9]                  and S; the journal goes on with 10
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from doorward.journal import group
from doorward.journal.encoding import checksum
from doorward.journal.errors import NotAJournal
from doorward.journal.file import APPLICATION, READING_ERRORS, connect, pragma, prepare
from doorward.log import Log

log = Log("doorward.journal")

Row = tuple[int, int, bytes]
Keep = Callable[[str, tuple[object, ...]], object]
_INSERT = "INSERT INTO records VALUES (?, ?, ?)"
_MAGIC = b"SQLite format 3\0"
_HEADER_START = _MAGIC + b"\x10\x00\x02\x02\x00\x40\x20\x20"
"""The first 24 bytes of each of our files (SQLite file format, section 1.3): pages of 4096 bytes, WAL."""


class Sound(NamedTuple):
    """The whole part of a journal: records ``low`` to ``high``, and the numbers that snapshots go through."""

    low: int
    high: int
    snapshots: tuple[int, ...]
    damage: str
    """What is wrong with the rest; empty where there is no rest."""


def intact(number: object, crc: object, body: object) -> bool:
    """Whether a row is as it was written: a group of records by the number of its last one, or a snapshot."""
    return isinstance(number, int) and isinstance(body, bytes) and crc == checksum(number, body)


def survey(connection: sqlite3.Connection, keep: Keep | None = None) -> Sound:
    """Find the whole part, reading everything; ``keep`` is given each insertion that makes up a copy of it."""
    damage = [] if keep else _structure(connection)
    snapshots = []
    for through in _throughs(connection, damage):
        try:
            row = connection.execute("SELECT at, crc, body FROM snapshots WHERE through = ?", (through,)).fetchone()
        except READING_ERRORS as error:
            damage.append(f"snapshot through {through}: {error}")
            continue
        if row is None or not intact(through, row[1], row[2]) or not isinstance(row[0], float):
            damage.append(f"snapshot through {through} isn't as it was written")
            continue
        snapshots.append(through)
        if keep:
            keep("INSERT INTO snapshots VALUES (?, ?, ?, ?)", (through, *row))
    if snapshots:
        low, high = _upward(connection, snapshots[0], damage, keep)
        low = _downward(connection, low, damage, keep)
    else:
        low, high = _upward(connection, _first(connection, damage) - 1, damage, keep)
    # An older snapshot is of use only where the records go on from it.
    useful = tuple(through for through in snapshots if through >= low - 1)
    if keep:
        keep("DELETE FROM snapshots WHERE through < ?", (low - 1,))
    return Sound(low, high, useful, "; ".join(damage[:3]))


def _structure(connection: sqlite3.Connection) -> list[str]:
    try:
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except READING_ERRORS as error:
        return [str(error)]
    return [] if verdict == b"ok" else [bytes(verdict).decode(errors="replace")]


def _throughs(connection: sqlite3.Connection, damage: list[str]) -> list[int]:
    """The numbers that snapshots go through, newest first, as far as they can be read."""
    found: list[int] = []
    try:
        found.extend(through for (through,) in connection.execute("SELECT through FROM snapshots"))
    except READING_ERRORS as error:
        damage.append(str(error))
    return sorted(set(found), reverse=True)


def _first(connection: sqlite3.Connection, damage: list[str]) -> int:
    """A number in the first group."""
    try:
        (number,) = connection.execute("SELECT min(number) FROM records").fetchone()
    except READING_ERRORS as error:
        damage.append(str(error))
        return 1
    return number if isinstance(number, int) and number > 0 else 1


def _upward(connection: sqlite3.Connection, base: int, damage: list[str], keep: Keep | None) -> tuple[int, int]:
    """Follow whole groups up from the one that record ``base + 1`` is in, which may begin before it.

    The numbers of the first record and of the last one; where there is none, ``base + 1`` and ``base``.
    """
    low, high = base + 1, base
    for row in _whole(connection, "number > ? ORDER BY number", base, damage):
        first = group.first(row[0], row[2])
        if first != high + 1 and not (high == base and first <= base):
            damage.append(f"record {high + 1} is missing")
            break
        if keep:
            keep(_INSERT, row)
        low, high = min(low, first), row[0]
    return low, high


def _downward(connection: sqlite3.Connection, low: int, damage: list[str], keep: Keep | None) -> int:
    """Follow whole groups down from below record ``low``; the number of the first record of the last one."""
    for row in _whole(connection, "number < ? ORDER BY number DESC", low, damage):
        if row[0] != low - 1:
            damage.append(f"record {low - 1} is missing")
            break
        if keep:
            keep(_INSERT, row)
        low = group.first(row[0], row[2])
    return low


def _whole(connection: sqlite3.Connection, where: str, number: int, damage: list[str]) -> Iterator[Row]:
    """Rows of ``records`` up to the first that isn't as it was written."""
    try:
        for row in connection.execute(f"SELECT number, crc, body FROM records WHERE {where}", (number,)):
            if not intact(*row):
                damage.append(f"record {row[0]} isn't as it was written")
                return
            yield row
    except READING_ERRORS as error:
        damage.append(str(error))


def salvage(path: Path, damage: str) -> None:
    """Replace a damaged journal by what is whole of it.  Raises NotAJournal where the file never was one."""
    fresh = _beside(path, ".salvage")
    _remove(fresh)
    target = connect(fresh)
    try:
        prepare(target, fresh)
        target.execute("BEGIN IMMEDIATE")
        sound = _copied(path, target)
        target.execute("COMMIT")
    except BaseException:
        target.close()
        _remove(fresh)
        raise
    target.close()
    _sync(fresh)
    aside = _aside(path)
    path.rename(aside)
    log.warning(
        "the journal is damaged; what is whole of it goes on in a new file",
        file=str(path),
        damage=damage or sound.damage,
        kept_aside=str(aside),
        records=max(0, sound.high - sound.low + 1),
        snapshots=len(sound.snapshots),
        last_number=sound.high,
    )
    finish(path)


def finish(path: Path) -> None:
    """Complete a salvage that was killed between its last steps, or clear up after one that was killed before them."""
    fresh = _beside(path, ".salvage")
    if path.exists():
        _remove(fresh)
    elif fresh.exists():
        # A log of the damaged file, beside the new one, would be taken for the new one's.
        log_file = _beside(path, "-wal")
        if log_file.exists() and log_file.stat().st_size:
            log_file.rename(_beside(_aside(path, last=True), "-wal"))
        log_file.unlink(missing_ok=True)
        _beside(path, "-shm").unlink(missing_ok=True)
        fresh.rename(path)
        _sync(path.parent)


def _copied(path: Path, target: sqlite3.Connection) -> Sound:
    """Copy the whole part; where nothing can be read at all, try again with the file's header put right."""
    try:
        return _copy(path, target)
    except READING_ERRORS:
        pass
    if not _was_a_journal(path):
        raise NotAJournal(f"{path}: is no journal of doorward; name another file")
    mended = _beside(path, ".mended")
    _remove(mended)
    try:
        shutil.copyfile(path, mended)
        if _beside(path, "-wal").exists():
            shutil.copyfile(_beside(path, "-wal"), _beside(mended, "-wal"))
        with mended.open("r+b") as file:
            file.write(_HEADER_START)
        return _copy(mended, target)
    except READING_ERRORS as error:
        target.execute("DELETE FROM records")
        target.execute("DELETE FROM snapshots")
        return Sound(1, 0, (), str(error))
    finally:
        _remove(mended)


def _copy(path: Path, target: sqlite3.Connection) -> Sound:
    source = connect(path, read_only=True)
    try:
        pragma(source, "schema_version")
        source.execute("SELECT number FROM records LIMIT 0")
        return survey(source, keep=target.execute)
    finally:
        source.close()


def _was_a_journal(path: Path) -> bool:
    """By the application id in its header; a file too short to have one, by the way it begins."""
    with path.open("rb") as file:
        header = file.read(72)
    if len(header) == 72:
        return header[68:] == APPLICATION.to_bytes(4)
    return _MAGIC.startswith(header[: len(_MAGIC)])


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _aside(path: Path, *, last: bool = False) -> Path:
    """The first name ``FILE.corrupt-N`` that is free, or the last one that isn't."""
    number = 1
    while _beside(path, f".corrupt-{number}").exists():
        number += 1
    return _beside(path, f".corrupt-{max(1, number - 1) if last else number}")


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        _beside(path, suffix).unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
