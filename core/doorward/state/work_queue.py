"""The work queue: which services are to be reconciled, because of which record, and what others wait for.

something happened to its door    it is due, once
something concerns many doors     it is in the backlog, and its turn comes when no door is due
it may not pass the backlog       it is put off: the last of the backlog by now, and as urgent as before once decided
nothing of it stands              it may wait in the backlog, since all that it can do is open
not everything is listed yet      it is deferred until every kind is known, unless its door is to be closed
everything is listed              all that waits is a backlog, the oldest service first: hosts are theirs who came first
a kind has to be listed first     it waits for that kind
its time comes                    its timer adds it
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Container, Iterable
from typing import Any, NamedTuple

from doorward.model.reference import Ref
from doorward.state.timers import Timers


class Due(NamedTuple):
    """A service that is to be reconciled."""

    ref: Ref
    cause: int
    """The number of the record that led to it."""
    landed: bool
    """It is due for nothing but its own writes."""
    next: bool
    """Something happened to its door; False: it is one of a backlog."""
    ahead: bool
    """It passes a backlog."""


class WorkQueue:
    """Services in the order in which they were added, those that are due before a backlog."""

    def __init__(self, sources: Container[str], stands: Callable[[Ref], bool]) -> None:
        self._sources = sources
        """The kinds that services are of."""
        self._stands = stands
        """Whether anything of a service stands."""
        self.timers = Timers()
        self._due: OrderedDict[Ref, int] = OrderedDict()
        self._backlog: OrderedDict[Ref, int] = OrderedDict()
        self._put_off: set[Ref] = set()
        self._pressing: set[Ref] = set()
        """Those of the backlog that may close a door, or were put off."""
        self._landed: set[Ref] = set()
        self._deferred: dict[Ref, int] = {}
        self._waiting: dict[str, dict[Ref, None]] = {}

    def __bool__(self) -> bool:
        return bool(self._due or self._backlog)

    def __len__(self) -> int:
        return len(self._due) + len(self._backlog)

    def __contains__(self, service: Ref | None) -> bool:
        return service in self._due or service in self._backlog

    @property
    def is_due(self) -> bool:
        """Whether anything happened to some door."""
        return bool(self._due)

    @property
    def may_wait(self) -> bool:
        """Whether nothing stands of a backlog, so that all that it can do is open."""
        return not self._pressing

    @property
    def backlog(self) -> Collection[Ref]:
        """The services whose turn comes when no door is due."""
        return self._backlog.keys()

    def undecided(self) -> list[Ref]:
        """The services that are to be reconciled for more than their own writes."""
        return [*self._backlog, *(ref for ref in self._due if ref not in self._landed)]

    def add(self, ref: Ref, cause: int) -> None:
        """A service is to be reconciled, because of a record about its door; anything else isn't this queue's."""
        if ref.kind in self._sources:
            self._backlog.pop(ref, None)
            self._due[ref] = cause
            self._landed.discard(ref)

    def add_to_backlog(self, ref: Ref, cause: int) -> None:
        """The same, because of a record that concerns others, too; one that is due stays where it is."""
        if ref in self._due:
            self.add(ref, cause)
        elif ref.kind in self._sources:
            self._backlog[ref] = cause
            if self._stands(ref):
                self._pressing.add(ref)

    def put_off(self, ref: Ref, cause: int) -> None:
        """A service that was due is decided after all that are in the backlog now."""
        self._backlog.pop(ref, None)
        self._backlog[ref] = cause
        self._put_off.add(ref)
        self._pressing.add(ref)

    def hasten(self, ref: Ref) -> None:
        """A service of the backlog is decided next."""
        self._due[ref] = self._backlog.pop(ref)
        self._due.move_to_end(ref, last=False)

    def landed(self, ref: Ref) -> None:
        """A service is due for nothing but its own writes, the last of which came back."""
        if ref in self._due:
            self._landed.add(ref)

    def take(self) -> Due:
        """The next service."""
        if not self._due:
            ref, cause = self._backlog.popitem(last=False)
            due = Due(ref, cause, landed=False, next=ref in self._put_off, ahead=False)
        else:
            ref, cause = self._due.popitem(last=False)
            due = Due(ref, cause, landed=ref in self._landed, next=True, ahead=bool(self._backlog))
        self._landed.discard(ref)
        self._put_off.discard(ref)
        self._pressing.discard(ref)
        return due

    def discard(self, ref: Ref) -> None:
        self._due.pop(ref, None)
        self._backlog.pop(ref, None)
        self._put_off.discard(ref)
        self._pressing.discard(ref)

    def clear(self) -> None:
        self._due.clear()
        self._backlog.clear()
        self._put_off.clear()
        self._pressing.clear()
        self._landed.clear()

    def defer(self, ref: Ref, cause: int) -> None:
        """Until :meth:`resume`."""
        self._deferred[ref] = cause

    def resume(self, age: Callable[[Ref], Any]) -> None:
        """Everything is listed: whatever waits for a decision is a backlog, the earliest ``age`` first."""
        waiting = {**self._deferred, **self._due, **self._backlog}
        self.clear()
        self._deferred = {}
        self._backlog.update((ref, waiting[ref]) for ref in sorted(waiting, key=age))
        self._pressing.update(ref for ref in self._backlog if self._stands(ref))

    def wait_for(self, kind: str, ref: Ref) -> None:
        """A service waits until a kind is listed."""
        self._waiting.setdefault(kind, {})[ref] = None

    def waiting_for(self, kind: str) -> Iterable[Ref]:
        """Who waited for a kind; nobody does any more."""
        return self._waiting.pop(kind, {})

    def forget(self) -> None:
        """A new process: whatever waited is added anew."""
        self._waiting.clear()
        self._deferred.clear()
