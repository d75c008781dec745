"""History decided again: what was recorded is folded as it was, and what was written is compared with what this engine
would write.

    record  --fold--> state as it was then --decide--> the writes of today
    Issued  -------------- the same write? ------------^          no: a difference

The state is always that of the record, memories included, so that one difference leads to no other.  Compared is what
is written to objects and status; Events and looks at objects are not.  At the end, what would be written and wasn't is
a difference too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from doorward.explaining import ExplainingEngine
from doorward.model.action import Action
from doorward.model.event import Issued, Record, Started, Synced
from doorward.model.reference import JsonObject, Ref
from doorward.plan.write import Write
from doorward.reconcile import Decision
from doorward.state import folds

COMPARED = ("create", "patch", "delete", "status")
LATELY = 5.0
"""Seconds before the end in which what came to be due may not have been written yet."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A write that one of the two makes, and the other doesn't, or makes otherwise."""

    service: Ref
    object: Ref
    number: int
    """Of the record with the write; the last one that was folded where there is none."""
    at: float
    then: str = ""
    """What was written, empty: nothing."""
    now: str = ""
    """What would be."""
    bodies: tuple[JsonObject, JsonObject] | None = None
    """What the two send, where both write the object in the same way."""


class Replay(ExplainingEngine):
    """An engine that is told what another one did, and decides beside it."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.compared = 0
        """Writes that were compared."""
        self._begun = False
        self._since: dict[Ref, float] = {}
        """When something happened last to a door."""

    def begin(self, records: Iterable[Record]) -> None:
        """The state that the history goes on from."""
        self.restore(records)
        folds.reserve_all(self._state, self.number)

    def follow(self, record: Record) -> Difference | None:
        """The next record; what differs in it."""
        state, event = self._state, record.event
        state.number = record.number - 1
        state.now = state.clock = max(state.now, event.at)
        found = None
        if isinstance(event, Issued) and event.action.verb in COMPARED:
            found = self._compared(event.action)
        if isinstance(event, Started):
            self._begun = False
        folds.fold(state, event)
        state.number = max(state.number, record.number)
        return found

    def pending(self, later: Iterable[Record] = ()) -> list[Difference]:
        """What would be written as things stand; ``later``: what was recorded from here on."""
        self._decide()
        following: dict[Ref, Action] = {}
        for record in later:
            if isinstance(record.event, Issued) and record.event.action.verb in COMPARED:
                following.setdefault(record.event.action.ref, record.event.action)
        found = []
        for service in sorted(self.decisions):
            decision, fact = self.decisions[service], self._state.facts.get(service)
            if fact is None or self._state.in_flight.any_for(fact.uid):
                continue
            if not following and self._state.now - self._since.get(service, 0.0) < LATELY:
                continue
            for write in decision.writes:
                action = following.get(write.ref)
                if write.verb in COMPARED and not (action and _same(write, action)):
                    found.append(self._difference(service, self.number, action, [write]))
        return found

    def _compared(self, action: Action) -> Difference | None:
        """Whether this engine would write the same for this door."""
        self._decide()
        service = self._state.services.ref(action.service)
        if service is None:
            return None
        self.compared += 1
        if self._strikes(service, action):
            return None
        self._reconsider(service)  # as handing out does: what isn't of this door may have changed
        if self._strikes(service, action):
            return None
        decision = self.decisions.get(service)
        writes = [write for write in decision.writes if write.ref == action.ref] if decision else []
        return self._difference(service, action.id, action, writes)

    def _strikes(self, service: Ref, action: Action) -> bool:
        """Whether a write is among those that are decided, from which it is taken."""
        decision = self.decisions.get(service)
        left = [write for write in decision.writes if not _same(write, action)] if decision else []
        if decision is None or len(left) == len(decision.writes):
            return False
        decision.writes = left
        return True

    def _difference(self, service: Ref, number: int, action: Action | None, writes: list[Write]) -> Difference:
        alike = next((write for write in writes if action and write.verb == action.verb), None)
        return Difference(
            service=service,
            object=action.ref if action else writes[0].ref,
            number=number,
            at=self._state.now,
            then=_told(action) if action else "",
            now="; ".join(map(_told, writes)),
            bodies=(_said(action.body), _said(alike.body)) if action and alike else None,
        )

    def _decide(self) -> None:
        """Decide what is due, and keep no more of it than whom it concerns."""
        state = self._state
        if not self._begun:
            self._take_for_listed()
        for ref in state.queue.timers.take(state.now):
            state.queue.add(ref, state.cause_of(ref))
        while state.queue:
            self._reconsider(state.queue.take().ref)

    def _take_for_listed(self) -> None:
        """A journal tells of lists only where a kind can't be listed: by the first write all were."""
        self._begun = True
        state = self._state
        for kind, scopes in self.scopes.items():
            if state.kinds.state(kind) == "unknown":
                for scope in scopes:
                    state.kinds.note(Synced(at=state.now, kind=kind, scope=scope))
        state.queue.resume(state.age)
        state.add_all(sorted(state.all_services(), key=state.age))

    def _reconsider(self, ref: Ref) -> None:
        state, fact = self._state, self._state.facts.get(ref)
        if fact is None:
            self._forget(ref, state.number)
            return
        unlisted = state.unlisted.get(ref)
        decision = self._reconciler.reconcile(
            fact,
            state.settings,
            state.services.memory(fact.uid),
            state.now,
            first=ref not in state.reads,
            born=fact.uid in state.born,
            now_listed=unlisted - self._unlisted() if unlisted else (),
        )
        self._note(ref, decision)

    def _note(self, ref: Ref, decision: Decision) -> None:
        state, before = self._state, self.decisions.get(ref)
        self.decisions[ref] = decision
        if before is not None:
            self._since[ref] = state.now
        self._depend(ref, decision, state.number)


def _same(write: Write, action: Action) -> bool:
    """Whether a decision's write is the one that was made."""
    if (write.verb, write.ref) != (action.verb, action.ref):
        return False
    if write.verb == "delete":
        return True
    if write.digest or action.digest:
        return write.digest == action.digest and write.fields == action.fields
    return _said(write.body) == _said(action.body)


def _said(body: JsonObject | None) -> JsonObject:
    """What is sent, without its preconditions and the times of conditions."""
    said = dict(body or {})
    said["metadata"] = {k: v for k, v in said.get("metadata", {}).items() if k not in ("uid", "resourceVersion")}
    if conditions := (said.get("status") or {}).get("conditions"):
        plain = [{k: v for k, v in each.items() if k != "lastTransitionTime"} for each in conditions]
        said["status"] = {**said["status"], "conditions": plain}
    return said


def _told(write: Write | Action) -> str:
    fields = f" ({', '.join(write.fields)})" if write.fields else ""
    return f"{write.verb} {write.ref}{fields}: {write.reason}"
