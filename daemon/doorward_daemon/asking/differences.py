"""What differs between two states of an object, as people would name it."""

from __future__ import annotations

from collections.abc import Iterator

from doorward.model.quoting import short
from doorward.model.reference import JsonObject

__all__ = ["Difference", "differences", "named"]

Difference = tuple[str, str | None, str | None]
"""A dotted path, and what is there before and after; None for nothing."""

_NOISE = (
    "lastTransitionTime",
    "lastUpdateTime",
    "observedGeneration",
    "generation",
    "resourceVersion",
    "managedFields",
    "managed",
    "otherManager",
)


def differences(before: JsonObject, after: JsonObject) -> list[Difference]:
    """By path; lists of things with a type or a name by that, others by their places."""
    old, new = dict(_flat(before)), dict(_flat(after))
    paths = dict.fromkeys((*old, *new))
    return [(path, old.get(path), new.get(path)) for path in paths if old.get(path) != new.get(path)]


def named(difference: Difference) -> str:
    """In words."""
    path, before, after = difference
    if before is None:
        return f"{path}: {short(after)}"
    if after is None:
        return f"{path} removed (was {short(before)})"
    return f"{path}: {short(before)} → {short(after)}"


def _flat(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        if not value and path:
            yield path, "{}"
        for key, each in value.items():
            if key not in _NOISE:
                yield from _flat(each, _below(path, str(key)))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            name, rest = _named(each, number)
            yield from _flat(rest, f"condition {name}" if path == "status.conditions" else f"{path}[{name}]")
    else:
        yield path, value if isinstance(value, str) else "null" if value is None else str(value).lower()


def _below(path: str, key: str) -> str:
    """A path as people write it: annotations, labels and conditions by their own names."""
    if path in ("metadata.annotations", "metadata.labels"):
        return f"{path.removeprefix('metadata.').removesuffix('s')} {key}"
    if path.startswith("condition ") and key == "status":
        return path
    return f"{path}.{key}" if path else key


def _named(each: object, number: int) -> tuple[str, object]:
    """What a thing in a list is called, and the rest of it."""
    if isinstance(each, dict):
        for key in ("type", "name", "host"):
            if isinstance(each.get(key), str):
                return str(each[key]), {name: value for name, value in each.items() if name != key}
    return str(number), each
