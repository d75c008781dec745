"""What changed, in the order of resourceVersions: the log that watches read and consistent pages go back along."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

import orjson

from doorward.cluster.embedded.errors import expired
from doorward.model.reference import JsonObject

Key = tuple[str, str]
"""Namespace and name."""


class Entry:
    """One object as it stands in the store: never changed, only replaced."""

    __slots__ = ("object", "raw")

    def __init__(self, object: JsonObject) -> None:
        self.object = object
        self.raw = orjson.dumps(object)

    def copy(self) -> JsonObject:
        copied: JsonObject = orjson.loads(self.raw)
        return copied


class Change(NamedTuple):
    """One write: no ``before`` where it was a creation, no ``after`` where it was a deletion."""

    version: int
    key: Key
    before: Entry | None
    after: Entry | None


class History:
    """The changes of one kind, at most ``limit`` to ``2 * limit`` of them."""

    __slots__ = ("_changes", "_limit", "_versions", "oldest")

    def __init__(self, limit: int, oldest: int = 0) -> None:
        self._limit = limit
        self._changes: list[Change] = []
        self._versions: list[int] = []
        self.oldest = oldest
        """Changes up to this resourceVersion are forgotten."""

    def append(self, change: Change) -> None:
        self._changes.append(change)
        self._versions.append(change.version)
        if len(self._changes) > 2 * self._limit:
            self.compact(self._versions[-self._limit - 1])

    def compact(self, version: int) -> None:
        """Forget changes up to ``version``."""
        if version > self.oldest:
            self.oldest = version
            forgotten = bisect_right(self._versions, version)
            del self._changes[:forgotten], self._versions[:forgotten]

    def since(self, version: int) -> list[Change]:
        """Changes after ``version``.  Raises ApiError 410 where some of them are forgotten."""
        if version < self.oldest:
            raise expired(version, self.oldest)
        return self._changes[bisect_right(self._versions, version) :]

    def rewound(self, now: Iterable[tuple[Key, Entry]], version: int) -> dict[Key, Entry]:
        """What stood at ``version``, from what stands ``now``.  Raises ApiError 410 as above."""
        state = dict(now)
        for change in reversed(self.since(version)):
            if change.before is None:
                state.pop(change.key, None)
            else:
                state[change.key] = change.before
        return state
