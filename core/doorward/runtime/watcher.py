"""One kind, listed and watched for ever: an API server's answers become the engine's events.

    served? --no---> Synced(absent) --+     A list is one consistent moment: it ends in a Synced with every key that
       | yes                          |     exists, so that what vanished while nobody watched is swept, and needs no
       v                              |     Deleted.  The watch goes on from that moment; bookmarks move the point to
     list --403--> Synced(forbidden) -+     go on from when nothing changes.
       | Synced(listed)               |
       v                              |     A watch that ends in order is followed by the next one at once, one that
     watch --403, 404, 410------------+     fails by a pause and the next one, from the same point.  Only where the
       |  ^                           |     server has forgotten that point, or doesn't serve the kind any more, all
       +--+ ended, dropped, failed    v     begins anew.  Pauses grow until a watch brings something.
                              pause, again

After another list only differences are told: objects whose uid or resourceVersion isn't what it was.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Literal, TypeVar

from tenacity import RetryCallState, Retrying, wait_exponential, wait_random
from tenacity.wait import wait_base

from doorward.cluster.protocol import ApiError, Cluster, WatchEvent
from doorward.log import Log
from doorward.model.event import AnyEvent, Deleted, Observed, Synced
from doorward.model.reference import JsonObject, Resource

__all__ = ["Pauses", "watch_kind"]

PAGE = 500
"""Items per page of a list, as in client-go."""
PAUSES: wait_base = wait_exponential(multiplier=0.5, max=30) + wait_random(0, 1)
"""Seconds between attempts: doubling up to half a minute, with some jitter so that kinds don't march in step."""
LONGEST_PAUSE = 300.0
"""Seconds beyond which a server's Retry-After isn't believed."""
SHORTEST_WATCH = 1.0
"""Seconds; a watch that ends sooner, and without an event, calls for a pause like one that failed."""
FORBIDDEN = 3
"""So many watches in a row that may not be are told of; an API server that has just started forbids one or two."""

T = TypeVar("T")
Emit = Callable[[AnyEvent], Awaitable[None] | None]

_log = Log(__name__)


async def watch_kind(
    cluster: Cluster,
    resource: Resource,
    namespace: str = "",
    *,
    clock: Callable[[], float],
    emit: Emit,
    field_selector: str = "",
    label_selector: str = "",
    page: int = PAGE,
    pauses: wait_base = PAUSES,
    attempts: int | None = None,
    unwatched: Callable[[str], None] = lambda _: None,
) -> None:
    """Give ``emit`` one kind's Observed, Deleted and Synced, in order, until cancelled.

    ``namespace`` is the scope of the list; empty means all, and is all there is for a cluster-scoped kind.  ``clock``
    gives the time that events are stamped with, in seconds since the epoch.  Raises what ``emit`` raises; nothing that
    the cluster does ends it.  A kind whose first list the server fails to give so many ``attempts`` in a row is told as
    one that can't be listed, so that what doesn't depend on it can go on; None: it is waited for.  A kind that may be
    listed and not watched is listed again and again: ``unwatched`` is told what the server said, and an empty text once
    a watch works.
    """
    scope = namespace if resource.namespaced else ""
    watcher = _Watcher(
        cluster, resource, scope, field_selector, label_selector, clock, emit, page, Pauses(pauses), attempts, unwatched
    )
    await watcher.run()


class Pauses:
    """The pause before the next attempt."""

    def __init__(self, wait: wait_base) -> None:
        self._wait = wait
        self.reset()

    def reset(self) -> None:
        self._state = RetryCallState(Retrying(), None, (), {})

    async def take(self, at_least: float | None) -> None:
        seconds = max(self._wait(self._state), min(at_least or 0.0, LONGEST_PAUSE))
        self._state.attempt_number += 1
        await asyncio.sleep(seconds)


class _Watcher:
    def __init__(
        self,
        cluster: Cluster,
        resource: Resource,
        scope: str,
        field_selector: str,
        label_selector: str,
        clock: Callable[[], float],
        emit: Emit,
        page: int,
        pauses: Pauses,
        attempts: int | None,
        unwatched: Callable[[str], None],
    ) -> None:
        self._cluster = cluster
        self._resource = resource
        self._scope = scope
        self._field_selector = field_selector
        self._label_selector = label_selector
        self._clock = clock
        self._emit = emit
        self._page = page
        self._pauses = pauses
        self._attempts = attempts
        """How often the first list may still fail; None: as often as it likes, or it was given."""
        self._unwatched = unwatched
        self._forbidden = 0
        """How many watches in a row weren't allowed."""
        self._known: dict[tuple[str, str], tuple[str, str]] = {}
        """What was told last: the uid and resourceVersion of each object that exists."""
        self._halt: tuple[str, str] = ("", "")
        """State and message of a Synced that isn't a list, told once for as long as it lasts."""
        self._since = ""
        """The resourceVersion from which a watch goes on."""
        self._log = _log.bind(kind=resource.kind, namespace=scope)

    async def run(self) -> None:
        while True:
            retry_after: float | None = None
            try:
                version = await self._list()
                if version is not None:
                    await self._watch(version)
            except ApiError as error:
                self._log.info("begins anew", status=error.status, error=str(error))
                retry_after = error.retry_after
            await self._pauses.take(retry_after)

    async def _list(self) -> str | None:
        """Tell the whole of the scope; gives the API version in use, None where the kind isn't served."""
        try:
            version = await _asked(self._cluster.served(self._resource))
            if version is None:
                self._known.clear()
                await self._tell_halt("absent")
                return None
            keys: set[tuple[str, str]] = set()
            token = ""
            while True:
                page = await _asked(
                    self._cluster.list(
                        self._resource,
                        self._scope,
                        version=version,
                        limit=self._page,
                        continue_token=token,
                        field_selector=self._field_selector,
                        label_selector=self._label_selector,
                    )
                )
                for item in page.items:
                    keys.add(await self._observe(item, version))
                token = page.continue_token
                if not token:
                    break
        except ApiError as error:
            if error.status == 403:
                await self._tell_halt("forbidden", error.message)
            elif error.status == 410:
                self._page = 0  # The pages that were to come have expired; next time in one piece.
            elif self._attempts is not None and error.status >= 500:
                self._attempts -= 1
                if self._attempts <= 0:
                    await self._tell_halt("forbidden", f"the server fails to list it: {error.message}")
            raise
        self._known = {key: seen for key, seen in self._known.items() if key in keys}
        self._since = page.resource_version
        self._halt = ("", "")
        self._attempts = None
        await self._tell(
            Synced(
                at=self._clock(),
                kind=self._resource.kind,
                scope=self._scope,
                resource_version=int(page.resource_version or 0),
                keys=frozenset(keys),
                version=version,
            )
        )
        return version

    async def _watch(self, version: str) -> None:
        """Tell what changes.  Raises ApiError where only a new list can help."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            retry_after, alive = None, False
            try:
                async with aclosing(_streamed(self._open(version))) as stream:
                    async for event in stream:
                        alive = True
                        self._pauses.reset()
                        self._allowed()
                        await self._take(event, version)
            except ApiError as error:
                if error.status == 403:
                    self._forbid(error)
                if error.status in {403, 404, 410}:
                    raise
                self._log.info("watch failed", status=error.status, error=str(error))
                retry_after = error.retry_after
            else:
                self._allowed()
                if alive or loop.time() - began >= SHORTEST_WATCH:
                    continue
            await self._pauses.take(retry_after)

    def _forbid(self, error: ApiError) -> None:
        self._forbidden += 1
        if self._forbidden == FORBIDDEN:
            self._log.warning("may not be watched; it is listed again and again", error=error.message)
            self._unwatched(error.message)

    def _allowed(self) -> None:
        if self._forbidden >= FORBIDDEN:
            self._unwatched("")
        self._forbidden = 0

    def _open(self, version: str) -> AsyncIterator[WatchEvent]:
        return self._cluster.watch(
            self._resource,
            self._scope,
            resource_version=self._since,
            version=version,
            field_selector=self._field_selector,
            label_selector=self._label_selector,
        )

    async def _take(self, event: WatchEvent, version: str) -> None:
        metadata = event.object["metadata"]
        if event.type in {"ADDED", "MODIFIED"}:
            await self._observe(event.object, version)
        elif event.type == "DELETED":
            key = (metadata.get("namespace") or "", metadata["name"])
            self._known.pop(key, None)
            await self._tell(Deleted.of(self._resource.kind, event.object, self._clock()))
        self._since = metadata.get("resourceVersion") or self._since

    async def _observe(self, item: JsonObject, version: str) -> tuple[str, str]:
        """Tell an object unless it is known as it is; gives its namespace and name."""
        metadata = item["metadata"]
        key = (metadata.get("namespace") or "", metadata["name"])
        seen = (metadata.get("uid") or "", metadata.get("resourceVersion") or "")
        if self._known.get(key) != seen:
            self._known[key] = seen
            whole = {"apiVersion": self._resource.api_version(version), "kind": self._resource.name, **item}
            await self._tell(Observed(at=self._clock(), kind=self._resource.kind, object=whole))
        return key

    async def _tell_halt(self, state: Literal["absent", "forbidden"], message: str = "") -> None:
        if self._halt != (state, message):
            self._halt = (state, message)
            await self._tell(
                Synced(at=self._clock(), kind=self._resource.kind, scope=self._scope, state=state, message=message)
            )

    async def _tell(self, event: AnyEvent) -> None:
        pending = self._emit(event)
        if inspect.isawaitable(pending):
            await pending


async def _asked(answer: Awaitable[T]) -> T:
    """The answer; whatever goes wrong on the cluster's side is an ApiError."""
    try:
        return await answer
    except (ApiError, StopAsyncIteration):
        raise
    except Exception as error:
        _log.exception("the cluster's client failed")
        raise ApiError(0, "", repr(error)) from error


async def _streamed(stream: AsyncIterator[WatchEvent]) -> AsyncGenerator[WatchEvent, None]:
    """The same for a watch, which is closed at once when it isn't needed any more."""
    try:
        while True:
            try:
                event = await _asked(anext(stream))
            except StopAsyncIteration:
                return
            yield event
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()
