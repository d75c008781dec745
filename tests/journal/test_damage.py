"""What a disk can do to the file: it never stops the journal, and never makes up a record."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from doorward.journal import JournalError, JournalTooNew, SqliteJournal
from doorward.journal.encoding import checksum, encode
from doorward.model.event import Observed, Record
from structlog.testing import capture_logs

LAST = 240
GROUP = 8
"""Records that are committed together."""
SNAPSHOTS = (84, 164)
"""In the middle of a group each."""


def record(number: int) -> Record:
    text = random.Random(number).randbytes(80).hex()  # which no packing makes much smaller
    return Record(number, number - 1, Observed(at=float(number), kind="Service", object={"text": text}))


def state(through: int) -> list[Record]:
    return [record(number) for number in range(max(1, through - 60), through + 1)]


def fill(path: Path) -> SqliteJournal:
    journal = SqliteJournal(path)
    for number in range(1, LAST + 1):
        journal.append([record(number)])
        if number % GROUP == 0:
            journal.commit()
        if (through := number - GROUP // 2) in SNAPSHOTS:
            journal.snapshot(state(through), through=through)
    return journal


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "journal.db"
    fill(path).close()
    return path


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As a killed process leaves it: most of it in the log beside the file."""
    directory = tmp_path_factory.mktemp("killed")
    journal = fill(directory / "live.db")
    for suffix in ("", "-wal"):
        shutil.copy(directory / f"live.db{suffix}", directory / f"journal.db{suffix}")
    journal.close()
    return directory / "journal.db"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def copy(source: Path, path: Path) -> None:
    for old in path.parent.iterdir():
        old.unlink()
    for suffix in ("", "-wal"):
        if source.with_name(source.name + suffix).exists():
            shutil.copy(source.with_name(source.name + suffix), path.with_name(path.name + suffix))


def consistent(journal: SqliteJournal) -> list[Record]:
    """Check that everything in a journal was once written, and that nothing is missing in between; its records."""
    kept = list(journal.replay())
    assert kept == [record(each.number) for each in kept]
    numbers = [each.number for each in kept]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))) if numbers else True
    restored = list(journal.restore())
    last = journal.last_number
    bases: dict[int, list[Record]] = {0: [], **{through: state(through) for through in SNAPSHOTS}}
    states = [base + [record(n) for n in range(through + 1, last + 1)] for through, base in bases.items()]
    assert restored in (*states, kept)
    for number in (1, 100, last):
        chain = journal.chain(number)
        assert chain == [record(each) for each in range(number, number - len(chain), -1)]
    return kept


def survives(path: Path) -> int:
    """Open what is left, read-only and for writing, check it, go on with it; how many records were kept."""
    with capture_logs() as logs:
        for method in ("replay", "restore"):
            with suppress(JournalError):
                reader = SqliteJournal(path, read_only=True)
                assert all(each == record(each.number) for each in getattr(reader, method)())
                reader.close()
        journal = SqliteJournal(path)
        kept = consistent(journal)
        last = journal.last_number
        assert 0 <= last <= LAST
        journal.append([record(last + 1)])
        journal.close()
        journal = SqliteJournal(path)
        assert journal.last_number == last + 1
        assert list(journal.replay())[-1] == record(last + 1)
        journal.close()
    if list(path.parent.glob("*.corrupt-1")):
        assert any("damaged" in each["event"] for each in logs)
    return len(kept)


def test_without_damage_everything_is_there(whole: Path, killed: Path, path: Path) -> None:
    for source in (whole, killed):
        copy(source, path)
        assert survives(path) == LAST


def test_a_file_cut_anywhere_keeps_what_is_whole(whole: Path, path: Path) -> None:
    content = whole.read_bytes()
    for size in (*range(0, 120, 17), *range(120, len(content), len(content) // 30), len(content) - 1):
        copy(whole, path)
        path.write_bytes(content[:size])
        survives(path)


def test_a_log_cut_anywhere_keeps_what_is_whole(killed: Path, path: Path) -> None:
    wal = killed.with_name("journal.db-wal").read_bytes()
    kept = []
    for size in (*range(0, 100, 19), *range(100, len(wal), len(wal) // 25), len(wal) - 1):
        copy(killed, path)
        path.with_name("journal.db-wal").write_bytes(wal[:size])
        kept.append(survives(path))
    assert kept == sorted(kept)
    assert kept[0] == 0
    assert kept[-1] >= 160


def offsets(size: int, count: int, seed: int) -> Iterator[int]:
    return iter(random.Random(seed).sample(range(size), count))


def test_a_byte_flipped_anywhere_keeps_what_is_whole(whole: Path, path: Path) -> None:
    content = whole.read_bytes()
    chosen = random.Random(1)
    kept = 0
    positions = (*range(0, 100, 3), *offsets(len(content), 60, seed=2))
    for position in positions:
        copy(whole, path)
        damaged = bytearray(content)
        damaged[position] ^= chosen.randrange(1, 256)
        path.write_bytes(damaged)
        try:
            kept += survives(path)
        except JournalTooNew:
            assert 60 <= position < 64
    assert kept > LAST * len(positions) // 2


def test_a_page_full_of_rubbish_anywhere_keeps_what_is_whole(whole: Path, path: Path) -> None:
    content = whole.read_bytes()
    chosen = random.Random(3)
    for page in range(0, len(content), 4096):
        copy(whole, path)
        filling = chosen.choice([b"\0" * 4096, chosen.randbytes(4096), content[4096 * 2 : 4096 * 3]])
        path.write_bytes(content[:page] + filling + content[page + 4096 :])
        if page == 0:
            with pytest.raises(JournalError, match="no journal"):  # Nothing says any more that it ever was one.
                SqliteJournal(path)
            continue
        survives(path)


@pytest.mark.parametrize("position", [0, 15, 16, 18, 19, 21])
def test_a_header_that_is_no_header_any_more_costs_nothing(whole: Path, path: Path, position: int) -> None:
    copy(whole, path)
    damaged = bytearray(whole.read_bytes())
    damaged[position] ^= 0x55
    path.write_bytes(damaged)
    assert survives(path) == LAST


def test_damage_that_no_record_shows_is_found_when_the_file_is_opened(whole: Path, path: Path) -> None:
    copy(whole, path)
    damaged = bytearray(whole.read_bytes())
    damaged[36:40] = (7).to_bytes(4)  # the count of free pages (SQLite file format, section 1.3.8)
    path.write_bytes(damaged)
    assert survives(path) == LAST
    assert path.with_name("journal.db.corrupt-1").exists()


@pytest.mark.parametrize("word", [b"CREATE TABLE records", b"snapshots (through", b"crc INTEGER NOT NULL, body BLOB"])
@pytest.mark.parametrize("byte", [b"\xa6", b"\0", b"x"])
def test_a_schema_with_rubbish_keeps_the_records(whole: Path, path: Path, word: bytes, byte: bytes) -> None:
    copy(whole, path)
    path.write_bytes(whole.read_bytes().replace(word, word[:9] + byte + word[10:], 1))
    survives(path)


def test_a_log_with_a_flipped_byte_keeps_what_is_whole(killed: Path, path: Path) -> None:
    wal = killed.with_name("journal.db-wal").read_bytes()
    for position in offsets(len(wal), 30, seed=4):
        copy(killed, path)
        damaged = bytearray(wal)
        damaged[position] ^= 0x41
        path.with_name("journal.db-wal").write_bytes(damaged)
        survives(path)


def edit(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    ("statement", "numbers", "restored_from"),
    [
        ("UPDATE records SET body = x'7b7d' WHERE number = 200", range(1, 193), 164),
        ("UPDATE records SET crc = crc + 1 WHERE number = 200", range(1, 193), 164),
        ("DELETE FROM records WHERE number = 200", range(1, 193), 164),
        ("DELETE FROM records WHERE number = 104", range(105, 241), 164),
        ("UPDATE records SET number = 1000 WHERE number = 240", range(1, 233), 164),
        ("UPDATE records SET crc = 0 WHERE number = 168", range(165, 165), 164),
        ("UPDATE snapshots SET body = x'5b5d' WHERE through = 164", range(1, 241), 84),
        ("UPDATE snapshots SET through = 165 WHERE through = 164", range(1, 241), 84),
        ("UPDATE snapshots SET crc = 0", range(1, 241), 0),
    ],
)
def test_the_longest_run_around_the_newest_whole_snapshot_is_kept(
    whole: Path, path: Path, statement: str, numbers: range, restored_from: int
) -> None:
    copy(whole, path)
    edit(path, statement)
    with capture_logs() as logs:
        journal = SqliteJournal(path)
    assert [each.number for each in journal.replay()] == list(numbers)
    base = state(restored_from) if restored_from else []
    assert list(journal.restore()) == [*base, *(record(n) for n in range(restored_from + 1, numbers.stop))]
    assert journal.last_number == numbers.stop - 1
    journal.close()
    (warning,) = logs
    assert warning["log_level"] == "warning"
    assert warning["file"] == str(path)
    assert warning["kept_aside"] == str(path.with_name("journal.db.corrupt-1"))
    assert path.with_name("journal.db.corrupt-1").exists()


def test_a_snapshot_from_which_the_records_do_not_go_on_is_not_kept(whole: Path, path: Path) -> None:
    copy(whole, path)
    for statement in ("DELETE FROM records WHERE number = 104", "DELETE FROM snapshots WHERE through = 164"):
        edit(path, statement)
        with capture_logs():
            journal = SqliteJournal(path)
            assert [each.number for each in journal.replay()] == list(range(105, LAST + 1))
            assert journal.last_number == LAST
            journal.close()


def test_each_damaged_file_is_kept_under_a_name_of_its_own(whole: Path, path: Path) -> None:
    copy(whole, path)
    for _ in range(2):
        edit(path, "UPDATE records SET crc = 0 WHERE number = (SELECT max(number) FROM records)")
        with capture_logs():
            SqliteJournal(path).close()
    assert {each.name for each in path.parent.glob("*corrupt*")} == {"journal.db.corrupt-1", "journal.db.corrupt-2"}


def test_damage_that_appears_while_it_is_open_ends_a_replay(whole: Path, path: Path) -> None:
    copy(whole, path)
    reader = SqliteJournal(path, read_only=True)
    edit(path, "UPDATE records SET crc = 0 WHERE number = 200")
    with capture_logs() as logs:
        assert [each.number for each in reader.replay()] == list(range(1, 193))
        assert reader.chain(201) == [record(201)]
    assert [each["record"] for each in logs] == [193, 200]
    reader.close()


def test_a_salvage_killed_between_its_last_steps_is_completed(whole: Path, path: Path) -> None:
    copy(whole, path)
    path.rename(path.with_name("journal.db.salvage"))
    path.with_name("journal.db.corrupt-1").write_bytes(b"rubbish")
    path.with_name("journal.db-wal").write_bytes(b"rubbish")
    journal = SqliteJournal(path)
    assert len(list(journal.replay())) == LAST
    journal.close()
    assert path.with_name("journal.db.corrupt-1-wal").read_bytes() == b"rubbish"


def test_a_salvage_killed_before_its_last_steps_begins_anew(whole: Path, path: Path) -> None:
    copy(whole, path)
    path.with_name("journal.db.salvage").write_bytes(b"half")
    journal = SqliteJournal(path)
    assert len(list(journal.replay())) == LAST
    journal.close()
    assert not path.with_name("journal.db.salvage").exists()


def test_a_body_that_another_doorward_wrote_is_named(path: Path) -> None:
    journal = SqliteJournal(path)
    body = encode({"number": 1, "cause": 0, "event": {"type": "Invented"}})
    journal.close()
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("INSERT INTO records VALUES (1, ?, ?)", (checksum(1, body), body))
    connection.close()
    journal = SqliteJournal(path)
    with pytest.raises(JournalError, match=rf"{path}: record 1 isn't understood .*; run the doorward that wrote it"):
        list(journal.replay())
    journal.close()
