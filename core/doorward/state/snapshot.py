"""A moment of the engine's state, to be written out as records while the engine goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from doorward.model.action import Action
from doorward.model.event import Configured, Deleted, Issued, Leading, Observed, Record, Remembered
from doorward.model.reference import Ref
from doorward.state import memory as memories
from doorward.state.facts import Fact, Tombstone
from doorward.state.memory import Memory


class Snapshot(NamedTuple):
    """Everything that restoring needs; none of it changes any more."""

    at: float
    number: int
    led: tuple[int, int]
    configured: Configured
    facts: Sequence[Fact]
    tombstones: Sequence[tuple[Ref, Tombstone]]
    remembered: Sequence[tuple[str, Memory]]
    in_flight: Sequence[Action]

    def records(self) -> list[Record]:
        """Folding these is as good as folding all that led here."""
        at, number = self.at, self.number
        led, term = self.led
        records = [Record(led, 0, Leading(at=at, term=term))] if led else []
        records.append(Record(number, 0, self.configured))
        for fact in self.facts:
            obj = fact.object()
            obj["metadata"]["resourceVersion"] = str(fact.version)
            records.append(Record(fact.number, 0, Observed(at=at, kind=fact.ref.kind, object=obj)))
        for ref, tombstone in self.tombstones:
            gone = Deleted(at=at, ref=ref, uid=tombstone.uid, resource_version=tombstone.version)
            records.append(Record(number, 0, gone))
        for uid, memory in self.remembered:
            records.append(Record(number, 0, Remembered(at=at, uid=uid, memory=memories.to_json(memory))))
        for action in self.in_flight:
            records.append(Record(action.id, action.cause, Issued(at=at, action=action)))
        return sorted(records, key=lambda record: record.number)
