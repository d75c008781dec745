"""When each service is to be decided again although nothing happened: one time each, the earliest first."""

from __future__ import annotations

from heapq import heappop, heappush

from doorward.model.reference import Ref


class Timers:
    """One timer per service; setting it anew replaces it."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, Ref]] = []
        self._due: dict[Ref, float] = {}

    def set(self, ref: Ref, at: float | None) -> None:
        """Wake a service at a time; None: not at all."""
        if at is None:
            self._due.pop(ref, None)
        elif self._due.get(ref) != at:
            self._due[ref] = at
            heappush(self._heap, (at, ref))

    def next(self) -> float | None:
        """The earliest time that is set; None: none is."""
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def take(self, now: float) -> list[Ref]:
        """The services whose time has come, whose timers are thereby unset."""
        due = []
        while (at := self.next()) is not None and at <= now:
            _, ref = heappop(self._heap)
            del self._due[ref]
            due.append(ref)
        return due
