"""The settings in force, each with where it comes from; and what is wrong with an edit that isn't."""

from __future__ import annotations

from typing import Any

import msgspec
from doorward.engine import Engine
from doorward.model.settings import DEFAULTS, DEPLOY_FIELDS, INGRESS_FIELDS, Settings, spelling
from doorward.settings.described import described

__all__ = ["InForce", "in_force"]


class Setting(msgspec.Struct, frozen=True):
    """One setting."""

    key: str
    """The key of the ConfigMap that it belongs to."""
    name: str
    value: Any
    default: bool
    """Whether it is what an empty ConfigMap gives."""
    about: str


class InForce(msgspec.Struct, frozen=True, kw_only=True):
    """What counts now, and why."""

    where: str
    state: str
    """``newest``: the ConfigMap's own; ``last good``: an earlier edit's; ``defaults``; ``none``."""
    at: float
    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    settings: list[Setting]


def in_force(engine: Engine, where: str) -> InForce:
    configured, settings = engine.configured, engine.settings
    if settings is None:
        state = "none"
    elif configured.problems:
        state = "last good"
    else:
        state = "newest" if configured.good else "defaults"
    return InForce(
        where=where,
        state=state,
        at=configured.at,
        problems=configured.problems,
        warnings=configured.warnings,
        settings=[_setting(settings, name) for name in Settings.model_fields] if settings else [],
    )


def _setting(settings: Settings, name: str) -> Setting:
    value = getattr(settings, name)
    key = "ingress" if name in INGRESS_FIELDS else "deploy" if name in DEPLOY_FIELDS else "doorward"
    return Setting(key, spelling(name), value, value == getattr(DEFAULTS, name), described()[name])
