"""What the shell needs of an API server, as plain JSON; one contract test suite holds every implementation to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final, Literal, Protocol

import msgspec

from doorward.model.answer import ApiError as ApiError
from doorward.model.reference import JsonObject, Resource

PatchType = Literal["application/merge-patch+json", "application/json-patch+json"]

MERGE_PATCH: Final = "application/merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list.  Each item carries its ``apiVersion`` and ``kind``."""

    items: list[JsonObject]
    resource_version: str
    continue_token: str = ""


class WatchEvent(msgspec.Struct, frozen=True):
    """One line of a watch; a BOOKMARK's object has only a kind and a ``metadata.resourceVersion``."""

    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]
    object: JsonObject


class Cluster(Protocol):
    """An API server.  All methods raise :class:`ApiError`; objects are plain JSON.

    ``version`` names the API version to use where a resource has several; None: the newest that we know.
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
    ) -> Page: ...

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

    async def get(self, resource: Resource, namespace: str, name: str, *, version: str | None = None) -> JsonObject: ...

    async def create(
        self,
        resource: Resource,
        namespace: str,
        body: JsonObject,
        *,
        version: str | None = None,
        field_manager: str = "",
        dry_run: bool = False,
    ) -> JsonObject: ...

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
    ) -> JsonObject: ...

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
    ) -> JsonObject: ...

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
        """Delete, background propagation.  Returns the object where it stays for now (finalizers), else None."""
        ...

    async def close(self) -> None: ...
