"""The work queue: which services are to be reconciled, because of which record, and what others wait for.

a change concerns a service       it is added, once
not everything is listed yet      it is deferred until every kind is known, unless its door is to be closed
a kind has to be listed first     it waits for that kind
its time comes                    its timer adds it
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from doorward.model.reference import INFERENCE_SERVICE, Ref
from doorward.state.timers import Timers


class WorkQueue:
    """Services in the order in which they were added, with the number of the record that led to each."""

    def __init__(self) -> None:
        self.timers = Timers()
        self._due: OrderedDict[Ref, int] = OrderedDict()
        self._landed: set[Ref] = set()
        self._deferred: dict[Ref, int] = {}
        self._waiting: dict[str, dict[Ref, None]] = {}

    def __bool__(self) -> bool:
        return bool(self._due)

    def __contains__(self, service: Ref | None) -> bool:
        return service in self._due

    def add(self, ref: Ref, cause: int) -> None:
        """A service is to be reconciled, because of a record; anything else isn't this queue's."""
        if ref.kind == INFERENCE_SERVICE:
            self._due[ref] = cause
            self._landed.discard(ref)

    def landed(self, ref: Ref) -> None:
        """A service is due for nothing but its own writes, the last of which came back."""
        if ref in self._due:
            self._landed.add(ref)

    def take(self) -> tuple[Ref, int, bool]:
        """The next service, the record that led to it, and whether it is due for nothing but its own writes."""
        ref, cause = self._due.popitem(last=False)
        if ref not in self._landed:
            return ref, cause, False
        self._landed.discard(ref)
        return ref, cause, True

    def discard(self, ref: Ref) -> None:
        self._due.pop(ref, None)

    def clear(self) -> None:
        self._due.clear()
        self._landed.clear()

    def defer(self, ref: Ref, cause: int) -> None:
        """Until :meth:`resume`."""
        self._deferred[ref] = cause

    def resume(self) -> None:
        """What was deferred is due, before what came since."""
        if self._deferred:
            self._due = OrderedDict({**self._deferred, **self._due})
            self._deferred = {}

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
