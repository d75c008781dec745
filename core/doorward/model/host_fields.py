"""The hosts that an object names in fields of its spec, and the spec with fewer of them.

A path is dotted and passes through lists: ``rules.host`` is the field ``host`` of each of ``rules``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from doorward.model.reference import JsonObject

_NOTHING: Any = object()


def named(spec: Any, paths: Iterable[str]) -> list[str]:
    """The hosts, each once, in the order in which the paths meet them."""
    return list(dict.fromkeys(host for path in paths for host in _at(spec, path.split("."))))


def narrowed(spec: Any, paths: Sequence[str], hosts: Iterable[str]) -> JsonObject | None:
    """A merge patch of the spec that leaves these hosts alone; None where one of the paths is left without any.

    An element of a list goes with its host.
    """
    if not isinstance(spec, dict):
        return None
    allowed, patch, left = frozenset(hosts), dict[str, Any](), dict(spec)
    for path in paths:
        key, *rest = path.split(".")
        if key not in left:
            continue
        kept = _kept(left[key], rest, allowed)
        if kept is _NOTHING:
            return None
        if kept != left[key]:
            left[key] = patch[key] = kept
    return patch


def _at(value: Any, path: Sequence[str]) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _at(each, path)
    elif not path:
        if isinstance(value, str):
            yield value
    elif isinstance(value, dict):
        yield from _at(value.get(path[0]), path[1:])


def _kept(value: Any, path: Sequence[str], allowed: frozenset[str]) -> Any:
    """The value without hosts that aren't allowed; ``_NOTHING`` where it named nothing else."""
    if isinstance(value, list):
        kept = [each for each in (_kept(each, path, allowed) for each in value) if each is not _NOTHING]
        return kept if kept or not value else _NOTHING
    if not path:
        return value if not isinstance(value, str) or value in allowed else _NOTHING
    if not isinstance(value, dict) or path[0] not in value:
        return value
    inner = _kept(value[path[0]], path[1:], allowed)
    return _NOTHING if inner is _NOTHING else {**value, path[0]: inner}
