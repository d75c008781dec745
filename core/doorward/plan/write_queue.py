"""What is ready to be done, the most urgent first: taken in portions, and thought over until it is taken."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from doorward.model.action import CLOSE
from doorward.model.reference import Ref
from doorward.plan.write import Write

__all__ = ["Entry", "WriteQueue"]


class Entry(NamedTuple):
    """A write, the service that it was made for, and the number of the record that led to it."""

    service: Ref
    cause: int
    write: Write


class WriteQueue:
    """Writes by order, and within one order by the time at which their service was decided."""

    def __init__(self) -> None:
        self._lanes: dict[int, OrderedDict[Ref, tuple[int, list[Write]]]] = {}

    def __bool__(self) -> bool:
        return any(self._lanes.values())

    def __contains__(self, service: Ref) -> bool:
        return any(service in lane for lane in self._lanes.values())

    def put(self, service: Ref, cause: int, writes: Sequence[Write]) -> None:
        """What is to be done for a service, in place of all that was."""
        self.drop(service)
        for write in writes:
            lane = self._lanes.setdefault(write.order, OrderedDict())
            lane.setdefault(service, (cause, []))[1].append(write)

    def drop(self, service: Ref) -> None:
        for lane in self._lanes.values():
            lane.pop(service, None)

    def take(self, limit: int | None = None) -> list[Entry]:
        """The most urgent, at most ``limit``, and all that closes; those of one service and order come together."""
        taken: list[Entry] = []
        for order in sorted(self._lanes):
            lane = self._lanes[order]
            while lane:
                service = next(iter(lane))
                cause, writes = lane[service]
                full = limit is not None and len(taken) + len(writes) > limit
                if full and order != CLOSE and (taken or not limit):
                    return taken
                del lane[service]
                taken += [Entry(service, cause, write) for write in writes]
            del self._lanes[order]  # and with it the room that it once took
        return taken
