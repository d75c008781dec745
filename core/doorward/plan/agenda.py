"""What is ready to be done, the most urgent first: taken in portions, and thought over until it is taken."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from doorward.model.action import CLOSE
from doorward.model.reference import Ref
from doorward.plan.plan import Draft

__all__ = ["Agenda", "Entry"]


class Entry(NamedTuple):
    """A draft, the service that it was made for, and the number of the record that led to it."""

    service: Ref
    cause: int
    draft: Draft


class Agenda:
    """Drafts by order, and within one order by the time at which their service was decided."""

    def __init__(self) -> None:
        self._lanes: dict[int, OrderedDict[Ref, tuple[int, list[Draft]]]] = {}

    def __bool__(self) -> bool:
        return any(self._lanes.values())

    def put(self, service: Ref, cause: int, drafts: Sequence[Draft]) -> None:
        """What is to be done for a service, in place of all that was."""
        self.drop(service)
        for draft in drafts:
            lane = self._lanes.setdefault(draft.order, OrderedDict())
            lane.setdefault(service, (cause, []))[1].append(draft)

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
                cause, drafts = lane[service]
                full = limit is not None and len(taken) + len(drafts) > limit
                if full and order != CLOSE and (taken or not limit):
                    return taken
                del lane[service]
                taken += [Entry(service, cause, draft) for draft in drafts]
        return taken
