"""What is reported of a door: the condition in the status of its service."""

from __future__ import annotations

from doorward.engine import Engine
from doorward.model.reference import JsonObject
from doorward.state.status_conflict import INGRESS_READY

__all__ = ["condition_in", "condition_type"]


def condition_type(engine: Engine, kind: str) -> str:
    """The condition that doors of a kind are reported in."""
    setting = engine.settings.condition_type if engine.settings else INGRESS_READY
    return engine.backends.sources[kind].condition_type(setting)


def condition_in(conditions: object, *types: str) -> JsonObject:
    """Of ``status.conditions`` the one of the first of these types that is there; empty where none is."""
    known = [each for each in conditions if isinstance(each, dict)] if isinstance(conditions, list) else []
    return next((each for type_ in types for each in known if each.get("type") == type_), {})
