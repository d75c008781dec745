"""The journal in a file: what outlives the process, who may open it, and how large it grows."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from doorward.journal import JournalError, JournalLocked, JournalTooNew, NotAJournal, SqliteJournal
from doorward.journal.file import VERSION
from doorward.model.event import Elapsed, Observed, Record


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def record(number: int, size: int = 0) -> Record:
    if size:
        text = random.Random(number).randbytes(size // 2).hex()  # which no packing makes much smaller
        return Record(number, 0, Observed(at=float(number), kind="Service", object={"text": text}))
    return Record(number, 0, Elapsed(at=float(number)))


def records(first: int, last: int, size: int = 0) -> list[Record]:
    return [record(number, size) for number in range(first, last + 1)]


def test_a_journal_goes_on_where_it_was_closed(path: Path) -> None:
    journal = SqliteJournal(path)
    journal.append(records(1, 3))
    journal.snapshot(records(2, 2), through=3)
    journal.append(records(4, 5))
    journal.close()
    journal = SqliteJournal(path)
    assert journal.last_number == 5
    assert journal.since_snapshot == 2
    assert list(journal.replay()) == records(1, 5)
    assert list(journal.restore()) == [record(2), record(4), record(5)]
    journal.append(records(6, 6))
    journal.close()
    assert sorted(each.name for each in path.parent.iterdir()) == ["journal.db", "journal.db.lock"]


def test_only_the_owner_may_read_the_file(path: Path) -> None:
    SqliteJournal(path).close()
    assert path.stat().st_mode & 0o077 == 0


WRITER = """
import os, sys
from doorward.journal import SqliteJournal
from doorward.model.event import Elapsed, Record
journal = SqliteJournal(sys.argv[1])
number = journal.last_number
while True:
    batch = [Record(number + step, 0, Elapsed(at=1.0)) for step in range(1, 11)]
    number += 10
    journal.append(batch)
    if number == int(sys.argv[2]):
        os._exit(3)
    journal.commit()
    print(number, flush=True)
"""


def writer(path: Path, end: int) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(end)], stdout=subprocess.PIPE, text=True)


def test_what_was_committed_outlives_an_exit_and_what_was_not_does_not(path: Path) -> None:
    with writer(path, 50) as process:
        assert process.wait() == 3
    journal = SqliteJournal(path)
    assert [each.number for each in journal.replay()] == list(range(1, 41))
    journal.close()


def test_what_was_committed_outlives_a_kill_at_any_moment(path: Path) -> None:
    told = 0
    for lines in (1, 3, 20):
        with writer(path, -1) as process:
            assert process.stdout is not None
            for _ in range(lines):
                told = int(process.stdout.readline())
            process.send_signal(signal.SIGKILL)
            told = max([told, *(int(line) for line in process.stdout if line.endswith("\n"))])
        journal = SqliteJournal(path)
        assert journal.last_number >= told
        assert [each.number for each in journal.replay()] == list(range(1, journal.last_number + 1))
        journal.close()
    assert not list(path.parent.glob("*.corrupt-*"))


def test_two_daemons_cannot_share_a_file(path: Path) -> None:
    journal = SqliteJournal(path)
    journal.append(records(1, 1))
    with pytest.raises(JournalLocked, match=rf"{path}: process {os.getpid()} writes this journal; stop it"):
        SqliteJournal(path)
    journal.append(records(2, 2))
    journal.close()
    SqliteJournal(path).close()


def test_the_lock_of_a_killed_daemon_is_free(path: Path) -> None:
    with writer(path, -1) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(JournalLocked, match=f"process {process.pid}"):
            SqliteJournal(path)
        process.kill()
    SqliteJournal(path).close()


def test_tools_read_while_the_daemon_writes(path: Path) -> None:
    journal = SqliteJournal(path)
    journal.append(records(1, 3))
    journal.commit()
    reader = SqliteJournal(path, read_only=True)
    assert list(reader.replay()) == records(1, 3)
    journal.append(records(4, 4))
    assert reader.last_number == 3
    journal.snapshot([], through=4)
    assert reader.last_number == 4
    assert reader.since_snapshot == 0
    assert reader.chain(2) == [record(2)]
    with pytest.raises(JournalError, match="reading only"):
        reader.append(records(5, 5))
    with pytest.raises(JournalError, match="reading only"):
        reader.prune(0.0)
    reader.close()
    journal.append(records(5, 5))
    journal.close()


def test_a_reader_needs_a_journal(path: Path) -> None:
    with pytest.raises(JournalError, match="isn't there"):
        SqliteJournal(path, read_only=True)
    assert not path.exists()
    path.touch()
    with pytest.raises(NotAJournal, match="is empty"):
        SqliteJournal(path, read_only=True)


@pytest.mark.parametrize("read_only", [False, True])
def test_a_file_of_a_later_version_is_refused_and_left_alone(path: Path, read_only: bool) -> None:
    SqliteJournal(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(JournalTooNew, match=rf"{path}: has version {VERSION + 1}, .* up to {VERSION}; run the later"):
        SqliteJournal(path, read_only=read_only)
    assert path.read_bytes() == before


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("content", ["text", "database", "short"])
def test_a_file_that_is_no_journal_is_refused_and_left_alone(path: Path, content: str, read_only: bool) -> None:
    if content == "database":
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE records (x)")
        connection.close()
    else:
        path.write_text("no journal\n" * (1000 if content == "text" else 1))
    before = path.read_bytes()
    with pytest.raises(JournalError, match=str(path)) as caught:
        SqliteJournal(path, read_only=read_only)
    assert read_only or caught.type is NotAJournal
    assert path.read_bytes() == before
    assert {each.name for each in path.parent.iterdir()} <= {"journal.db", "journal.db.lock"}


def test_a_directory_that_is_not_there_is_named(path: Path) -> None:
    with pytest.raises(JournalError, match=str(path.parent / "none")):
        SqliteJournal(path.parent / "none" / "journal.db")
    with pytest.raises(JournalError, match=str(path.parent)):
        SqliteJournal(path.parent)


def test_a_commit_that_fails_keeps_what_is_pending(path: Path) -> None:
    journal = SqliteJournal(path)
    journal.append(records(1, 2))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    journal._database.execute("PRAGMA busy_timeout = 0")
    with pytest.raises(JournalError, match=str(path)):
        journal.commit()
    journal.append(records(3, 3))
    other.execute("ROLLBACK")
    other.close()
    journal.commit()
    assert list(journal.replay()) == records(1, 3)
    journal.close()


def test_a_closed_journal_says_so(path: Path) -> None:
    journal = SqliteJournal(path)
    journal.close()
    with pytest.raises(JournalError, match="is closed"):
        journal.append(records(1, 1))
    with pytest.raises(JournalError, match="is closed"):
        list(journal.replay())


def test_the_file_stays_below_its_size_and_shrinks(path: Path) -> None:
    journal = SqliteJournal(path, retention_bytes=400_000)
    for end in range(100, 2001, 100):
        journal.append(records(end - 99, end, size=1000))
        journal.snapshot(records(end, end), through=end)
        journal.prune(now=0.0)
    kept = list(journal.replay())
    assert 200 <= len(kept) < 400
    assert kept == records(kept[0].number, 2000, size=1000)
    journal.close()
    assert path.stat().st_size <= 400_000


def test_the_newest_snapshot_stays_however_large(path: Path) -> None:
    journal = SqliteJournal(path, retention_bytes=1)
    journal.append(records(1, 10, size=1000))
    journal.snapshot(records(1, 10, size=1000), through=5)
    journal.prune(now=0.0)
    assert list(journal.restore()) == [*records(1, 10, size=1000), *records(6, 10, size=1000)]
    journal.close()


def test_commits_may_run_in_another_thread(path: Path) -> None:
    journal = SqliteJournal(path)
    done = threading.Event()

    def commit() -> None:
        while not done.is_set():
            journal.commit()

    thread = threading.Thread(target=commit)
    thread.start()
    for number in range(1, 2001):
        journal.append([record(number)])
    done.set()
    thread.join()
    journal.close()
    journal = SqliteJournal(path)
    assert list(journal.replay()) == records(1, 2000)
    journal.close()
