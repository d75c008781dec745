"""What every journal does, in memory, in SQLite and in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import pytest
from doorward.engine import Engine
from doorward.journal import Journal, JournalError, MemoryJournal, PostgresqlJournal, SqliteJournal
from doorward.journal.encoding import decode_all
from doorward.model.event import AnyEvent, Elapsed, Observed, Record, Started

from tests.postgresql.server import Postgresql

Make = Callable[..., Journal]


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    made: list[Journal] = []
    if request.param == "postgresql":
        server: Postgresql = request.getfixturevalue("shared_postgresql")

    def journal(retention_age: float | None = None) -> Journal:
        if request.param == "memory":
            made.append(MemoryJournal(retention_age))
        elif request.param == "postgresql":
            made.append(PostgresqlJournal(server.url(), "east", retention_age))
        else:
            made.append(SqliteJournal(tmp_path / f"{len(made)}.db", retention_age))
        return made[-1]

    yield journal
    for each in made:
        each.close()


@pytest.fixture
def journal(make: Make) -> Journal:
    return make()


def record(number: int, cause: int = 0) -> Record:
    return Record(number, cause, Elapsed(at=float(number)))


def records(first: int, last: int) -> list[Record]:
    return [record(number) for number in range(first, last + 1)]


def state(number: int) -> list[Record]:
    """A state that a snapshot through ``number`` keeps; its records bear numbers of their own."""
    return [Record(number, 0, Observed(at=1.0, kind="Service", object={"state": number})), record(1)]


def test_an_empty_journal_has_nothing(journal: Journal) -> None:
    assert journal.last_number == 0
    assert journal.since_snapshot == 0
    assert list(journal.replay()) == list(journal.restore()) == []
    assert journal.chain(1) == []
    assert journal.prune(1e9) == 0


def test_records_come_back_in_order_before_and_after_a_commit(journal: Journal) -> None:
    journal.append(records(1, 3))
    assert list(journal.replay()) == records(1, 3)
    journal.append(records(4, 5))
    journal.commit()
    assert list(journal.replay()) == list(journal.restore()) == records(1, 5)
    assert journal.last_number == 5


def test_replay_starts_behind_a_number(journal: Journal) -> None:
    journal.append(records(1, 1200))
    assert list(journal.replay(1100)) == records(1101, 1200)
    assert list(journal.replay(1200)) == []
    assert list(journal.replay(5000)) == []


def test_a_replay_may_go_on_while_records_are_appended(journal: Journal) -> None:
    journal.append(records(1, 3))
    replay = journal.replay()
    assert next(replay) == record(1)
    journal.append(records(4, 4))
    assert list(replay)[:2] == records(2, 3)


@pytest.mark.parametrize("numbers", [[2], [0], [1, 3], [1, 1], [1, 2, 2]])
def test_a_number_out_of_turn_is_refused_and_nothing_taken(journal: Journal, numbers: list[int]) -> None:
    with pytest.raises(ValueError, match="out of turn"):
        journal.append([record(number) for number in numbers])
    assert list(journal.replay()) == []
    journal.append(records(1, 1))
    assert journal.last_number == 1


def test_an_append_of_nothing_is_nothing(journal: Journal) -> None:
    journal.append([])
    journal.commit()
    assert journal.last_number == 0


def test_a_snapshot_stands_for_what_came_before(journal: Journal) -> None:
    journal.append(records(1, 5))
    journal.snapshot(state(5), through=5)
    assert journal.since_snapshot == 0
    journal.append(records(6, 7))
    assert list(journal.restore()) == [*state(5), *records(6, 7)]
    assert list(journal.replay()) == records(1, 7)
    assert journal.since_snapshot == 2


def test_the_newest_snapshot_counts(journal: Journal) -> None:
    journal.append(records(1, 9))
    journal.snapshot(state(8), through=8)
    journal.snapshot(state(4), through=4)
    assert list(journal.restore()) == [*state(8), record(9)]


def test_the_state_after_any_record_is_restored_from_the_snapshot_before_it(journal: Journal) -> None:
    journal.append(records(1, 9))
    journal.snapshot(state(4), through=4)
    journal.snapshot(state(8), through=8)
    assert list(journal.restore(3)) == records(1, 3)
    assert list(journal.restore(4)) == state(4)
    assert list(journal.restore(7)) == [*state(4), *records(5, 7)]
    assert list(journal.restore(9)) == [*state(8), record(9)]


@pytest.mark.parametrize("number", [2, 10])
def test_a_state_that_retention_let_go_or_that_never_was_is_an_error(make: Make, number: int) -> None:
    journal = make(retention_age=1.0)
    journal.append(records(1, 9))
    journal.snapshot(state(4), through=4)
    journal.prune(now=1e9)
    assert list(journal.restore(5)) == [*state(4), record(5)]
    with pytest.raises(JournalError, match=f"as of record {number}"):
        list(journal.restore(number))


def test_a_snapshot_taken_again_replaces_the_former(journal: Journal) -> None:
    journal.append(records(1, 4))
    journal.snapshot(state(1), through=4)
    journal.snapshot(state(2), through=4)
    assert list(journal.restore()) == state(2)


@pytest.mark.parametrize("through", [-1, 3])
def test_a_snapshot_of_what_is_not_there_yet_is_refused(journal: Journal, through: int) -> None:
    journal.append(records(1, 2))
    with pytest.raises(ValueError, match="snapshot"):
        journal.snapshot([], through=through)


def test_an_empty_state_is_a_state(journal: Journal) -> None:
    journal.append(records(1, 2))
    journal.snapshot([], through=2)
    assert list(journal.restore()) == []


def test_a_chain_leads_from_a_record_to_its_root(journal: Journal) -> None:
    journal.append([record(1), record(2), record(3, cause=1), record(4, cause=2), record(5, cause=3)])
    assert [link.number for link in journal.chain(5)] == [5, 3, 1]
    assert [link.number for link in journal.chain(2)] == [2]
    assert journal.chain(6) == []


def test_a_chain_ends_where_retention_does(make: Make) -> None:
    journal = make(retention_age=10.0)
    journal.append([record(1), record(2, cause=1), record(3, cause=2)])
    journal.snapshot([], through=1)
    journal.prune(now=100.0)
    assert [link.number for link in journal.chain(3)] == [3, 2]


def test_a_cause_that_is_no_earlier_record_ends_the_chain(journal: Journal) -> None:
    journal.append([record(1, cause=1), record(2, cause=7)])
    assert [link.number for link in journal.chain(1)] == [1]
    assert [link.number for link in journal.chain(2)] == [2]


def test_retention_goes_back_to_the_newest_snapshot_that_is_old_enough(make: Make) -> None:
    journal = make(retention_age=10.0)
    journal.append(records(1, 30))
    for through in (5, 15, 25):
        journal.snapshot(state(through), through=through)
    assert journal.prune(now=14.0) == 0
    assert journal.prune(now=30.0) == 15
    assert list(journal.replay()) == records(16, 30)
    assert list(journal.restore()) == [*state(25), *records(26, 30)]
    assert journal.prune(now=30.0) == 0


def test_the_newest_snapshot_stays_however_old(make: Make) -> None:
    journal = make(retention_age=10.0)
    journal.append(records(1, 3))
    journal.snapshot(state(3), through=3)
    assert journal.prune(now=1e9) == 3
    assert list(journal.replay()) == []
    assert list(journal.restore()) == state(3)
    assert journal.last_number == 3
    journal.append(records(4, 4))
    assert list(journal.restore()) == [*state(3), record(4)]


def test_without_a_snapshot_or_a_limit_nothing_goes(make: Make) -> None:
    for journal in (make(retention_age=10.0), make()):
        journal.append(records(1, 3))
        assert journal.prune(now=1e9) == 0
    journal.snapshot([], through=3)
    assert journal.prune(now=1e9) == 0


def test_a_snapshot_whose_record_is_gone_is_as_old_as_the_one_before(make: Make) -> None:
    journal = make(retention_age=10.0)
    journal.append(records(1, 3))
    journal.snapshot(state(3), through=3)
    journal.prune(now=100.0)
    journal.snapshot(state(4), through=3)
    assert list(journal.restore()) == state(4)
    journal.append([Record(4, 0, Started(at=200.0))])
    journal.snapshot([], through=4)
    assert journal.prune(now=205.0) == 0


def test_closing_twice_is_fine(journal: Journal) -> None:
    journal.append(records(1, 1))
    journal.close()
    journal.close()


@pytest.mark.parametrize("file", sorted(Path(__file__).parent.glob("records-*.json")), ids=lambda file: file.stem)
def test_what_an_earlier_version_wrote_is_read(file: Path) -> None:
    """Each file holds a service's life and every kind of record, as that version wrote them."""
    records = decode_all(file.read_bytes())
    assert {type(record.event) for record in records} == set(get_args(AnyEvent))
    engine = Engine()
    engine.restore(records)
    assert engine.services()
