"""A stretch of wire between a replica and the API server, on which requests can be made to wait."""

from __future__ import annotations

import asyncio
from types import TracebackType

LINGER = 1.0
"""Seconds for which a connection to the server outlives who has sent something and is gone."""


class Relay:
    """Listens at :attr:`port` on 127.0.0.1 and hands everything on to ``target``, a port there too.

    While it holds, what the replica sends stays on the way; what it is sent does not.
    """

    def __init__(self, target: int) -> None:
        self.port = 0
        self.held = 0
        """Bytes that wait."""
        self.target = target
        self._open = asyncio.Event()
        self._open.set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Relay:
        self._server = await asyncio.start_server(self._begin, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def hold(self) -> None:
        self.held = 0
        self._open.clear()

    def release(self) -> None:
        self._open.set()

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._connected(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, onward = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(self._requests(reader, onward), _answers(there, writer))

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """What was sent by somebody who is gone by now arrives all the same."""
        try:
            while data := await reader.read(65536):
                if not self._open.is_set():
                    self.held += len(data)
                    await self._open.wait()
                writer.write(data)
                await writer.drain()
            await asyncio.sleep(LINGER)  # a server gives up what it does for who hangs up
        except OSError:
            pass
        finally:
            writer.close()


async def _answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
