"""A backend that fails on request: it raises, or returns rubbish, for services that say so in an annotation."""

from __future__ import annotations

from functools import cache
from typing import Any

from doorward.backends import OME, Backends
from doorward.hooks import Read, hookimpl
from doorward.model.door import Door
from doorward.model.settings import Settings
from doorward.testing.simulator import twin
from doorward.testing.simulator.oracle import POISON


class Poison:
    """``raise`` and ``rubbish`` fail in ``select``, ``render`` and ``rubbish manifest`` in ``render``."""

    @hookimpl
    def select(self, door: Door, settings: Settings) -> Any:  # noqa: ARG002
        match door.annotations.get(POISON):
            case "raise":
                raise RuntimeError("poisoned")
            case "rubbish":
                return 42
            case "render" | "rubbish manifest":
                return "poison"
        return None

    @hookimpl
    def render(self, door: Door, read: Read) -> Any:  # noqa: ARG002
        if door.backend != "poison":
            return None
        if door.annotations.get(POISON) == "render":
            raise RuntimeError("poisoned")
        return ["rubbish"]


@cache
def backends(sources: tuple[str, ...] = (OME,)) -> Backends:
    """The installed backends and the poisonous one, shared by all scenarios of a process that have these sources."""
    installed = {name: plugin for name, plugin in Backends().manager.list_name_plugin() if plugin is not None}
    return Backends({**installed, "poison": Poison(), twin.NAME: twin.Twin()}, sources=sources)
