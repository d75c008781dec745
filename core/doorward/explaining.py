"""An engine that can say why: it keeps what it decided last of each door, for people who ask.

What a decision was made from is in the decision (:class:`doorward.reconcile.Decision`): the door that was asked for,
the one that is given, its objects, what was denied or refused, and the writes.  Nothing is worked out a second time.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from msgspec.structs import replace

from doorward.door import causes
from doorward.door.causes import Part
from doorward.engine import Engine
from doorward.model.event import Record
from doorward.model.reference import SERVICE, JsonObject, Ref
from doorward.model.refusal import Refusal
from doorward.reconcile import Decision
from doorward.state.facts import Fact
from doorward.state.inference_service import legible, parse
from doorward.state.work_queue import Due


class ExplainingEngine(Engine):
    """Decides as any :class:`.Engine` does."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.decisions: dict[Ref, Decision] = {}
        """The newest on each service."""

    def _take_up(self, fact: Fact, decision: Decision, due: Due, *, first: bool) -> list[Record]:
        self.decisions[fact.ref] = decision
        return super()._take_up(fact, decision, due, first=first)

    def _forget(self, ref: Ref, cause: int) -> None:
        self.decisions.pop(ref, None)
        super()._forget(ref, cause)

    def parts(self, ref: Ref) -> list[Part]:
        """Why the door of a service is as it is; none where there is no such service, or no settings."""
        fact, settings, decision = self._state.facts.get(ref), self._state.settings, self.decisions.get(ref)
        if fact is None or settings is None:
            return []
        service = legible(fact.object(), self.backends.sources[ref.kind])
        with suppress(Refusal):
            service = parse(fact, self.backends.sources[ref.kind])
        words = service.source.words
        found = causes.parts(service, settings, self.backends, decision.asked if decision else None)
        listed = self._state.kinds.state(SERVICE) == "listed"
        return [
            replace(
                each,
                causes=tuple(words(cause) for cause in each.causes if cause),
                problem=each.problem if listed else "",
            )
            for each in found
        ]

    @property
    def now(self) -> float:
        """Its time, in seconds since the epoch: that of what it was told last."""
        return self._state.now

    def known(self) -> list[Ref]:
        """Every service that is there."""
        return list(self._state.all_services())

    def object(self, ref: Ref) -> JsonObject | None:
        """An object as it was last seen, trimmed to what matters; None where there is none."""
        fact = self._state.facts.get(ref)
        return fact.object() if fact else None
