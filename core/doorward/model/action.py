"""What the engine asks of the shell: one request to the API server, with the preconditions that make it safe."""

from __future__ import annotations

from typing import Literal

import msgspec

from doorward.model.reference import JsonObject, Ref

Verb = Literal["create", "patch", "delete", "status", "event", "verify"]
"""What an action asks for; :class:`Action` says what each does."""

CLOSE, VERIFY, OPEN, REMOVE, REPORT = 0, 0, 1, 2, 3
"""The order of a plan, lower first: what closes, and a look that may free a host; what opens or changes; what is over;
status and events."""

AT_ONCE, NEXT, LAST_STEP, FIRST_STEP = 0, 1, 2, 3
"""How urgent an action is, lower first: what closes, whatever door it is of; a door to which something happened, such
as an edit, or the outcome of its last step; of doors that are decided because of something that concerns many, what
ends their change; and what begins it."""


class Action(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """One write, or one look, for the shell to perform.

    - ``create``: POST ``body``; an object that is already there is an error (409 AlreadyExists), never overwritten.
    - ``patch``: JSON merge patch ``body``, which carries ``metadata.uid`` and ``metadata.resourceVersion``.
    - ``status``: the same on the status subresource.
    - ``delete``: DELETE with ``uid`` and ``resource_version`` as preconditions.
    - ``event``: POST a Kubernetes Event; one that exists already is success.
    - ``verify``: GET the object; the outcome is what is there (Applied with object None: nothing).
    """

    id: int
    """The number of its Issued record; outcomes name it."""
    verb: Verb
    """What is to be done."""
    ref: Ref
    """The object."""
    service: str
    """UID of the InferenceService that this is for; empty for the engine's own."""
    uid: str = ""
    """The UID that the object has to have."""
    resource_version: str = ""
    """The resourceVersion that it has to have."""
    version: str = ""
    """API version to use, as discovery told; empty: the newest that is known."""
    body: JsonObject | None = None
    """What is sent; None where nothing is."""
    reason: str = ""
    """Why, for people: ``door opens``, ``drift: spec.rules``, ``overlap is over`` …"""
    fields: tuple[str, ...] = ()
    """Dotted paths of what an update changes."""
    cause: int = 0
    """Number of the record that led to this."""
    at: float = 0.0
    """The engine's time when it was handed out."""
    digest: str = ""
    """Of the manifest that a write makes: what the server then returns is this manifest, normalised."""
    repair: bool = False
    """It undoes what somebody did to an object of ours."""
    urgency: int = FIRST_STEP
    """:data:`AT_ONCE`, :data:`NEXT`, :data:`LAST_STEP` or :data:`FIRST_STEP`."""

    @property
    def place(self) -> tuple[int, int]:
        """Its place among all that wait to be performed: by urgency, then the one decided first."""
        return self.urgency, self.id
