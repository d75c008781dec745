"""Requests on the wire: HTTP/1.1, one at a time on each of some connections that are kept.

    free connection, or a new one --request--> server --answer--> free again
                                       |
                                       +-- a stream; whatever goes wrong, or is given up: the connection is closed

Writes have small bodies and small answers, and there are thousands of them: on a cold start aiohttp took two thirds of
the time that each cost here, and to import it a fifth of what came before the first (docs/performance.md, What a
request costs).  httptools reads the answers.  What goes through a proxy is :mod:`proxied`'s.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import zlib
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, Literal, NamedTuple

import httptools
from aiohappyeyeballs import start_connection
from multidict import CIMultiDict

IDLE = 15.0
"""Seconds after which a connection isn't used again: servers and what is between close those that idle for longer."""
EYEBALLS = 0.25
"""Seconds after which the next address of a name is tried as well (RFC 8305, section 8)."""


UNREAD = 1 << 20
"""Bytes of a stream that wait to be read, beyond which no more are taken from the server."""


class WireError(Exception):
    """No answer, or none that is HTTP: nobody knows whether the request was carried out."""


class Asked(NamedTuple):
    """A request."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    """Without Host and Content-Length."""
    body: bytes | None = None


class Answer(NamedTuple):
    """A whole answer."""

    status: int
    raw: list[tuple[bytes, bytes]]
    body: bytes

    @property
    def headers(self) -> CIMultiDict[str]:
        """Read for answers that are errors only."""
        return CIMultiDict((name.decode("latin-1"), value.decode("latin-1")) for name, value in self.raw)


class Stream:
    """The body of a 2xx answer, as it comes."""

    def __init__(self, transport: asyncio.Transport, silence: float) -> None:
        self._transport = transport
        self._silence = silence
        self._unread: deque[bytes] = deque()
        self._size = 0
        self._ended: Literal["", "well"] | WireError = ""
        self._more = asyncio.Event()

    async def pieces(self) -> AsyncIterator[bytes]:
        """What has come since, until it ends.  Raises WireError where it breaks off, TimeoutError when it is silent."""
        while True:
            if not (self._unread or self._ended):
                self._more.clear()
                async with asyncio.timeout(self._silence):
                    await self._more.wait()
            if self._unread:
                piece = b"".join(self._unread)
                self._unread.clear()
                if self._size > UNREAD:
                    self._transport.resume_reading()
                self._size = 0
                yield piece
            elif isinstance(self._ended, WireError):
                raise self._ended
            elif self._ended:
                return

    def feed(self, data: bytes) -> None:
        if self._size <= UNREAD < self._size + len(data):
            self._transport.pause_reading()
        self._unread.append(data)
        self._size += len(data)
        self._more.set()

    def end(self, ended: Literal["well"] | WireError) -> None:
        self._ended = self._ended or ended
        self._more.set()


class Connection(asyncio.Protocol):
    """One connection, and the answer that it waits for."""

    def __init__(self) -> None:
        self.since = monotonic()
        """When it was last used."""
        self._answered: asyncio.Future[Answer] | None = None
        self._streams: asyncio.Future[Stream] | None = None
        """Where a stream is asked for: that, once it has begun."""
        self._stream: Stream | None = None

    async def exchange(self, request: bytes) -> Answer:
        """The answer to a whole request, head and body.  Raises WireError."""
        answered = self._send(request)
        try:
            answer = await answered
        finally:
            self._answered = None
        if not self._kept:
            self.close()
        self.since = monotonic()
        return answer

    async def begin(self, request: bytes, silence: float) -> Answer | Stream:
        """The same; a 2xx is a stream, for which the connection is used up.  ``silence``: seconds without a byte after
        which the other end is taken for dead.  Raises WireError, and TimeoutError.
        """
        answered = self._send(request)
        self._silence = silence
        self._streams = begun = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(silence):
                await asyncio.wait((answered, begun), return_when=asyncio.FIRST_COMPLETED)
            return begun.result() if begun.done() else await answered
        finally:
            self._answered = None

    def _send(self, request: bytes) -> asyncio.Future[Answer]:
        if not self.is_open:
            raise WireError("the connection was closed")
        self._answered = asyncio.get_running_loop().create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._until_closed = False
        self._transport.write(request)
        return self._answered

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
        if not (self._answered or self._stream):
            self.close()  # nothing was asked: whatever it is, the next request has another connection
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"the answer isn't HTTP: {error}")
            self.close()

    def eof_received(self) -> None:
        if (self._answered or self._stream) and self._until_closed:
            self.on_message_complete()
        self._fail("the server closed the connection")

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(str(error or "the connection was closed"))

    def _fail(self, why: str) -> None:
        if self._stream:
            self._stream.end(WireError(why))
        elif self._answered and not self._answered.done():
            self._answered.set_exception(WireError(why))

    # -- what httptools tells

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        named = {name.lower() for name, _ in self._headers}
        self._until_closed = not named & {b"content-length", b"transfer-encoding"}  # RFC 9112, section 6.3
        if self._streams and not self._streams.done() and 200 <= self._parser.get_status_code() < 300:
            self._stream = Stream(self._transport, self._silence)
            self._streams.set_result(self._stream)

    def on_body(self, body: bytes) -> None:
        if self._stream:
            self._stream.feed(body)
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if self._stream:
            self._stream.end("well")
        elif status < 200:  # an interim answer; the one that counts follows
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
        authority: str,
        tls: ssl.SSLContext | None,
        name: str | None,
        *,
        connect_time: float,
        sockets: Callable[[tuple[Any, ...]], socket.socket],
    ) -> None:
        """``authority``: host and port as requests name them; ``tls``: None for plain HTTP; ``name``: what its
        certificate is for, where that isn't the host.

        ``sockets`` makes a socket for an address, as getaddrinfo gives it.
        """
        self._address = host, port
        self._authority = authority
        self._tls = tls
        self._name = name
        self._connect_time = connect_time
        self._sockets = sockets
        self._free: list[Connection] = []
        self._busy: set[Connection] = set()

    async def exchange(self, asked: Asked) -> Answer:
        """The whole answer to a request.  Raises WireError, OSError, and TimeoutError where no connection stands."""
        connection = self._reused() or await self._connected()
        self._busy.add(connection)
        try:
            answer = await connection.exchange(self._written(asked))
        except BaseException:
            connection.close()  # an answer that comes yet is nobody's
            raise
        finally:
            self._busy.discard(connection)
        if connection.is_open:
            self._free.append(connection)
        return _plain(answer)

    @asynccontextmanager
    async def streamed(self, asked: Asked, silence: float) -> AsyncIterator[Answer | Stream]:
        """A stream, or the whole answer where it is no 2xx.  Raises what :meth:`exchange` does, and TimeoutError after
        so many seconds without a byte.
        """
        connection = self._reused() or await self._connected()
        self._busy.add(connection)
        try:
            yield await connection.begin(self._written(asked), silence)
        finally:
            connection.close()
            self._busy.discard(connection)

    async def close(self) -> None:
        """End every connection; who waits for an answer gets a WireError."""
        for connection in (*self._free, *self._busy):
            connection.close()
        self._free.clear()

    def _written(self, asked: Asked) -> bytes:
        lines = [f"{asked.method} {asked.target} HTTP/1.1", f"Host: {self._authority}"]
        lines += [f"{name}: {value}" for name, value in asked.headers]
        if asked.body is not None:
            lines.append(f"Content-Length: {len(asked.body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (asked.body or b"")

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


def _plain(answer: Answer) -> Answer:
    """The answer without compression.  Raises WireError."""
    if not any(name.lower() == b"content-encoding" and value.lower() == b"gzip" for name, value in answer.raw):
        return answer
    try:
        return answer._replace(body=zlib.decompress(answer.body, wbits=zlib.MAX_WBITS | 16))
    except zlib.error as error:
        raise WireError(f"the answer isn't the gzip that it says: {error}") from None
