"""What differs between two moments of a door: object by object, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import orjson
from doorward.model.reference import JsonObject, Ref

__all__ = ["Change", "changes", "fields"]

MOST = 200
"""Fields of one object that are told; of more it is said how many there are."""
LONGEST = 400
"""Characters of a value."""
DEEPEST = 24
"""Levels of an object that are taken apart; what is below is told as text."""
_OF_WRITES = ("resourceVersion", "generation", "managed", "otherManager")
"""Fields of the metadata that tell of writes, and not of the object."""
_KEYS = ("type", "host", "name", "path", "prefix", "uid")
"""Fields by which items of a list are told apart, the first that all of them have."""


class Field(msgspec.Struct, frozen=True):
    """One field that differs; None: it isn't there."""

    path: str
    before: str | None
    after: str | None


class Change(msgspec.Struct, frozen=True):
    """One object that differs."""

    object: str
    what: str
    """``appears``, ``goes`` or ``changes``."""
    fields: list[Field]
    more: int = 0
    """How many fields are left out."""


def changes(before: Mapping[Ref, JsonObject], after: Mapping[Ref, JsonObject]) -> list[Change]:
    """Every object that differs, the service first."""
    told = []
    for ref in sorted({*before, *after}, key=lambda ref: (ref.kind.partition(".")[0] != "InferenceService", ref)):
        old, new = before.get(ref), after.get(ref)
        found = list(fields(old or {}, new or {}))
        if found:
            what = "appears" if old is None else "goes" if new is None else "changes"
            told.append(Change(str(ref), what, found[:MOST], max(0, len(found) - MOST)))
    return told


def fields(before: JsonObject, after: JsonObject) -> Iterator[Field]:
    """The fields that differ, by their dotted paths, in their order."""
    yield from _differ("", _told(before), _told(after), DEEPEST)


def _told(obj: JsonObject) -> JsonObject:
    metadata = {key: value for key, value in (obj.get("metadata") or {}).items() if key not in _OF_WRITES}
    return {**{key: value for key, value in obj.items() if not key.startswith("$")}, "metadata": metadata}


def _differ(path: str, before: Any, after: Any, left: int) -> Iterator[Field]:
    if before == after:
        return
    left -= 1
    if not left:
        yield Field(path, _shown(before), _shown(after))
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys((*before, *after)):
            yield from _differ(f"{path}{_step(path, str(key))}", before.get(key), after.get(key), left)
    elif isinstance(before, list) and isinstance(after, list) and (both := _by_key(before, after)):
        for key in dict.fromkeys((*both[0], *both[1])):
            yield from _differ(f"{path}[{key}]", both[0].get(key), both[1].get(key), left)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _differ(f"{path}[{index}]", old, new, left)
    elif before is None and isinstance(after, dict) and after:
        for key, value in after.items():
            yield from _differ(f"{path}{_step(path, str(key))}", None, value, left)
    elif after is None and isinstance(before, dict) and before:
        for key, value in before.items():
            yield from _differ(f"{path}{_step(path, str(key))}", value, None, left)
    else:
        yield Field(path, _shown(before), _shown(after))


def _step(path: str, key: str) -> str:
    key = key[:120]
    if "." in key or "/" in key:
        return f"[{key}]"
    return f".{key}" if path else key


def _by_key(*lists: list[Any]) -> list[dict[str, Any]] | None:
    """Lists whose items can be told apart, by what tells them apart; None where they can't."""
    items = [item for each in lists for item in each]
    if items and all(isinstance(item, str) for item in items):
        found = [{item[:80]: item for item in each} for each in lists]
    elif items and all(isinstance(item, dict) for item in items):
        name = next((key for key in _KEYS if all(isinstance(item.get(key), str) for item in items)), "")
        found = [{item[name][:80]: item for item in each} for each in lists] if name else []
    else:
        return None
    apart = len(found) == len(lists) and all(len(each) == len(kept) for each, kept in zip(lists, found, strict=True))
    return found if apart else None


def _shown(value: Any) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
