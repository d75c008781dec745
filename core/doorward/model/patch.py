"""JSON merge patches (RFC 7386): from a difference, and back."""

from __future__ import annotations

from typing import Any

from doorward.model.merge import merge as merge
from doorward.model.reference import JsonObject


def merge_diff(before: JsonObject, after: JsonObject) -> JsonObject:
    """The merge patch that turns ``before`` into ``after``; empty where they are equal.

    ``after`` may hold no nulls, as no Kubernetes object does.
    """
    patch: JsonObject = {}
    for key, value in after.items():
        if key not in before:
            patch[key] = value
        elif before[key] != value:
            old = before[key]
            both = isinstance(old, dict) and isinstance(value, dict)
            patch[key] = merge_diff(old, value) if both else value
    for key in before:
        if key not in after:
            patch[key] = None
    return patch


def changed_paths(patch: JsonObject, prefix: str = "") -> tuple[str, ...]:
    """The dotted paths that a merge patch sets or removes, sorted."""
    paths: list[str] = []
    for key, value in patch.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict) and value:
            paths += changed_paths(value, f"{path}.")
        else:
            paths.append(path)
    return tuple(sorted(paths))


def lacking(asked: Any, got: Any, path: str = "") -> tuple[str, ...]:
    """Where ``got`` lacks or contradicts what was ``asked``; what it has beyond that is the server's to add.

    Numbers and strings that are written otherwise (``80`` and ``"80"``, case) count as the same.
    """
    if asked == got:
        return ()
    if isinstance(asked, dict) and isinstance(got, dict):
        return tuple(
            p
            for key, value in asked.items()
            for p in lacking(value, got.get(key), f"{path}.{key}" if path else str(key))
        )
    if isinstance(asked, list) and isinstance(got, list) and len(asked) == len(got):
        return tuple(p for i, (a, g) in enumerate(zip(asked, got, strict=True)) for p in lacking(a, g, f"{path}.{i}"))
    if asked in ({}, [], None, "") and got in ({}, [], None, ""):
        return ()
    scalars = isinstance(asked, str | int | float) and isinstance(got, str | int | float)
    if scalars and str(asked).lower() == str(got).lower():
        return ()
    return (path,)
