"""A journal that lasts as long as the process: for tests, simulations and embedders without a disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from doorward.journal.encoding import without_secrets
from doorward.journal.errors import JournalError
from doorward.model.event import Record


class _Snapshot(NamedTuple):
    through: int
    at: float
    records: tuple[Record, ...]


class MemoryJournal:
    """``retention_age`` in seconds; None: everything is kept."""

    def __init__(self, retention_age: float | None = None) -> None:
        self.retention_age = retention_age
        self._records: list[Record] = []
        self._snapshots: list[_Snapshot] = []
        """By ``through``, ascending."""

    @property
    def last_number(self) -> int:
        through = self._snapshots[-1].through if self._snapshots else 0
        return max(through, self._records[-1].number if self._records else 0)

    @property
    def since_snapshot(self) -> int:
        if not self._snapshots:
            return len(self._records)
        return self.last_number - self._snapshots[-1].through

    def append(self, records: Iterable[Record]) -> None:
        batch = without_secrets(records)
        in_turn(self.last_number, batch)
        self._records.extend(batch)

    def commit(self) -> None:
        """Nothing to do: what is appended lasts as long as it ever will."""

    def replay(self, start: int = 0) -> Iterator[Record]:
        return iter(self._records[self._index(start + 1) :])

    def snapshot(self, records: Sequence[Record], through: int) -> None:
        reached(self.last_number, through)
        kept = [each for each in self._snapshots if each.through != through]
        kept.append(_Snapshot(through, self._at(through), tuple(without_secrets(records))))
        self._snapshots = sorted(kept, key=lambda each: each.through)

    def restore(self, through: int | None = None) -> Iterator[Record]:
        end = self.last_number if through is None else through
        newest = next((each for each in reversed(self._snapshots) if each.through <= end), None)
        start = newest.through if newest else 0
        after = [record for record in self.replay(start) if record.number <= end]
        if through is not None and len(after) != end - start:
            raise forgotten("this journal", through)
        return iter((*(newest.records if newest else ()), *after))

    def chain(self, number: int) -> list[Record]:
        links: list[Record] = []
        while (record := self._record(number)) is not None:
            links.append(record)
            if not 0 < record.cause < number:
                break
            number = record.cause
        return links

    def prune(self, now: float) -> int:
        if self.retention_age is None:
            return 0
        old = [each for each in self._snapshots if each.at <= now - self.retention_age]
        if not old:
            return 0
        self._snapshots = [each for each in self._snapshots if each.through >= old[-1].through]
        gone = self._index(old[-1].through + 1)
        del self._records[:gone]
        return gone

    def close(self) -> None:
        """Nothing to let go of."""

    def _index(self, number: int) -> int:
        """Where the record of that number is, or would be."""
        first = self._records[0].number if self._records else 0
        return min(max(0, number - first), len(self._records))

    def _record(self, number: int) -> Record | None:
        index = self._index(number)
        found = self._records[index] if index < len(self._records) else None
        return found if found is not None and found.number == number else None

    def _at(self, number: int) -> float:
        """When that record was; where it is gone, when the snapshot was that stands for it."""
        if (record := self._record(number)) is not None:
            return record.event.at
        return max((each.at for each in self._snapshots if each.through <= number), default=0.0)


def in_turn(last: int, records: Sequence[Record]) -> None:
    """Raise ValueError unless the records' numbers follow ``last``, and each other, without a gap."""
    for record in records:
        if record.number != last + 1:
            raise ValueError(f"record {record.number} is out of turn: the journal ends with {last}")
        last = record.number


def forgotten(where: str, through: int) -> JournalError:
    """Why there is no state after record ``through``."""
    return JournalError(f"{where}: keeps no state as of record {through}; ask for a later one that is there")


def whole_run(records: Iterable[Record], start: int, end: int, where: str) -> Iterator[Record]:
    """The records after ``start`` up to ``end``, of those after it.  Raises JournalError where some aren't there."""
    for record in records if start < end else ():
        if record.number != start + 1:
            break
        yield record
        start = record.number
        if start == end:
            return
    if start != end:
        raise forgotten(where, end)


def reached(last: int, through: int) -> None:
    """Raise ValueError unless the journal has come as far as ``through``."""
    if not 0 <= through <= last:
        raise ValueError(f"a snapshot through {through} can't be kept: the journal ends with {last}")
