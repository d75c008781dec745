"""What is ready to be done, the most urgent door first: taken in portions, and thought over until it is taken.

    what closes, of any door                           at once, whatever the portion
    a door to which something happened                 then: an edit of a user, the next step of a door that has begun
    one of many that a list or a setting concerns      then: whose last step it is, before those that have yet to begin

So a door that has begun to open is open, and reported, before the next one begins, and nobody waits behind a cold
start.  What closes apart, the writes of one door stay together.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from doorward.model.action import AT_ONCE, CLOSE, FIRST_STEP, LAST_STEP, NEXT, OPEN
from doorward.model.reference import Ref
from doorward.plan.write import Write

__all__ = ["Entry", "WriteQueue"]


class Entry(NamedTuple):
    """A write, the service that it was made for, the number of the record that led to it, and how urgent it is."""

    service: Ref
    cause: int
    write: Write
    urgency: int


class WriteQueue:
    """Writes by urgency, and among equals by the time at which their service was decided."""

    def __init__(self) -> None:
        self._lanes: dict[int, OrderedDict[Ref, tuple[int, list[Write]]]] = {
            urgency: OrderedDict() for urgency in (AT_ONCE, NEXT, LAST_STEP, FIRST_STEP)
        }
        self._length = 0

    def __bool__(self) -> bool:
        return any(self._lanes.values())

    def __len__(self) -> int:
        """How many writes wait, of whatever service."""
        return self._length

    def __contains__(self, service: Ref) -> bool:
        return any(service in lane for lane in self._lanes.values())

    @property
    def closing(self) -> tuple[Ref, ...]:
        """The services of which something is to close."""
        return tuple(self._lanes[AT_ONCE])

    def put(self, service: Ref, cause: int, writes: Sequence[Write], *, next: bool = False) -> None:
        """What is to be done for a service, in the order of its plan, in place of all that was.

        ``next``: something happened to this very door.
        """
        self.drop(service)
        self._length += len(writes)
        closing = [write for write in writes if write.order == CLOSE]
        rest = [write for write in writes if write.order != CLOSE]
        if closing:
            self._lanes[AT_ONCE][service] = cause, closing
        if rest:
            ends = all(write.order != OPEN for write in rest)
            self._lanes[NEXT if next else LAST_STEP if ends else FIRST_STEP][service] = cause, rest

    def drop(self, service: Ref) -> None:
        for lane in self._lanes.values():
            if service in lane:
                self._length -= len(lane.pop(service)[1])

    def take(self, limit: int | None = None) -> list[Entry]:
        """The most urgent, at most ``limit``, and all that closes; those of one door and urgency come together."""
        taken: list[Entry] = []
        for urgency, lane in self._lanes.items():
            while lane:
                service = next(iter(lane))
                cause, writes = lane[service]
                full = limit is not None and len(taken) + len(writes) > limit
                if full and urgency != AT_ONCE and (taken or not limit):
                    return taken
                del lane[service]
                self._length -= len(writes)
                taken += [Entry(service, cause, write, urgency) for write in writes]
            self._lanes[urgency] = OrderedDict()  # without the room that it once took
        return taken
