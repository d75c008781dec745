"""The store behind the protocol of a cluster: the same answers, awaited."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from doorward.cluster.embedded.store import Store
from doorward.cluster.protocol import MERGE_PATCH, ApiError, Page, PatchType, WatchEvent
from doorward.model.reference import JsonObject, Resource


class EmbeddedCluster:
    """An API server in this process; see :class:`doorward.cluster.protocol.Cluster` for what each method gives.

    A watch tells a bookmark whenever ``bookmark_every`` writes to anything went by without an event of its own, and
    one before its time-out ends it.  Not thread-safe: write to the store from the event loop's thread.
    """

    def __init__(self, store: Store | None = None, *, bookmark_every: int = 100) -> None:
        self.store = store or Store()
        self._bookmark_every = bookmark_every

    async def served(self, resource: Resource) -> str | None:
        return self.store.served(resource)

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
        return self.store.list(
            resource,
            namespace,
            version=version,
            label_selector=label_selector,
            field_selector=field_selector,
            limit=limit,
            continue_token=continue_token,
        )

    async def watch(
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
        import asyncio  # who only plays with the store needs no event loop

        loop = asyncio.get_running_loop()
        deadline = None if timeout is None else loop.time() + timeout
        written = asyncio.Event()
        unsubscribe = self.store.subscribe(written.set)
        bookmarked = int(resource_version) if resource_version.isdecimal() else 0
        began = False
        try:
            while True:
                written.clear()
                try:
                    changes = self.store.events_since(
                        resource,
                        namespace,
                        resource_version,
                        version=version,
                        label_selector=label_selector,
                        field_selector=field_selector,
                    )
                except ApiError as error:
                    if began and error.status == 404:
                        return  # the kind is served no longer
                    raise
                began, resource_version = True, changes.resource_version
                for event in changes.events:
                    yield event
                if changes.events:
                    bookmarked = int(resource_version)
                elif int(resource_version) - bookmarked >= self._bookmark_every:
                    bookmarked = int(resource_version)
                    yield _bookmark(resource, version, resource_version)
                try:
                    await asyncio.wait_for(written.wait(), None if deadline is None else deadline - loop.time())
                except TimeoutError:
                    yield _bookmark(resource, version, resource_version)
                    return
        finally:
            unsubscribe()

    async def get(self, resource: Resource, namespace: str, name: str, *, version: str | None = None) -> JsonObject:
        return self.store.get(resource, namespace, name, version=version)

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
        return self.store.create(
            resource, namespace, body, version=version, field_manager=field_manager, dry_run=dry_run
        )

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
        return self.store.replace(
            resource,
            namespace,
            name,
            body,
            version=version,
            subresource=subresource,
            field_manager=field_manager,
            dry_run=dry_run,
        )

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
        return self.store.patch(
            resource,
            namespace,
            name,
            body,
            type=type,
            version=version,
            subresource=subresource,
            field_manager=field_manager,
            dry_run=dry_run,
        )

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
        return self.store.delete(
            resource,
            namespace,
            name,
            version=version,
            uid=uid,
            resource_version=resource_version,
            dry_run=dry_run,
        )

    async def close(self) -> None:
        return None


def _bookmark(resource: Resource, version: str | None, resource_version: str) -> WatchEvent:
    return WatchEvent(
        "BOOKMARK",
        {
            "apiVersion": resource.api_version(version),
            "kind": resource.name,
            "metadata": {"resourceVersion": resource_version},
        },
    )
