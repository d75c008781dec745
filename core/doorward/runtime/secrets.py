"""The Secrets that guards go by: each watched by its name, so that no other is ever asked for.

    engine.secrets --follow--> one watch per name --+--> the engine: whether somebody could come in by it
                                                    +--> those who compare keys: the Secret itself

What isn't there, and what may not be read, is told as well: nobody gets through such a guard, and its
door is closed.  A Secret's content is handed to no one else, and is written nowhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine
from typing import Any

from tenacity.wait import wait_base

from doorward.cluster.protocol import Cluster
from doorward.model.credentials import summary, unusable
from doorward.model.event import AnyEvent, Deleted, Observed, Synced
from doorward.model.reference import SECRET, SECRETS, JsonObject, Ref
from doorward.runtime.watcher import watch_kind

__all__ = ["Secrets", "Taker"]

Taker = Callable[[Ref, JsonObject | None], None]
"""Told of a Secret each time that it changes; None where there is none to be had."""

ABSENT = "there is no such Secret; create it"


class Secrets:
    """Follows as many Secrets as there are guards.

    ``emit`` takes the engine's events; ``supervise`` makes a task of a watch, which begins again when it fails.
    """

    def __init__(
        self,
        cluster: Cluster,
        *,
        clock: Callable[[], float],
        emit: Callable[[AnyEvent], Awaitable[None] | None],
        pauses: wait_base,
        supervise: Callable[[Callable[[], Coroutine[Any, Any, None]], str], asyncio.Task[None]],
    ) -> None:
        self.takers: list[Taker] = []
        self._cluster = cluster
        self._clock = clock
        self._emit = emit
        self._pauses = pauses
        self._supervise = supervise
        self._wanted: Collection[Ref] = ()
        self._tasks: dict[Ref, asyncio.Task[None]] = {}

    def follow(self, wanted: Collection[Ref]) -> None:
        """Watch these, and no others."""
        if wanted is self._wanted:
            return
        self._wanted = wanted
        for ref in [ref for ref in self._tasks if ref not in wanted]:
            self._tasks.pop(ref).cancel()
            self._hand(ref, None)
        for ref in wanted:
            if ref not in self._tasks:
                self._tasks[ref] = self._supervise(self._watching(ref), f"watch {ref}")

    async def stop(self) -> None:
        """Watch no more."""
        tasks, self._tasks = [*self._tasks.values()], {}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _watching(self, ref: Ref) -> Callable[[], Coroutine[Any, Any, None]]:
        return lambda: watch_kind(
            self._cluster,
            SECRETS,
            ref.namespace,
            clock=self._clock,
            emit=lambda event: self._take(ref, event),
            field_selector=f"metadata.name={ref.name}",
            pauses=self._pauses,
        )

    def _take(self, ref: Ref, event: AnyEvent) -> Awaitable[None] | None:
        if ref not in self._tasks:  # a last word of a watch that is being ended
            return None
        if isinstance(event, Observed) and event.object["metadata"]["name"] == ref.name:
            self._hand(ref, event.object)
            return self._tell(summary(event.object))
        if isinstance(event, Deleted):
            self._hand(ref, None)
            return self._tell(unusable(ref, str(event.resource_version), ABSENT))
        if isinstance(event, Synced) and (ref.namespace, ref.name) not in event.keys:
            self._hand(ref, None)
            forbidden = f"it may not be read: {event.message}; allow get, list and watch of it"
            why = forbidden if event.state == "forbidden" else ABSENT
            return self._tell(unusable(ref, str(event.resource_version), why))
        return None

    def _tell(self, told: JsonObject) -> Awaitable[None] | None:
        return self._emit(Observed(at=self._clock(), kind=SECRET, object=told))

    def _hand(self, ref: Ref, secret: JsonObject | None) -> None:
        for taker in self.takers:
            taker(ref, secret)
