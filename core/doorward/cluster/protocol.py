"""What the shell needs of an API server, as plain JSON; one contract test suite holds every implementation to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final, Literal, Protocol

import msgspec

from doorward.model.answer import ApiError as ApiError
from doorward.model.reference import JsonObject, Resource

PatchType = Literal["application/merge-patch+json", "application/json-patch+json"]
"""How a patch is written, as its Content-Type: as JSON merge patch (RFC 7396), or as JSON patch (RFC 6902)."""

MERGE_PATCH: Final = "application/merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list."""

    items: list[JsonObject]
    """The objects; each carries its ``apiVersion`` and ``kind``."""
    resource_version: str
    """That of the whole list, from which a watch goes on."""
    continue_token: str = ""
    """What the next page is asked for with; empty on the last."""


class WatchEvent(msgspec.Struct, frozen=True):
    """One line of a watch."""

    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]
    """What happened to the object; BOOKMARK: to none, up to its resourceVersion."""
    object: JsonObject
    """As it is now, or was last; a BOOKMARK's has only a kind and a ``metadata.resourceVersion``."""


class Cluster(Protocol):
    """An API server.  All methods raise :class:`ApiError`; objects are plain JSON.

    ``version`` names the API version to use where a resource has several; None: the newest that we know.  What is
    written goes to the object, or to its ``subresource`` (``status``); the server notes it in ``managedFields`` under
    the name of ``field_manager``.  With ``dry_run`` it answers as if it did, and writes nothing.  An error with status
    0 leaves it open whether anything was written.  Source: the Kubernetes documentation, "Kubernetes API Concepts".
    """

    async def served(self, resource: Resource) -> str | None:
        """The newest version of the resource that both we and the server know; None where its kind isn't served.

        Raises ApiError where discovery itself is not healthy, so that an outage never looks like a missing CRD.
        """
        ...

    async def list(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        version: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 0,
        continue_token: str = "",
    ) -> Page:
        """The objects of a namespace, or of all (empty), that both selectors choose, as kubectl writes these.

        At most ``limit`` of them (0: all); the next page is asked for with the ``continue_token`` of this one, and
        all else the same.  Raises ApiError 410 (``Expired``) where that token is too old.
        """
        ...

    def watch(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        resource_version: str,
        version: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        timeout: float | None = None,
    ) -> AsyncIterator[WatchEvent]:
        """Changes after ``resource_version``, bookmarks among them; ends when the server ends it.

        Raises ApiError 410 (``Expired``/``Gone``) when that version is too old, whether as an answer or as an event.
        """
        ...

    async def get(self, resource: Resource, namespace: str, name: str, *, version: str | None = None) -> JsonObject:
        """An object as it stands.  Raises ApiError 404 (``NotFound``) where there is none."""
        ...

    async def create(
        self,
        resource: Resource,
        namespace: str,
        body: JsonObject,
        *,
        version: str | None = None,
        field_manager: str = "",
        dry_run: bool = False,
    ) -> JsonObject:
        """Make an object of ``body``; gives it as the server has it then.

        Raises ApiError 409 (``AlreadyExists``) where one of that name stands.
        """
        ...

    async def replace(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: JsonObject,
        *,
        version: str | None = None,
        subresource: str = "",
        field_manager: str = "",
        dry_run: bool = False,
    ) -> JsonObject:
        """Put ``body``, a whole object, in the place of the one that stands; gives it as the server has it then.

        Raises ApiError 409 (``Conflict``) where ``body`` has another UID or resourceVersion than what stands, 404
        (``NotFound``) where nothing does; servers create a few built-in kinds then, such as Services.
        """
        ...

    async def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: JsonObject | Sequence[JsonObject],
        *,
        type: PatchType = MERGE_PATCH,
        version: str | None = None,
        subresource: str = "",
        field_manager: str = "",
        dry_run: bool = False,
    ) -> JsonObject:
        """Change what ``body`` says, a merge patch or a list of operations by ``type``; gives the whole object then.

        Raises ApiError 409 (``Conflict``) where the patch has another resourceVersion than what stands, 422
        (``Invalid``) where it has another UID.
        """
        ...

    async def delete(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        *,
        version: str | None = None,
        uid: str = "",
        resource_version: str = "",
        dry_run: bool = False,
    ) -> JsonObject | None:
        """Delete, background propagation.  Returns the object where it stays for now (finalizers), else None.

        Raises ApiError 409 (``Conflict``) where the object has another UID or resourceVersion than is given here.
        """
        ...

    async def close(self) -> None:
        """Let go of every connection; to be called once the cluster isn't used any more."""
        ...
