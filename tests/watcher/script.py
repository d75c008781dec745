"""A cluster that plays back a script: one answer per question, and a record of what was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

from doorward.cluster.protocol import ApiError, Page, WatchEvent
from doorward.model.reference import JsonObject, Resource

Answers = dict[str, list[Any]]


class Script:
    """``served``, ``list`` and ``watch`` hold the answers, in order; an ApiError among them is raised.

    An answer to ``watch`` is a list of events, with an ApiError at its end where the watch breaks.  After the last
    answer ``served`` repeats itself, and everything else waits for ever: then ``done`` is set.
    """

    def __init__(
        self,
        *,
        served: Iterable[str | Exception | None] = ("v1",),
        list: Iterable[Page | Exception] = (),
        watch: Iterable[Iterable[WatchEvent | Exception]] = (),
    ) -> None:
        self.answers: Answers = {"served": [*served], "list": [*list], "watch": [*watch]}
        self.asked: dict[str, Any] = {"served": 0, "list": [], "watch": []}
        self.open_watches = 0
        self.done = asyncio.Event()

    async def served(self, resource: Resource) -> str | None:
        self.asked["served"] += 1
        answers = self.answers["served"]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        result: str | None = answer
        return result

    async def list(self, resource: Resource, namespace: str = "", **parameters: Any) -> Page:
        self.asked["list"].append({"namespace": namespace, **parameters})
        answer = await self._next("list")
        if isinstance(answer, Exception):
            raise answer
        page: Page = answer
        return page

    async def watch(self, resource: Resource, namespace: str = "", **parameters: Any) -> AsyncIterator[WatchEvent]:
        self.asked["watch"].append({"namespace": namespace, **parameters})
        self.open_watches += 1
        try:
            for event in await self._next("watch"):
                if isinstance(event, Exception):
                    raise event
                yield event
        finally:
            self.open_watches -= 1

    async def _next(self, question: str) -> Any:
        if not self.answers[question]:
            self.done.set()
            await asyncio.Event().wait()
        return self.answers[question].pop(0)


def item(name: str, resource_version: int, *, namespace: str = "team", uid: str = "") -> JsonObject:
    """An object as a list returns it."""
    metadata = {"namespace": namespace, "name": name, "uid": uid or f"uid-{name}"}
    return {"metadata": {**metadata, "resourceVersion": str(resource_version)}}


def page(resource_version: int, *items: JsonObject, more: str = "") -> Page:
    return Page(items=[*items], resource_version=str(resource_version), continue_token=more)


def bookmark(resource_version: int) -> WatchEvent:
    return WatchEvent("BOOKMARK", {"kind": "Service", "metadata": {"resourceVersion": str(resource_version)}})


DROPPED = ApiError(0, "", "connection lost")
EXPIRED = ApiError(410, "Expired", "too old resource version")
