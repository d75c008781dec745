"""Writes on the wire: HTTP/1.1, one request at a time on each of some connections that are kept.

    free connection, or a new one --request--> server --answer--> free again
                                       |
                                       +-- whatever goes wrong, or is given up: the connection is closed

A write has a small body and a small answer, and there are thousands of them: on a cold start aiohttp took two thirds of
the time that each cost here (docs/performance.md, What a request costs).  httptools reads the answers; what is more
than that, such as proxies, compression and streams, is aiohttp's.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from time import monotonic
from typing import Any, NamedTuple

import httptools
from aiohappyeyeballs import start_connection
from multidict import CIMultiDict

IDLE = 15.0
"""Seconds after which a connection isn't used again: servers and what is between close those that idle for longer."""


EYEBALLS = 0.25
"""Seconds after which the next address of a name is tried as well (RFC 8305, section 8)."""


class WireError(Exception):
    """No answer, or none that is HTTP: nobody knows whether the request was carried out."""


class Answer(NamedTuple):
    """A whole answer."""

    status: int
    raw: list[tuple[bytes, bytes]]
    body: bytes

    @property
    def headers(self) -> CIMultiDict[str]:
        """Read for answers that are errors only."""
        return CIMultiDict((name.decode("latin-1"), value.decode("latin-1")) for name, value in self.raw)


class Connection(asyncio.Protocol):
    """One connection, and the answer that it waits for."""

    def __init__(self) -> None:
        self.since = monotonic()
        """When it was last used."""
        self._answered: asyncio.Future[Answer] | None = None

    async def exchange(self, request: bytes) -> Answer:
        """The answer to a whole request, head and body.  Raises WireError."""
        if not self.is_open:
            raise WireError("the connection was closed")
        self._answered = asyncio.get_running_loop().create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._transport.write(request)
        try:
            answer = await self._answered
        finally:
            self._answered = None
        if not self._kept:
            self.close()
        self.since = monotonic()
        return answer

    @property
    def is_open(self) -> bool:
        return not self._transport.is_closing()

    def close(self) -> None:
        self._transport.abort()

    # -- what asyncio tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._answered is None:
            self.close()  # nothing was asked: whatever it is, the next request has another connection
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"the answer isn't HTTP: {error}")
            self.close()

    def eof_received(self) -> None:
        self._fail("the server closed the connection")

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(str(error or "the connection was closed"))

    def _fail(self, why: str) -> None:
        if self._answered and not self._answered.done():
            self._answered.set_exception(WireError(why))

    # -- what httptools tells

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:  # an interim answer; the one that counts follows
            self._headers.clear()
        elif self._answered and not self._answered.done():
            self._kept = self._parser.should_keep_alive()  # which is known here only
            self._answered.set_result(Answer(status, self._headers, b"".join(self._body)))


class Wire:
    """Connections to one server; how many are made at a time is the caller's to bound."""

    def __init__(
        self,
        host: str,
        port: int,
        tls: ssl.SSLContext | None,
        name: str | None,
        *,
        connect_time: float,
        sockets: Callable[[tuple[Any, ...]], socket.socket],
    ) -> None:
        """``tls``: None for plain HTTP; ``name``: what its certificate is for, where that isn't the host.

        ``sockets`` makes a socket for an address, as getaddrinfo gives it.
        """
        self._address = host, port
        self._tls = tls
        self._name = name
        self._connect_time = connect_time
        self._sockets = sockets
        self._free: list[Connection] = []
        self._busy: set[Connection] = set()

    async def exchange(self, request: bytes) -> Answer:
        """The answer to a whole request.  Raises WireError, OSError, and TimeoutError where no connection stands."""
        connection = self._reused() or await self._connected()
        self._busy.add(connection)
        try:
            answer = await connection.exchange(request)
        except BaseException:
            connection.close()  # an answer that comes yet is nobody's
            raise
        finally:
            self._busy.discard(connection)
        if connection.is_open:
            self._free.append(connection)
        return answer

    def close(self) -> None:
        """End every connection; who waits for an answer gets a WireError."""
        for connection in (*self._free, *self._busy):
            connection.close()
        self._free.clear()

    def _reused(self) -> Connection | None:
        """The free connection that was used last."""
        while self._free:
            connection = self._free.pop()
            if connection.is_open and monotonic() - connection.since < IDLE:
                return connection
            connection.close()
        return None

    async def _connected(self) -> Connection:
        host, port = self._address
        loop = asyncio.get_running_loop()
        name = (self._name or host) if self._tls else None
        async with asyncio.timeout(self._connect_time):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            sock = await start_connection(found, happy_eyeballs_delay=EYEBALLS, socket_factory=self._sockets)
            _, connection = await loop.create_connection(Connection, sock=sock, ssl=self._tls, server_hostname=name)
        return connection
