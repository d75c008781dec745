"""What the API server is asked, metered: requests by what came of them, and watches by how they fare."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import aclosing
from functools import cache
from time import monotonic
from typing import Any, TypeVar

from doorward.cluster.protocol import ApiError, Cluster, Page, WatchEvent
from doorward.model.reference import JsonObject, Resource
from prometheus_client import Counter, Histogram

__all__ = ["Metered"]

REMEMBERED = 1000
"""Writes of which it is noted when they come back by the watch."""

T = TypeVar("T")


class Metered:
    """A cluster that counts what it is asked, and is otherwise the one that it is given."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        requests = Counter("doorward_api_requests", "Requests to the API server.", ["verb", "code"], registry=None)
        self._restarts = Counter(
            "doorward_watch_restarts", "Watches that ended, and began again.", ["kind", "why"], registry=None
        )
        lag = Histogram(
            "doorward_watch_lag_seconds",
            "From the answer to a write of ours until the watch told it.",
            ["kind"],
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60),
            registry=None,
        )
        self.metrics = (requests, self._restarts, lag)
        # A look-up of labels takes longer than the counting: each is made once.
        self._requests, self._lag = cache(requests.labels), cache(lag.labels)
        self._heard: dict[tuple[str, str, str], float] = {}
        self._written: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def silence(self) -> dict[str, float]:
        """For how many seconds the watches of each kind have told nothing, not even that they live."""
        now = monotonic()
        silent: dict[str, float] = {}
        for (kind, _, _), heard in self._heard.items():
            silent[kind] = max(silent.get(kind, 0.0), now - heard)
        return silent

    # -- the cluster ---------------------------------------------------------------------------------------------

    async def served(self, resource: Resource) -> str | None:
        return await self._cluster.served(resource)

    async def list(self, resource: Resource, namespace: str = "", **options: Any) -> Page:
        return await self._answered("list", self._cluster.list(resource, namespace, **options))

    async def get(self, resource: Resource, namespace: str, name: str, **options: Any) -> JsonObject:
        return await self._answered("get", self._cluster.get(resource, namespace, name, **options))

    async def create(self, resource: Resource, namespace: str, body: JsonObject, **options: Any) -> JsonObject:
        return self._wrote(await self._answered("create", self._cluster.create(resource, namespace, body, **options)))

    async def replace(
        self, resource: Resource, namespace: str, name: str, body: JsonObject, **options: Any
    ) -> JsonObject:
        asked = self._cluster.replace(resource, namespace, name, body, **options)
        return self._wrote(await self._answered("update", asked))

    async def patch(
        self, resource: Resource, namespace: str, name: str, body: JsonObject | Sequence[JsonObject], **options: Any
    ) -> JsonObject:
        asked = self._cluster.patch(resource, namespace, name, body, **options)
        return self._wrote(await self._answered("patch", asked))

    async def delete(self, resource: Resource, namespace: str, name: str, **options: Any) -> JsonObject | None:
        return await self._answered("delete", self._cluster.delete(resource, namespace, name, **options))

    async def watch(self, resource: Resource, namespace: str = "", **options: Any) -> AsyncGenerator[WatchEvent, None]:
        key = (resource.kind, namespace, options.get("field_selector", ""))
        self._heard.setdefault(key, monotonic())
        why = ""
        try:
            stream: Any = self._cluster.watch(resource, namespace, **options)
            async with aclosing(stream) as events:
                async for event in events:
                    self._heard[key] = monotonic()
                    self._told(resource.kind, event)
                    yield event
            why = "ended"
        except ApiError as error:
            why = "expired" if error.status == 410 else "failed"
            self._count("watch", error)
            raise
        else:
            self._count("watch")
        finally:
            if why:
                self._restarts.labels(resource.kind, why).inc()
            else:  # whoever watched has had enough
                self._heard.pop(key, None)

    async def close(self) -> None:
        await self._cluster.close()

    # -- counting ------------------------------------------------------------------------------------------------

    async def _answered(self, verb: str, answer: Awaitable[T]) -> T:
        try:
            answered = await answer
        except ApiError as error:
            self._count(verb, error)
            raise
        self._count(verb)
        return answered

    def _count(self, verb: str, error: ApiError | None = None) -> None:
        code = "2xx" if error is None else str(error.status) if 400 <= error.status < 600 else "none"
        self._requests(verb, code).inc()

    def _wrote(self, obj: JsonObject) -> JsonObject:
        """Note what was written, to be met again."""
        metadata = obj.get("metadata") or {}
        uid, version = metadata.get("uid"), metadata.get("resourceVersion")
        if uid and version:
            self._written[uid] = (version, monotonic())
            if len(self._written) > REMEMBERED:
                self._written.popitem(last=False)
        return obj

    def _told(self, kind: str, event: WatchEvent) -> None:
        metadata = event.object.get("metadata") or {}
        noted = self._written.get(metadata.get("uid") or "")
        if noted is None:
            return
        version, at = noted
        if metadata.get("resourceVersion") == version:
            self._lag(kind).observe(monotonic() - at)
        del self._written[metadata["uid"]]
