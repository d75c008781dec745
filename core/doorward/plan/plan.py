"""What a plan is made from, and what it says."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from doorward.hooks import Watch
from doorward.model.door import Warning
from doorward.model.source import Source
from doorward.plan.write import Write
from doorward.state.facts import Fact
from doorward.state.in_flight import InFlight
from doorward.state.inference_service import InferenceService
from doorward.state.memory import LastApplied, Memory, key_of
from doorward.state.reading import Reader


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """How one service stands when it is reconciled."""

    service: InferenceService
    fact: Fact
    """The same, as it was observed."""
    now: float
    ours: tuple[Fact, ...]
    """What stands and is ours, wanted or not."""
    reader: Reader
    in_flight: InFlight
    watches: Mapping[str, Watch]
    sources: Mapping[str, Source]
    memory: Memory

    def last_applied(self, fact: Fact) -> LastApplied | None:
        return self.memory.last_applied.get(key_of(fact.ref))


class Plan(msgspec.Struct, kw_only=True):
    """What to do now, and how things stand."""

    memory: Memory
    writes: list[Write] = []
    wake: float | None = None
    """When to look again, if nothing happens before."""
    applied: bool = True
    """Everything wanted stands as wanted."""
    under_way: bool = False
    """Something is being written, or will be before long."""
    conflicts: list[str] = []
    """Objects under names that we need, and whose they are."""
    collecting: list[str] = []
    refused: list[str] = []
    """Writes that the server refuses, with its words."""
    not_sticking: list[str] = []
    unguarded: list[str] = []
    """Why a guard that is wanted may not stand: of no concern to a door that has none."""
    warnings: list[Warning] = []

    def add(self, write: Write) -> None:
        """A write without which not everything stands as wanted."""
        self.applied, self.under_way = False, True
        self.writes.append(write)

    def wait(self) -> None:
        """Something has to land before anything else is done."""
        self.applied, self.under_way = False, True

    def wake_at(self, at: float) -> None:
        self.wake = at if self.wake is None else min(self.wake, at)
