"""What a row of the file holds: records that were committed together, and what tells them from rubbish."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from doorward.journal import JournalError, SqliteJournal
from doorward.journal import group as groups
from doorward.journal.encoding import checksum, decode_all, decode_lines, encode
from doorward.model.event import Elapsed, Observed, Record
from lz4 import frame
from structlog.testing import capture_logs


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def record(number: int, cause: int = 0, text: str = "") -> Record:
    if text:
        return Record(number, cause, Observed(at=float(number), kind="Service", object={"text": text}))
    return Record(number, cause, Elapsed(at=float(number)))


def records(first: int, last: int) -> list[Record]:
    return [record(number) for number in range(first, last + 1)]


def kept(path: Path, *commits: list[Record]) -> SqliteJournal:
    """A journal with these records, each list of which was committed alone."""
    journal = SqliteJournal(path)
    for commit in commits:
        journal.append(commit)
        journal.commit()
    return journal


def rows(path: Path) -> list[tuple[int, int, bytes]]:
    with sqlite3.connect(path) as connection:
        found = list(connection.execute("SELECT number, crc, body FROM records ORDER BY number"))
    connection.close()
    return found


def rewrite(path: Path, body: bytes, number: int, table: str = "records", key: str = "number") -> None:
    """Another body under a number, as if it had been written."""
    with sqlite3.connect(path) as connection:
        connection.execute(
            f"UPDATE {table} SET crc = ?, body = ? WHERE {key} = ?", (checksum(number, body), body, number)
        )
    connection.close()


# -- records that are committed together -----------------------------------------------------------------------------


def test_what_is_committed_together_is_one_row_with_the_number_of_the_last(path: Path) -> None:
    journal = kept(path, records(1, 3), records(4, 4))
    assert [number for number, _, _ in rows(path)] == [3, 4]
    assert list(journal.replay()) == records(1, 4)
    assert list(journal.replay(1)) == records(2, 4)
    journal.close()


def test_a_commit_of_more_than_a_group_is_several_of_them(path: Path) -> None:
    many = 2 * groups.RECORDS + 1
    journal = kept(path, records(1, many))
    assert [number for number, _, _ in rows(path)] == [groups.RECORDS, 2 * groups.RECORDS, many]
    assert list(journal.replay()) == records(1, many)
    journal.close()


def test_large_records_make_small_groups(path: Path) -> None:
    large = [record(number, text="x" * (groups.BYTES // 2)) for number in range(1, 6)]
    journal = kept(path, large)
    assert [number for number, _, _ in rows(path)] == [2, 4, 5]
    assert list(journal.replay()) == large
    journal.close()


def test_alike_records_take_a_small_part_of_their_json(path: Path) -> None:
    alike = [record(number, text=f"model-{number:04d}.example.com " * 20) for number in range(1, 101)]
    kept(path, alike).close()
    assert sum(len(body) for _, _, body in rows(path)) * 5 < len(encode(alike))


def test_a_group_tells_how_many_records_it_has_before_it_is_unpacked() -> None:
    ((number, body),) = groups.groups([(each.number, encode(each)) for each in records(5, 9)])
    assert (number, groups.count(body[: groups.HEADER])) == (9, 5)
    assert groups.first(number, body) == 5


def test_a_snapshot_may_end_within_a_group(path: Path) -> None:
    journal = kept(path, records(1, 5), records(6, 8))
    journal.snapshot([record(2)], through=7)
    assert list(journal.restore()) == [record(2), record(8)]
    journal.close()
    journal = SqliteJournal(path)
    assert list(journal.restore()) == [record(2), record(8)]
    assert list(journal.restore(3)) == records(1, 3)
    assert not list(path.parent.glob("*.corrupt-*"))
    journal.close()


def test_the_group_in_which_a_snapshot_ends_is_cut_when_its_records_are_forgotten(path: Path) -> None:
    journal = SqliteJournal(path, retention_age=1.0)
    journal.append(records(1, 5))
    journal.commit()
    journal.append(records(6, 8))
    journal.snapshot([], through=7)
    assert journal.prune(now=1e9) == 7
    assert list(journal.replay()) == records(8, 8)
    assert journal.chain(7) == []
    journal.close()
    assert [(number, groups.first(number, body)) for number, _, body in rows(path)] == [(8, 8)]
    journal = SqliteJournal(path)
    assert list(journal.restore()) == records(8, 8)
    journal.close()


def test_a_chain_leads_within_groups_and_from_one_to_another(path: Path) -> None:
    journal = kept(path, [record(1), record(2), record(3, 1)], [record(4, 2), record(5, 4), record(6, 3)])
    assert [link.number for link in journal.chain(6)] == [6, 3, 1]
    assert [link.number for link in journal.chain(5)] == [5, 4, 2]
    journal.close()


def test_a_snapshot_is_as_old_as_its_record_in_the_middle_of_a_group(path: Path) -> None:
    journal = kept(path, records(1, 9))
    journal.snapshot([], through=4)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT at FROM snapshots").fetchall() == [(4.0,)]
    connection.close()
    journal.close()


# -- what isn't as it should be --------------------------------------------------------------------------------------


def test_a_damaged_group_is_lost_whole_and_those_before_it_are_kept(path: Path) -> None:
    kept(path, records(1, 3), records(4, 6), records(7, 9)).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE records SET crc = crc + 1 WHERE number = 6")
    connection.close()
    with capture_logs() as logs:
        journal = SqliteJournal(path)
    assert list(journal.replay()) == records(1, 3)
    assert (logs[0]["records"], logs[0]["last_number"]) == (3, 3)
    journal.close()


@pytest.mark.parametrize(
    ("number", "told", "left"),
    [(6, 4, range(1, 4)), (6, 2, range(1, 4)), (9, 2, range(1, 7)), (3, 2, range(2, 10))],
)
def test_a_group_that_leaves_a_gap_or_overlaps_ends_the_run(path: Path, number: int, told: int, left: range) -> None:
    kept(path, records(1, 3), records(4, 6), records(7, 9)).close()
    rewrite(path, groups._group([encode(each) for each in records(number - told + 1, number)]), number)
    with capture_logs():
        journal = SqliteJournal(path)
    assert [each.number for each in journal.replay()] == list(left)
    assert journal.last_number == left[-1]
    journal.close()


def test_a_group_that_goes_while_the_file_is_open_ends_a_replay(path: Path) -> None:
    journal = kept(path, records(1, 3), records(4, 6), records(7, 9))
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM records WHERE number = 6")
    connection.close()
    with capture_logs() as logs:
        assert list(journal.replay()) == records(1, 3)
    assert [each["record"] for each in logs] == [4]
    journal.close()


def with_size(size: int) -> bytes:
    """The beginning of a frame of LZ4 that claims to unpack to so many bytes."""
    return bytes(frame.compress_begin(frame.create_compression_context(), source_size=size))


HUGE = 1 << 42


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        (lambda body: body[:12] + with_size(HUGE), f"claims to be of {HUGE} bytes"),
        (lambda body: body[:12] + frame.compress(b"{}\n", store_size=False), "claims to be of 0 bytes"),
        (lambda body: body[:12] + b"rubbish", "LZ4F"),
        (lambda body: body[:-9], "LZ4F|incomplete"),
        (lambda body: body[:12] + frame.compress(b"rubbish\n"), "malformed"),
        (lambda body: body[:12] + frame.compress(encode(record(6)) + b"\n"), "holds other records"),
    ],
)
def test_a_group_that_is_not_understood_is_named(path: Path, spoilt: Callable[[bytes], bytes], why: str) -> None:
    journal = kept(path, records(1, 3), records(4, 6))
    rewrite(path, spoilt(rows(path)[1][2]), 6)
    replay = journal.replay()
    assert [next(replay) for _ in range(3)] == records(1, 3)
    with pytest.raises(JournalError, match=rf"{path}: the group of records 4 to 6 isn't understood \(.*({why}).*\)"):
        next(replay)
    journal.close()


def test_a_snapshot_that_claims_to_be_huge_is_not_understood(path: Path) -> None:
    journal = kept(path, records(1, 3))
    journal.snapshot(records(1, 3), through=3)
    rewrite(path, with_size(HUGE), 3, "snapshots", "through")
    with pytest.raises(JournalError, match=f"snapshot through 3 isn't understood .*{HUGE} bytes"):
        list(journal.restore())
    journal.close()


# -- by hand ---------------------------------------------------------------------------------------------------------


def test_whatever_reads_frames_of_lz4_gives_the_json_back(path: Path) -> None:
    journal = kept(path, records(1, 3), records(4, 6))
    journal.snapshot(records(1, 2), through=6)
    journal.close()
    with sqlite3.connect(path) as connection:
        ((state,),) = connection.execute("SELECT body FROM snapshots")
    connection.close()

    def unpacked(packed: bytes) -> bytes:
        """What ``lz4 -d`` gives: a reader of frames passes over those that may be skipped."""
        with frame.open(BytesIO(packed)) as file:
            return bytes(file.read())

    assert decode_lines(unpacked(b"".join(body for _, _, body in rows(path)))) == records(1, 6)
    assert decode_all(unpacked(state)) == records(1, 2)
