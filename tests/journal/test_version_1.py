"""A file that doorward wrote when each record was a row of JSON is read, and gone on with, beside groups of today."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from doorward.engine import Engine
from doorward.journal import SqliteJournal
from doorward.journal.encoding import decode_all
from doorward.journal.file import VERSION
from doorward.model.event import Elapsed, Record
from structlog.testing import capture_logs

HERE = Path(__file__).parent
LAST, SNAPSHOTS = 10, (3, 6)


def written() -> list[Record]:
    """The records that are in it."""
    return decode_all((HERE / "records-0.1.json").read_bytes())[:LAST]


def more(first: int, last: int) -> list[Record]:
    return [Record(number, number - 1, Elapsed(at=2e9)) for number in range(first, last + 1)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "journal.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript((HERE / "version-1.sql").read_text())
    connection.close()
    assert version(path) == 1
    return path


def version(path: Path) -> int:
    connection = sqlite3.connect(path)
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    connection.close()
    return int(found)


def sizes(path: Path) -> list[tuple[int, bool]]:
    """The rows' numbers, and whether each is plain JSON."""
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT number, substr(body, 1, 1) = x'7b' FROM records ORDER BY number").fetchall()
    connection.close()
    return [(number, bool(plain)) for number, plain in found]


def test_a_reader_takes_it_as_it_is(path: Path) -> None:
    before = path.read_bytes()
    reader = SqliteJournal(path, read_only=True)
    assert list(reader.replay()) == written()
    assert list(reader.replay(4)) == written()[4:]
    assert [link.number for link in reader.chain(10)] == [10, 9, 7, 3]
    engine = Engine()
    engine.restore(reader.restore())
    assert engine.number == LAST
    assert engine.services()
    reader.close()
    assert path.read_bytes() == before


def test_a_writer_leaves_its_rows_and_goes_on_in_groups(path: Path) -> None:
    with capture_logs() as logs:
        journal = SqliteJournal(path)
    assert not logs
    assert version(path) == VERSION == 2
    assert (journal.last_number, journal.since_snapshot) == (LAST, LAST - SNAPSHOTS[-1])
    journal.append(more(11, 15))
    journal.commit()
    assert sizes(path) == [*((number, True) for number in range(1, 11)), (15, False)]
    assert list(journal.replay()) == [*written(), *more(11, 15)]
    assert [link.number for link in journal.chain(12)] == [12, 11, 10, 9, 7, 3]
    journal.snapshot([], through=12)
    journal.close()
    reader = SqliteJournal(path, read_only=True)
    assert list(reader.restore()) == more(13, 15)
    assert list(reader.restore(11))[-1] == more(11, 11)[0]
    reader.close()


def test_its_rows_are_forgotten_as_any_others(path: Path) -> None:
    journal = SqliteJournal(path, retention_age=1.0)
    journal.append(more(11, 15))
    assert journal.prune(now=1.8e9) == 6
    assert list(journal.replay()) == [*written()[6:], *more(11, 15)]
    journal.snapshot([], through=12)
    assert journal.prune(now=3e9) == 6
    assert list(journal.replay()) == more(13, 15)
    journal.close()


@pytest.mark.parametrize(
    ("statement", "left"),
    [
        ("UPDATE records SET crc = 0 WHERE number = 9", range(1, 9)),
        ("DELETE FROM records WHERE number = 5", range(6, 16)),
        ("UPDATE records SET crc = 0 WHERE number = 15", range(1, 11)),
    ],
)
def test_what_is_whole_of_it_is_kept(path: Path, statement: str, left: range) -> None:
    journal = SqliteJournal(path)
    journal.append(more(11, 15))
    journal.close()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(statement)
    connection.close()
    with capture_logs():
        journal = SqliteJournal(path)
    assert [each.number for each in journal.replay()] == list(left)
    journal.close()
    assert version(path) == VERSION
    assert path.with_name("journal.sqlite.corrupt-1").exists()
