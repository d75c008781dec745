"""Settings that know who read which of them, so that an edit recomputes only the doors that it touches."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, cast

from doorward.model.settings import Settings

_BIT = {name: 1 << position for position, name in enumerate(Settings.model_fields)}


@lru_cache(maxsize=1024)
def _bits(names: tuple[str, ...]) -> int:
    return sum(_BIT.get(name, 0) for name in names)


class TrackedSettings:
    """Reads like :class:`Settings`, one per door.

    The first read of a field copies it into the instance, where later reads find it without a call: that is half of
    what tracking costs.  What the instance holds is what was read.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._fields = settings.__dict__

    def __getattr__(self, name: str) -> Any:
        if name not in self._fields:
            # A method, say to copy them all: whoever calls it may read any field.
            value = getattr(self._settings, name)
            self.__dict__.update(self._fields)
            return value
        value = self.__dict__[name] = self._fields[name]
        return value

    @property
    def read(self) -> int:
        """The fields read so far, as bits."""
        return _bits(tuple(self.__dict__))

    @property
    def names(self) -> tuple[str, ...]:
        """The same, by their names."""
        return tuple(name for name in self.__dict__ if name in _BIT)

    def as_settings(self) -> Settings:
        """Itself, for code that is typed to read Settings."""
        return cast(Settings, self)


def changed(before: Settings | None, after: Settings | None) -> int:
    """The fields that differ, as bits; all of them where one side is missing."""
    if before is None or after is None:
        return 0 if before is after else (1 << len(_BIT)) - 1
    return sum(bit for name, bit in _BIT.items() if getattr(before, name) != getattr(after, name))
