"""What is new, as server-sent events: changes of the list, put together, and at most so often."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from doorward_daemon.ui.access import Rights
from doorward_daemon.ui.doors import Doors
from doorward_daemon.ui.headers import HEADERS

__all__ = ["Stream"]

PAUSE = 0.5
"""Seconds between two events of the list: what changes meanwhile is told once."""
HEARTBEAT = 15.0
"""Seconds without anything to tell after which something is sent, so that both sides know of a dead connection."""
MOST = 64
"""Streams at a time; a page that isn't let in asks again after a while, and shows what it has."""

_encode = msgspec.json.Encoder().encode


class Stream:
    """Sends to every page that follows what it may see; a slow one gets the newest state, and no backlog.

    ``about`` gives what is true of the whole process, told where it changes.
    """

    def __init__(self, doors: Doors, about: Callable[[], dict[str, object]]) -> None:
        self._doors = doors
        self._about = about
        self._followers: set[asyncio.Event] = set()
        self._stopping = False

    async def tell(self) -> None:
        """Wake those who follow, whenever something changed; to be cancelled."""
        while True:
            await self._doors.changed.wait()
            self._doors.changed.clear()
            for each in self._followers:
                each.set()
            await asyncio.sleep(PAUSE)

    def stop(self) -> None:
        """End every stream."""
        self._stopping = True
        for each in self._followers:
            each.set()

    async def follow(
        self, request: web.Request, version: int, rights: Callable[[], Awaitable[Rights]]
    ) -> web.StreamResponse:
        """Send what is newer than ``version`` of the list, until either side goes; asks for the rights each time."""
        if len(self._followers) >= MOST:
            raise web.HTTPServiceUnavailable(text="too many pages follow this process\n", headers={"Retry-After": "30"})
        answer = web.StreamResponse(headers={**HEADERS, "Content-Type": "text/event-stream"})
        woken = asyncio.Event()
        self._followers.add(woken)
        try:
            await answer.prepare(request)
            about: dict[str, object] = {}
            while not self._stopping:
                allowed = await rights()
                await self._doors.refresh()
                if (now := self._about()) != about:
                    about = now
                    await answer.write(_event("about", about))
                if (said := self._doors_since(version, allowed)) is not None:
                    await answer.write(_event("doors", said))
                version = self._doors.version
                await _either(woken, answer)
        except (web.HTTPException, ConnectionError):
            pass  # the rights are gone, or the page is: it asks again, and is told why
        finally:
            self._followers.discard(woken)
        return answer

    def _doors_since(self, version: int, allowed: Rights) -> dict[str, object] | None:
        news = self._doors.since(version)
        if news is None:
            return {"version": self._doors.version, "anew": True}
        rows, gone = news
        rows = [row for row in rows if allowed.sees(row.kind, row.namespace)]
        left = [list(ref) for ref in gone if allowed.sees(ref.kind, ref.namespace)]
        if not rows and not left:
            return None
        return {"version": self._doors.version, "rows": rows, "gone": left}


def _event(name: str, data: dict[str, object]) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), _encode(data))


async def _either(woken: asyncio.Event, answer: web.StreamResponse) -> None:
    """Wait until there is something to tell; meanwhile show that the stream lives."""
    while not woken.is_set():
        try:
            async with asyncio.timeout(HEARTBEAT):
                await woken.wait()
        except TimeoutError:
            await answer.write(b": alive\n\n")
            break
    woken.clear()
