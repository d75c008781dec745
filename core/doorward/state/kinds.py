"""What is known of each kind that is watched: listed, not served, or not to be listed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, cast

import msgspec

from doorward.model.event import Synced
from doorward.model.reference import Ref

State = Literal["unknown", "listed", "absent", "forbidden"]


class NotListed(Exception):
    """A kind has to be listed before a decision can be made."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"{kind} was not listed yet")
        self.kind = kind


class Kinds:
    """The state of every kind, over the scopes in which it is watched."""

    def __init__(self, scopes: dict[str, tuple[str, ...]]) -> None:
        self._scopes = scopes
        self._seen: dict[str, dict[str, Synced]] = {}
        self._states: dict[str, State] = {}
        self._unknown = set(scopes)
        self._versions: dict[str, str] = {}

    def __contains__(self, kind: str) -> bool:
        return kind in self._scopes

    def all(self) -> Iterable[str]:
        return self._scopes

    def forget(self) -> None:
        """A new process: everything has to be listed again."""
        self._seen.clear()
        self._states.clear()
        self._versions.clear()
        self._unknown = set(self._scopes)

    def note(self, synced: Synced) -> bool:
        """Take in a list; False where it is older than one that was taken in before."""
        seen = self._seen.setdefault(synced.kind, {})
        before = seen.get(synced.scope)
        if before and before.state == synced.state == "listed" and synced.resource_version < before.resource_version:
            return False
        seen[synced.scope] = msgspec.structs.replace(synced, keys=frozenset())
        state = self._states[synced.kind] = self._overall(synced.kind)
        self._versions[synced.kind] = next((each.version for each in seen.values() if each.version), "")
        (self._unknown.add if state == "unknown" else self._unknown.discard)(synced.kind)
        return True

    def lists(self) -> list[Synced]:
        """The newest list of every kind and scope, without its keys."""
        return [synced for seen in self._seen.values() for synced in seen.values()]

    @property
    def all_known(self) -> bool:
        """Whether every kind was listed, or is known not to be there or not to be listed."""
        return not self._unknown

    def state(self, kind: str) -> State:
        """``unknown`` until every scope was listed; ``forbidden`` where one of them may not be."""
        return self._states.get(kind, "unknown" if kind in self._scopes else "absent")

    def _overall(self, kind: str) -> State:
        scopes, seen = self._scopes.get(kind, ()), self._seen.get(kind, {})
        states = {seen[scope].state if scope in seen else "unknown" for scope in scopes}
        for state in ("unknown", "forbidden", "listed"):
            if state in states:
                return cast(State, state)
        return "absent"

    def known(self, kind: str) -> bool:
        return kind not in self._unknown

    def in_sight(self, ref: Ref) -> bool:
        """Whether an object would be known if it were there: one of a kind that is listed, and not in its namespace,
        isn't."""
        scopes = self._scopes.get(ref.kind, ("",))
        return self.state(ref.kind) != "listed" or "" in scopes or ref.namespace in scopes

    def require(self, kind: str) -> None:
        """Raises NotListed for a kind whose state isn't known yet."""
        if kind in self._unknown:
            raise NotListed(kind)

    def version(self, kind: str) -> str:
        """The API version that the server serves it in, as far as discovery told."""
        return self._versions.get(kind, "")

    def message(self, kind: str) -> str:
        return next((synced.message for synced in self._seen.get(kind, {}).values() if synced.message), "")
