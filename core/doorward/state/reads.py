"""Which settings each service's door read, as bits (:mod:`doorward.settings.tracked`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from doorward.model.reference import Ref


class Reads:
    """Doors read the same few combinations of settings, which are counted: an edit that concerns nobody asks nobody."""

    def __init__(self) -> None:
        self._bits: dict[Ref, int] = {}
        self._doors: Counter[int] = Counter()
        """How many doors read exactly these settings."""

    def __contains__(self, service: Ref) -> bool:
        """Whether its door was ever decided."""
        return service in self._bits

    def note(self, service: Ref, bits: int) -> None:
        if self._bits.get(service) == bits:
            return
        self.forget(service)
        self._bits[service] = bits
        self._doors[bits] += 1

    def forget(self, service: Ref) -> None:
        before = self._bits.pop(service, None)
        if before is not None:
            self._doors[before] -= 1
            if not self._doors[before]:
                del self._doors[before]

    def clear(self) -> None:
        self._bits.clear()
        self._doors.clear()

    def concerned(self, changed: int, services: Collection[Ref]) -> list[Ref]:
        """Those of the services whose doors read one of these settings, or were never decided; in their order."""
        if len(services) == len(self._bits) and not any(bits & changed for bits in self._doors):
            return []
        return [service for service in services if self._bits.get(service, -1) & changed]
