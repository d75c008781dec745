"""A journal's file after a disk, or a hand, was at it: what is read was written, without a gap, or is refused."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from doorward.journal import JournalError, SqliteJournal
from doorward.journal.encoding import checksum, encode
from doorward.journal.group import groups
from doorward.model.event import Observed, Record
from structlog.testing import capture_logs

from tests.fuzz.choices import Choices
from tests.fuzz.target import Target

LAST, SNAPSHOT = 24, 14
GROUPED = 9
"""The first record that is committed together with others."""
SUFFIXES = ("", "-wal")
MEMORY = Path("/dev/shm")
"""Where a write that waits for its disk waits for none."""
WORDS = (
    '"',
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "type",
    "Observed",
    "Deleted",
    "Unknown",
    "at",
    "1e999",
    "-1",
    "\\u0000",
)


def make(choices: Choices) -> Any:
    def edit() -> Any:
        what = choices.pick(("flip", "cut", "zero", "insert", "copy", "flip", "flip"))
        at = choices.below(65_536) if choices.once_in(2) else choices.below(120)
        return [what, choices.below(2), at, choices.below(256), choices.below(65_536)]

    body = choices.mutated(encode(record(7)).decode(), WORDS, 3) if choices.once_in(6) else ""
    packed = choices.below(2)
    return {"killed": choices.below(2), "edits": choices.repeated(edit, 5), "body": body, "packed": packed}


def record(number: int) -> Record:
    text = Random(number).randbytes(80).hex()  # which no packing makes much smaller
    return Record(number, number - 1, Observed(at=float(number), kind="Service", object={"text": text}))


@cache
def originals(killed: int) -> tuple[bytes, bytes]:
    """The file and the log beside it, as a process leaves them that ended, or that was killed."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "journal.db"
        journal = SqliteJournal(path)
        for number in range(1, LAST + 1):
            journal.append([record(number)])
            if number < GROUPED or number % 4 == 0:
                journal.commit()
            if number == SNAPSHOT + 2:
                journal.snapshot([record(each) for each in range(1, SNAPSHOT + 1)], through=SNAPSHOT)
        journal.commit()
        if not killed:
            journal.close()
        files = [path.with_name(path.name + suffix) for suffix in SUFFIXES]
        found = tuple(file.read_bytes() if file.exists() else b"" for file in files)
        if killed:
            journal.close()
    return found[0], found[1]


def edited(data: bytes, what: str, at: int, byte: int, length: int) -> bytes:
    at = at % (len(data) + 1)
    end = at + length % 5000
    match what:
        case "flip":
            return data[:at] + bytes(each ^ (byte or 1) for each in data[at : at + 1]) + data[at + 1 :]
        case "cut":
            return data[:at]
        case "zero":
            return data[:at] + bytes(len(data[at:end])) + data[end:]
        case "insert":
            return data[:at] + bytes([byte]) * (length % 64) + data[at:]
        case _:
            return data[:at] + data[end : end + length % 4096] + data[at + length % 4096 :]


def check(value: Any) -> None:
    files = list(originals(value["killed"]))
    for what, which, at, byte, length in value["edits"]:
        files[which] = edited(files[which], what, at, byte, length)
    folder = TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else None)
    with folder as name, capture_logs():
        path = Path(name) / "journal.db"
        for suffix, data in zip(SUFFIXES, files, strict=True):
            if data or not suffix:
                path.with_name(path.name + suffix).write_bytes(data)
        if value["body"]:
            rewrite(path, value["body"], packed=bool(value["packed"]))
        with suppress(JournalError):
            reader = SqliteJournal(path, read_only=True)
            try:
                is_sound(reader, value["body"])
            finally:
                reader.close()
        try:
            journal = SqliteJournal(path)
        except JournalError:
            return
        try:
            is_sound(journal, value["body"])
            last = journal.last_number
            journal.append([record(last + 1)])
            journal.commit()
        except JournalError:
            assert value["body"], "what is whole of a journal goes on"
        finally:
            journal.close()


def rewrite(path: Path, body: str, *, packed: bool) -> None:
    """Another record under the seventh's number, with the right checksum: what another version may have written."""
    data = body.encode("utf-8", "surrogatepass")
    if packed:
        ((_, data),) = groups([(7, data)])
    with suppress(sqlite3.Error):
        connection = sqlite3.connect(path)
        try:
            connection.execute("UPDATE records SET crc = ?, body = ? WHERE number = 7", (checksum(7, data), data))
            connection.commit()
        finally:
            connection.close()


def is_sound(journal: SqliteJournal, body: str) -> None:
    kept = list(journal.replay())
    numbers = [each.number for each in kept]
    assert not numbers or numbers == list(range(numbers[0], numbers[0] + len(numbers))), (
        "a record is missing in between"
    )
    if not body:
        assert kept == [record(number) for number in numbers], "a record that nobody wrote"
        restored = list(journal.restore())
        assert restored == [record(each.number) for each in restored], "a state that nobody wrote"
    assert journal.last_number >= 0


TARGET = Target(
    name="journals",
    make=make,
    check=check,
    share=5,
)
