"""What can go wrong on the way to an API server, and behind its back: what tests and the simulator switch on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from doorward.model.reference import JsonObject, Resource

Verb = Literal["discover", "list", "watch", "get", "create", "replace", "patch", "delete"]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request, as the hooks see it; ``body`` is the caller's own and must not be changed."""

    verb: Verb
    resource: Resource
    namespace: str = ""
    name: str = ""
    body: Any = None
    subresource: str = ""
    field_manager: str = ""
    dry_run: bool = False


class Faults:
    """Hooks that the store consults, in order; all are empty at first.

    - ``before``: called with each request; an ApiError raised here refuses it before anything happens.
    - ``after``: called with each write that took effect, and the object that it returns (None: deleted); an ApiError
      raised here (status 0 for a time-out) hides that it did.
    - ``mutators``: called as mutating admission webhooks are, with each write and the object about to be stored, which
      they may change in place.  An ApiError refuses the write.
    - ``duplicated``: kinds whose watches deliver every event twice.
    """

    def __init__(self) -> None:
        self.before: list[Callable[[Request], None]] = []
        self.after: list[Callable[[Request, JsonObject | None], None]] = []
        self.mutators: list[Callable[[Request, JsonObject], None]] = []
        self.duplicated: set[str] = set()
        self._held: dict[str, int] = {}
        self._changed: Callable[[], None] = lambda: None
        self._now: Callable[[], int] = lambda: 0

    def bind(self, now: Callable[[], int], changed: Callable[[], None]) -> None:
        """Called by the store: where its resourceVersion is read, and whom to tell when a lag ends."""
        self._now, self._changed = now, changed

    def hold(self, kind: str) -> None:
        """From now on watches of this kind (as in Ref) lag: they deliver nothing until it is released."""
        self._held.setdefault(kind, self._now())

    def release(self, kind: str) -> None:
        """Deliver what was held back."""
        if self._held.pop(kind, None) is not None:
            self._changed()

    def horizon(self, kind: str, now: int) -> int:
        """The resourceVersion up to which watches of this kind are told."""
        return self._held.get(kind, now)
