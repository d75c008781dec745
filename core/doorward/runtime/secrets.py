"""The Secrets that guards go by: each watched by its name, so that no other is ever asked for.

    engine.secrets --follow--> one watch per name --+--> the engine: whether somebody could come in by it
                                                    +--> those who compare keys: the Secret itself

What isn't there, and what may not be read, is told as well: nobody gets through such a guard, and its door is closed.
What was read and may not be any more stays as it was for a moment: an API server that restarts forbids everything until
it knows its roles again.  A Secret's content is handed to no one else, and is written nowhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine
from typing import Any

from tenacity.wait import wait_base

from doorward.cluster.protocol import Cluster
from doorward.model.credentials import ABSENT, summary, unusable
from doorward.model.event import AnyEvent, Deleted, Observed, Synced
from doorward.model.reference import SECRET, SECRETS, JsonObject, Ref
from doorward.runtime.watcher import watch_kind

__all__ = ["Secrets", "Taker"]

Taker = Callable[[Ref, JsonObject | None], None]
"""Told of a Secret each time that it changes; None where there is none to be had."""

GRACE = 10.0
"""Seconds for which a Secret that was read counts, though it may not be read any more."""


class Secrets:
    """Follows as many Secrets as there are guards.

    ``emit`` takes the engine's events; ``supervise`` makes a task of a watch, which begins again when it fails;
    ``unwatched`` is told of a Secret that may be listed and not watched, as in :func:`watch_kind`.
    """

    def __init__(
        self,
        cluster: Cluster,
        *,
        clock: Callable[[], float],
        emit: Callable[[AnyEvent], Awaitable[None] | None],
        pauses: wait_base,
        supervise: Callable[[Callable[[], Coroutine[Any, Any, None]], str], asyncio.Task[None]],
        unwatched: Callable[[Ref, str], None] = lambda *_: None,
    ) -> None:
        self.takers: list[Taker] = []
        self._cluster = cluster
        self._clock = clock
        self._emit = emit
        self._pauses = pauses
        self._supervise = supervise
        self._unwatched = unwatched
        self._wanted: Collection[Ref] = ()
        self._tasks: dict[Ref, asyncio.Task[None]] = {}
        self._read: set[Ref] = set()
        """What was found at the last look."""
        self._grace: dict[Ref, asyncio.TimerHandle] = {}

    def follow(self, wanted: Collection[Ref]) -> None:
        """Watch these, and no others."""
        if wanted is self._wanted:
            return
        self._wanted = wanted
        for ref in [ref for ref in self._tasks if ref not in wanted]:
            self._tasks.pop(ref).cancel()
            self._unwatched(ref, "")
            self._calm(ref)
            self._read.discard(ref)
            self._hand(ref, None)
        for ref in wanted:
            if ref not in self._tasks:
                self._tasks[ref] = self._supervise(self._watching(ref), f"watch {ref}")

    async def stop(self) -> None:
        """Watch no more."""
        tasks, self._tasks = [*self._tasks.values()], {}
        for ref in [*self._grace]:
            self._calm(ref)
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
            unwatched=lambda why: self._unwatched(ref, why),
        )

    def _take(self, ref: Ref, event: AnyEvent) -> Awaitable[None] | None:
        if ref not in self._tasks:  # a last word of a watch that is being ended
            return None
        if isinstance(event, Observed) and event.object["metadata"]["name"] == ref.name:
            self._read.add(ref)
            self._calm(ref)
            self._hand(ref, event.object)
            return self._tell(summary(event.object))
        if isinstance(event, Deleted):
            return self._miss(ref, event.resource_version, ABSENT)
        if isinstance(event, Synced) and event.state == "forbidden":
            why = f"it may not be read: {event.message}; allow list and watch of it"
            if ref not in self._read:
                return self._miss(ref, 0, why)
            self._calm(ref)
            self._grace[ref] = asyncio.get_running_loop().call_later(GRACE, self._lose, ref, why)
        elif isinstance(event, Synced):
            self._calm(ref)
            if (ref.namespace, ref.name) not in event.keys:
                return self._miss(ref, event.resource_version, ABSENT)
        return None

    def _lose(self, ref: Ref, why: str) -> None:
        """The moment is over.  Another watch begins, which tells all anew once it may."""
        self._miss(ref, 0, why)
        self._tasks[ref].cancel()
        self._tasks[ref] = self._supervise(self._watching(ref), f"watch {ref}")

    def _calm(self, ref: Ref) -> None:
        if timer := self._grace.pop(ref, None):
            timer.cancel()

    def _miss(self, ref: Ref, version: int, why: str) -> Awaitable[None] | None:
        """Nobody comes in by a Secret any more."""
        self._calm(ref)
        self._read.discard(ref)
        self._hand(ref, None)
        return self._tell(unusable(ref, str(version), why))

    def _tell(self, told: JsonObject) -> Awaitable[None] | None:
        return self._emit(Observed(at=self._clock(), kind=SECRET, object=told))

    def _hand(self, ref: Ref, secret: JsonObject | None) -> None:
        for taker in self.takers:
            taker(ref, secret)
