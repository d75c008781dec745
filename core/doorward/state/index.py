"""From a key to references, in the order in which they came: looked up, added and taken out at the cost of one.

Under most keys there is one reference, which is stored bare: a hundred thousand small dicts would cost memory.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable
from typing import Generic, TypeVar

from doorward.model.reference import Ref

K = TypeVar("K", bound=Hashable)


class Index(Generic[K]):
    """Each reference is there once under each key."""

    __slots__ = ("_refs",)

    def __init__(self) -> None:
        self._refs: dict[K, Ref | dict[Ref, None]] = {}

    def __contains__(self, key: K) -> bool:
        return key in self._refs

    def at(self, key: K) -> Collection[Ref]:
        refs = self._refs.get(key, ())
        return (refs,) if isinstance(refs, Ref) else refs

    def add(self, key: K, ref: Ref) -> None:
        known = self._refs.get(key)
        if known is None:
            self._refs[key] = ref
        elif not isinstance(known, Ref):
            known[ref] = None
        elif known != ref:
            self._refs[key] = {known: None, ref: None}

    def discard(self, key: K, ref: Ref) -> None:
        known = self._refs.get(key)
        if known == ref:
            del self._refs[key]
        elif isinstance(known, dict) and known.pop(ref, ref) is None and len(known) == 1:
            self._refs[key] = next(iter(known))
