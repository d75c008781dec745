"""Settings that know who read which of them, so that an edit recomputes only the doors that it touches."""

from __future__ import annotations

from typing import Any, cast

from doorward.model.settings import Settings

_BIT = {name: 1 << position for position, name in enumerate(Settings.model_fields)}
_ALL = (1 << len(_BIT)) - 1


class TrackedSettings:
    """Reads like :class:`Settings`, one per door; ``read`` is the set of fields read so far, as bits."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.read = 0

    def __getattr__(self, name: str) -> Any:
        """The first read of a field, or of something that may read any; later ones find it in the instance."""
        self.read |= _BIT.get(name, _ALL)
        value = self.__dict__[name] = getattr(self._settings, name)
        return value

    def as_settings(self) -> Settings:
        """Itself, for code that is typed to read Settings."""
        return cast(Settings, self)


def changed(before: Settings | None, after: Settings | None) -> int:
    """The fields that differ, as bits; all of them where one side is missing."""
    if before is None or after is None:
        return 0 if before is after else _ALL
    return sum(bit for name, bit in _BIT.items() if getattr(before, name) != getattr(after, name))
