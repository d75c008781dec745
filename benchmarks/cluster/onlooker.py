"""Who looks on from outside: when each object came to be as it was expected, as any watch of the API server sees it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from time import perf_counter
from typing import Any

from doorward.cluster.kube import KubeCluster
from doorward.model.reference import Resource

Json = dict[str, Any]
Key = tuple[str, str]
PATIENCE = 600.0
"""Seconds after which what is waited for won't come."""


class Onlooker:
    """Watches one kind, and notes on the clock of ``perf_counter`` when each object first met a condition."""

    def __init__(self, met: Callable[[Json], bool]) -> None:
        self.at: dict[Key, float] = {}
        self.task: asyncio.Task[None] | None = None
        self._met = met
        self._changed = asyncio.Event()

    def see(self, obj: Json, now: float) -> None:
        key = key_of(obj)
        if key not in self.at and self._met(obj):
            self.at[key] = now
            self._changed.set()

    async def until(self, count: int, alive: Callable[[], object]) -> list[float]:
        """When each of so many met it, in order.

        ``alive`` raises where nobody works on it any more.  Raises TimeoutError, with how many there are, and what
        ended the watch where something did.
        """
        end = perf_counter() + PATIENCE
        while len(self.at) < count:
            alive()
            if perf_counter() > end:
                raise TimeoutError(f"{len(self.at)} of {count} after {PATIENCE:.0f} s")
            await self._next()
        return sorted(self.at.values())

    async def time_of(self, key: Key) -> float:
        end = perf_counter() + PATIENCE
        while key not in self.at:
            if perf_counter() > end:
                raise TimeoutError(f"nothing of {key} after {PATIENCE:.0f} s")
            await self._next()
        return self.at[key]

    async def _next(self) -> None:
        """Wait for something new, a few seconds at most."""
        if self.task and self.task.done():
            self.task.result()
        self._changed.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), 5)


@asynccontextmanager
async def looking_on(cluster: KubeCluster, resource: Resource, met: Callable[[Json], bool]) -> AsyncIterator[Onlooker]:
    """From now on, or rather from before the caller goes on."""
    page = await cluster.list(resource, limit=1)
    onlooker = Onlooker(met)

    async def watch() -> None:
        since = page.resource_version
        while True:  # A server ends the watch of who is slow to read.
            watching = cluster.watch(resource, resource_version=since, timeout=3600)
            async with aclosing(watching) as events:
                async for event in events:
                    since = event.object["metadata"]["resourceVersion"]
                    if event.type in ("ADDED", "MODIFIED"):
                        onlooker.see(event.object, perf_counter())

    onlooker.task = task = asyncio.create_task(watch())
    try:
        yield onlooker
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def key_of(obj: Json) -> Key:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]


def stands(service: Json) -> bool:
    """Whether an InferenceService is told that its door is open."""
    conditions = (service.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "IngressReady" and each["status"] == "True" for each in conditions)
