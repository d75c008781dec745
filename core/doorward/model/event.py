"""What can happen: the closed set of events that the engine takes in.

An event says what the shell saw and when.  The engine answers with :class:`Record` values: events trimmed to what
matters, numbered, each with the number of the record that led to it.  A journal holds records; folding them gives the
engine's state.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from doorward.model.action import Action
from doorward.model.reference import JsonObject, Ref


class Event(msgspec.Struct, frozen=True, gc=False, tag=True, kw_only=True):
    """``at`` is the shell's time in seconds since the epoch; within one process it should not go back."""

    at: float


class Started(Event, frozen=True, gc=False, tag=True, kw_only=True):
    """The shell began, with nothing in flight: whatever was becomes Unknown, whatever was listed must be again."""


class Leading(Event, frozen=True, gc=False, tag=True, kw_only=True):
    """This process began to write, after it stood by.  ``term`` counts who leads: one more for each who begins."""

    term: int


class Observed(Event, frozen=True, gc=False, tag=True, kw_only=True):
    """An object as a list, a watch or a write returned it; ``kind`` as in :class:`Ref`."""

    kind: str
    object: JsonObject
    """As the API server gives it; it has ``metadata.name``, and ``metadata.namespace`` unless cluster-scoped."""

    @property
    def ref(self) -> Ref:
        """Which object it is.  Raises KeyError for one without a name."""
        metadata = self.object["metadata"]
        return Ref(self.kind, metadata.get("namespace") or "", metadata["name"])


class Deleted(Event, frozen=True, gc=False, tag=True, kw_only=True):
    """An object is gone.  ``resource_version`` is that of the deletion, 0 where nobody knows it."""

    ref: Ref
    """Which object it was."""
    uid: str = ""
    """The UID that it had; empty where nobody knows it."""
    resource_version: int = 0

    @classmethod
    def of(cls, kind: str, object: JsonObject, at: float) -> Deleted:
        """Of an object as a watch tells it: as it was last, at the resourceVersion of its deletion."""
        metadata = object["metadata"]
        return cls(
            at=at,
            ref=Ref(kind, metadata.get("namespace") or "", metadata["name"]),
            uid=metadata.get("uid") or "",
            resource_version=int(metadata.get("resourceVersion") or 0),
        )


class Synced(Event, frozen=True, gc=False, tag=True, kw_only=True):
    """A kind was listed whole.  ``keys`` holds ``(namespace, name)`` of everything in the scope at that moment.

    ``scope`` is the namespace that was listed, empty for all.  ``state`` is ``listed``; ``absent`` where the API server
    doesn't serve the kind (empty, and said so); ``forbidden`` where it may not be listed (not empty: what depends on it
    stays as it is).  ``version`` is the API version in use.
    """

    kind: str
    """As in :class:`Ref`."""
    scope: str = ""
    resource_version: int = 0
    """That of the list, by which what was seen later isn't gone because the list lacks it; 0 where nobody knows it."""
    keys: frozenset[tuple[str, str]] = frozenset()
    state: Literal["listed", "absent", "forbidden"] = "listed"
    version: str = ""
    message: str = ""
    """Why it may not be listed, for people."""


class Issued(Event, frozen=True, gc=False, tag=True, kw_only=True):
    """An action was handed out; its object takes no other until the outcome is back."""

    action: Action
    """What was handed out; its ``id`` is the number of this record."""


class Applied(Event, frozen=True, gc=False, tag=True, kw_only=True):
    """An action succeeded.  ``object`` is what the server returned; None after a deletion that is complete."""

    action: int
    """The ``id`` of the action."""
    object: JsonObject | None = None


class Refused(Event, frozen=True, gc=False, tag=True, kw_only=True):
    """The server answered an action with an error; ``retry_after`` in seconds where it gave one."""

    action: int
    """The ``id`` of the action."""
    status: int
    """The HTTP status code."""
    reason: str = ""
    """The machine-readable reason of the answer's Status: ``Conflict``, ``Invalid`` …"""
    message: str = ""
    """What the server said about it, for people."""
    retry_after: float | None = None


class Unknown(Event, frozen=True, gc=False, tag=True, kw_only=True):
    """No answer to an action: it may have happened.  The engine looks before it acts on that object again."""

    action: int
    """The ``id`` of the action."""
    message: str = ""
    """What happened in place of an answer, for people."""


class Elapsed(Event, frozen=True, gc=False, tag=True, kw_only=True):
    """Time went by; due timers fire."""


class Remembered(Event, frozen=True, gc=False, tag=True, kw_only=True):
    """A decision about one service that only the journal can restore (see :mod:`doorward.state.memory`)."""

    uid: str
    """That of the InferenceService."""
    memory: dict[str, Any]
    """All that is remembered of the service from here on, as JSON."""


class Configured(Event, frozen=True, gc=False, tag=True, kw_only=True):
    """What the settings became: the last good content of the ConfigMap, and what is wrong with the newest.

    ``warnings`` tell of what is odd in it, and stand in nobody's way.
    """

    good: dict[str, str] | None
    """The ``data`` of the ConfigMap that counts; None where there is none yet."""
    problems: tuple[str, ...] = ()
    """What is wrong with the newest content, each for people; empty where the newest is what counts."""
    warnings: tuple[str, ...] = ()


class Failed(Event, frozen=True, gc=False, tag=True, kw_only=True):
    """A plugin raised, or returned rubbish, for one service.  Kept for people; changes no state."""

    uid: str
    """That of the InferenceService."""
    plugin: str
    """The name of the backend; ``doorward`` where the engine itself failed."""
    hook: str
    """The hook that was called; ``decide`` for the engine itself."""
    traceback: str
    """Python's account of the exception, or what was wrong with what the hook returned."""


AnyEvent = (
    Started
    | Leading
    | Observed
    | Deleted
    | Synced
    | Issued
    | Applied
    | Refused
    | Unknown
    | Elapsed
    | Remembered
    | Configured
    | Failed
)
"""Any event that the engine takes in."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """One entry of the journal: ``number`` counts up by one, ``cause`` is the number that led to it (0: none)."""

    number: int
    cause: int
    event: AnyEvent
    """What happened, trimmed to what matters."""


def issued(action: Action) -> Record:
    """The record that a journal keeps of an action being handed out; append it before the action is performed."""
    return Record(action.id, action.cause, Issued(at=action.at, action=action))
