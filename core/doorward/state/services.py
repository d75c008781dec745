"""Every service by its UID: where it is, how old it is, and what is remembered of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from doorward.model.action import Action
from doorward.model.reference import Ref
from doorward.state.facts import Fact, created_at
from doorward.state.memory import FORGOTTEN, Memory, Served
from doorward.state.reservations import NOBODY, Age


class Services:
    """Nothing is kept of a service that is gone: another one of its name has another UID."""

    def __init__(self) -> None:
        self._refs: dict[str, Ref] = {}
        self._ages: dict[str, Age] = {}
        self._memories: dict[str, Memory] = {}
        self._unknown: dict[Ref, Action] = {}
        self._served: dict[Ref, str] = {}

    def __contains__(self, uid: str) -> bool:
        return uid in self._refs

    def ref(self, uid: str) -> Ref | None:
        return self._refs.get(uid)

    def age(self, uid: str) -> Age:
        """By which services are put in order; ``NOBODY`` for one that isn't there."""
        return self._ages.get(uid, NOBODY)

    def memory(self, uid: str) -> Memory:
        return self._memories.get(uid, FORGOTTEN)

    def memories(self) -> Sequence[tuple[str, Memory]]:
        """UID and memory of each service of which anything is remembered."""
        return list(self._memories.items())

    def unknown_write(self, ref: Ref) -> Action | None:
        """The write of an object of which nobody knows what became of it."""
        return self._unknown.get(ref)

    def in_doubt(self) -> Collection[Ref]:
        """The objects of which that is so."""
        return self._unknown.keys()

    def served_by(self, ref: Ref) -> str:
        """UID of the service whose memory knows claims of an object; empty where there is none."""
        return self._served.get(ref, "")

    def arrive(self, fact: Fact) -> bool:
        """Take in a service as it is observed; whether it is new."""
        if fact.uid in self._refs:
            return False
        self._refs[fact.uid] = fact.ref
        self._ages[fact.uid] = (created_at(fact), fact.ref.namespace, fact.ref.name)
        return True

    def forget(self, uid: str) -> list[Ref]:
        """Forget a service; the objects that were in doubt on its account, and aren't any more."""
        unknown = [action.ref for action in self.memory(uid).unknown.values()]
        self.remember(uid, FORGOTTEN)
        self._refs.pop(uid, None)
        self._ages.pop(uid, None)
        self._memories.pop(uid, None)
        return unknown

    def remember(self, uid: str, memory: Memory) -> None:
        """Keep what is remembered of a service, in place of what was; nothing of one that is gone."""
        if uid not in self._refs:
            return
        before = self.memory(uid).unknown
        if before is not memory.unknown:
            for action in before.values():
                self._unknown.pop(action.ref, None)
            for action in memory.unknown.values():
                self._unknown[action.ref] = action
        known = self.memory(uid)
        if known.written is not memory.written or known.stood is not memory.stood:
            self._note_served(uid, {**known.written, **known.stood}, {**memory.written, **memory.stood})
        self._memories[uid] = memory

    def _note_served(self, uid: str, old: Mapping[str, Served], new: Mapping[str, Served]) -> None:
        for key in {**old, **new}:
            kind, _, name = key.partition("/")
            ref = Ref(kind, self._refs[uid].namespace, name)
            if key in new:
                self._served[ref] = uid
            elif self._served.get(ref) == uid:
                del self._served[ref]
