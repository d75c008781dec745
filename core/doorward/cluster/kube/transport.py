"""Requests as bytes: connections, TLS, proxies and credentials; every failure is an ApiError.

Bodies stay bytes, watches don't take the places of requests, and a connection whose other end is gone is noticed.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlencode, urlsplit

from doorward.cluster.kube.access import Access
from doorward.cluster.kube.answer import error_of
from doorward.cluster.kube.credentials import Credential, credentials_of
from doorward.cluster.kube.proxy import proxy_for
from doorward.cluster.kube.tls import context_of
from doorward.cluster.kube.wire import Answer, Asked, Wire, WireError
from doorward.cluster.protocol import ApiError

CONNECTIONS = 32
"""Requests at a time; watches don't count."""
CONNECT_TIME = 10.0
"""Seconds until a connection must stand, TLS and all."""
CERTIFICATE_CHECK = 60.0
"""Seconds between two looks at whether certificate files have changed."""


class _Streamed(Protocol):
    """The body of a 2xx answer."""

    def pieces(self) -> AsyncIterator[bytes]: ...


class _Way(Protocol):
    """How requests get to the server: by itself, or through a proxy."""

    async def exchange(self, asked: Asked) -> Answer: ...

    def streamed(self, asked: Asked, silence: float) -> AbstractAsyncContextManager[Answer | _Streamed]: ...

    async def close(self) -> None: ...


class _Pool:
    """The connections made with one set of certificates; closed once there are others and nobody uses it."""

    def __init__(self, way: _Way, made_from: object) -> None:
        self.way = way
        self.made_from = made_from
        self.users = 0


class Transport:
    """Raises AccessError where the access can't be made sense of, ApiError for everything that goes wrong later."""

    def __init__(self, access: Access, *, timeout: float = 30.0) -> None:
        self._access = access
        self._timeout = timeout
        self._credentials = credentials_of(access)
        self._headers = [("User-Agent", f"doorward/{version('doorward-core')}"), *access.headers()]
        self._headers.append(("Accept", "application/json"))
        self._compression = "identity" if access.cluster.get("disable-compression") else "gzip"
        self._proxy = str(access.cluster.get("proxy-url") or "") or proxy_for(access.server)
        self._name: str | None = access.cluster.get("tls-server-name") or None
        self._base = urlsplit(access.server).path
        self._pool: _Pool | None = None
        self._pools: set[_Pool] = set()
        self._room = asyncio.Semaphore(CONNECTIONS)
        self._files: tuple[object, ...] = ()
        self._looked = float("-inf")
        self._closed = False

    async def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: bytes | None = None,
        content_type: str = "application/json",
    ) -> bytes:
        """The body of a 2xx answer."""
        with _failing(f"{method} {path}"):
            async with self._room, asyncio.timeout(self._timeout):
                for last in (False, True):
                    credential = await self._credentials.current()
                    asked = self._asked(method, path, query, credential, body, content_type)
                    async with self._connections(credential) as pool:
                        answer = await pool.way.exchange(asked)
                    if answer.status < 300:
                        break
                    self._give_up(error_of(answer.status, answer.headers, answer.body), last=last)
                return answer.body

    async def stream(self, path: str, query: Mapping[str, str], *, silence: float) -> AsyncGenerator[bytes, None]:
        """The body of a GET in pieces, as they come; one that is silent for so many seconds is taken for dead."""
        with _failing(f"GET {path}"):
            for last in (False, True):
                credential = await self._credentials.current()
                asked = self._asked("GET", path, query, credential, streams=True)
                async with self._connections(credential) as pool, pool.way.streamed(asked, silence) as answer:
                    if not isinstance(answer, Answer):
                        async for piece in answer.pieces():
                            yield piece
                        return
                self._give_up(error_of(answer.status, answer.headers, answer.body), last=last)

    async def close(self) -> None:
        self._closed = True
        for pool in list(self._pools):
            await pool.way.close()
        self._pools.clear()
        self._pool = None

    def _give_up(self, error: ApiError, *, last: bool) -> None:
        """Raise what the server answered, unless it is that we aren't known: then other credentials are worth a try."""
        if error.status == 401:
            self._credentials.refused()
        if error.status != 401 or last:
            raise error

    def _asked(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        credential: Credential,
        body: bytes | None = None,
        content_type: str = "",
        *,
        streams: bool = False,
    ) -> Asked:
        """A request; of what is only read, and read as a whole, an answer may be compressed."""
        target = self._base + quote(path) + ("?" + urlencode(query) if query else "")
        headers = list(self._headers)
        if credential.authorization:
            headers.append(("Authorization", credential.authorization))
        if body is not None:
            headers.append(("Content-Type", content_type))
        headers.append(("Accept-Encoding", "identity" if streams or body is not None else self._compression))
        if any("\r" in value or "\n" in value or "\r" in name or "\n" in name for name, value in headers):
            raise ApiError(0, "", f"a header of {self._access.source} has a line break")
        return Asked(method, target, headers, body)

    @asynccontextmanager
    async def _connections(self, credential: Credential) -> AsyncIterator[_Pool]:
        pool = self._current_pool(credential)
        pool.users += 1
        try:
            yield pool
        finally:
            pool.users -= 1
            if len(self._pools) > 1:
                await self._close_unused()

    async def _close_unused(self) -> None:
        """Close what was made with other certificates, once nobody uses it."""
        for pool in [pool for pool in self._pools if pool is not self._pool and not pool.users]:
            self._pools.discard(pool)
            await pool.way.close()

    def _current_pool(self, credential: Credential) -> _Pool:
        if self._closed:
            raise ApiError(0, "", "this cluster was closed")
        if time.monotonic() - self._looked >= CERTIFICATE_CHECK:
            self._files = tuple(_stamp(file) for file in self._access.files())
            self._looked = time.monotonic()
        made_from = (self._files, credential.certificate)
        if self._pool is None or self._pool.made_from != made_from:
            self._pool = self._made(credential, made_from)
            self._pools.add(self._pool)
        return self._pool

    def _made(self, credential: Credential, made_from: object) -> _Pool:
        url = urlsplit(self._access.server)
        secure = url.scheme == "https"
        try:
            tls = context_of(self._access, credential) if secure else None
        except (ValueError, OSError) as error:
            raise ApiError(0, "", f"certificates of {self._access.source}: {error}") from error
        if self._proxy:
            from doorward.cluster.kube.proxied import Proxied

            origin = f"{url.scheme}://{url.netloc}"
            way: _Way = Proxied(
                origin, self._proxy, tls, self._name, connect_time=CONNECT_TIME, sockets=_watched_socket
            )
        else:
            address = url.hostname or "", url.port or (443 if secure else 80), url.netloc.rpartition("@")[2]
            way = Wire(*address, tls, self._name, connect_time=CONNECT_TIME, sockets=_watched_socket)
        return _Pool(way, made_from)


@contextmanager
def _failing(what: str) -> Iterator[None]:
    """Every failure as an ApiError that names the request."""
    try:
        yield
    except TimeoutError as error:
        raise ApiError(0, "Timeout", f"no answer in time: {what}") from error
    except (WireError, OSError) as error:
        raise ApiError(0, "", f"{what}: {error or type(error).__name__}") from error


def _stamp(file: Path) -> tuple[str, int]:
    try:
        return str(file), file.stat().st_mtime_ns
    except OSError:
        return str(file), 0


def _watched_socket(address: tuple[Any, ...]) -> socket.socket:
    """A socket that notices within a minute when the other end is gone without a word."""
    family, kind, protocol, *_ = address
    made = socket.socket(family=family, type=kind, proto=protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_KEEPIDLE", 30),
        ("TCP_KEEPINTVL", 10),
        ("TCP_KEEPCNT", 3),
        ("TCP_USER_TIMEOUT", 60_000),
    ):
        if hasattr(socket, option):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return made
