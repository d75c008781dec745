"""doorward in an asyncio program that has a client and a cache of its own: both work for the engine, too."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from doorward import Action, AnyEvent, Collection, Elapsed, Engine, Request, Started, outcome_of, request_of


class Client(Protocol):
    """Yours: makes a request, and gives the status and the body of the answer.  Raises OSError where none comes."""

    async def send(self, request: Request) -> tuple[int, bytes]: ...


class Doors:
    """Opens doors for as long as :meth:`run` runs.

    ``follow`` is called for each collection that your cache has to hold.  Once the cache has listed it:
    ``doors.tell(collection.listed(objects, resource_version, time.time()))``; then, with each change:
    ``doors.tell(collection.observed(object, time.time()))``, or ``deleted``.
    """

    def __init__(self, engine: Engine, client: Client, follow: Callable[[Collection], None]) -> None:
        self._engine = engine
        self._client = client
        self._follow = follow
        self._events = asyncio.Queue[AnyEvent]()

    def tell(self, events: Iterable[AnyEvent]) -> None:
        for event in events:
            self._events.put_nowait(event)

    async def run(self) -> None:
        followed = set[Collection]()
        self.tell([Started(at=time.time())])
        async with asyncio.TaskGroup() as tasks:
            while True:
                try:
                    async with asyncio.timeout(self._engine.wait()):
                        self._engine.receive(await self._events.get())
                except TimeoutError:
                    self._engine.receive(Elapsed(at=time.time()))
                for collection in {*Collection.wanted_by(self._engine)} - followed:
                    followed.add(collection)
                    self._follow(collection)
                for action in self._engine.actions():
                    tasks.create_task(self._perform(action))

    async def _perform(self, action: Action) -> None:
        try:
            status, body = await self._client.send(request_of(self._engine, action))
        except OSError:
            status, body = 0, b""  # nobody knows whether it was carried out: the engine looks
        self.tell([outcome_of(action, status, body, at=time.time())])
