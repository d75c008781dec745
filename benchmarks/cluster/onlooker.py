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
PATIENCE = 900.0
"""Seconds after which what is waited for won't come."""


class Onlooker:
    """Watches one kind, and notes on the clock of ``perf_counter`` when each object first met a condition."""

    def __init__(self, met: Callable[[Json], bool]) -> None:
        self.at: dict[Key, float] = {}
        self._met = met
        self._changed = asyncio.Event()

    def see(self, obj: Json, now: float) -> None:
        key = key_of(obj)
        if key not in self.at and self._met(obj):
            self.at[key] = now
            self._changed.set()

    def forget(self, key: Key) -> None:
        self.at.pop(key, None)

    async def until(self, count: int, alive: Callable[[], object]) -> list[float]:
        """When each of so many met it, in order; ``alive`` raises where nobody works on it any more."""
        while len(self.at) < count:
            alive()
            self._changed.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), 5)
        return sorted(self.at.values())

    async def time_of(self, key: Key) -> float:
        async with asyncio.timeout(PATIENCE):
            while key not in self.at:
                self._changed.clear()
                await self._changed.wait()
        return self.at[key]


@asynccontextmanager
async def looking_on(cluster: KubeCluster, resource: Resource, met: Callable[[Json], bool]) -> AsyncIterator[Onlooker]:
    """From now on, or rather from before the caller goes on."""
    page = await cluster.list(resource, limit=1)
    onlooker = Onlooker(met)

    async def watch() -> None:
        watching = cluster.watch(resource, resource_version=page.resource_version, timeout=3600)
        async with aclosing(watching) as events:
            async for event in events:
                if event.type in ("ADDED", "MODIFIED"):
                    onlooker.see(event.object, perf_counter())

    task = asyncio.create_task(watch())
    try:
        yield onlooker
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def key_of(obj: Json) -> Key:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]


def stands(service: Json) -> bool:
    """Whether an InferenceService is told that its door is open."""
    conditions = (service.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "IngressReady" and each["status"] == "True" for each in conditions)
