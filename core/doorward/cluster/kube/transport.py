"""Requests as bytes: connections, TLS, proxies and credentials; every failure is an ApiError.

Bodies stay bytes, watches don't take the places of requests, and a connection whose other end is gone is noticed.
Writes go over :mod:`wire`, as long as no proxy is in between; lists, watches and the rest over aiohttp.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from doorward.cluster.kube.access import Access
from doorward.cluster.kube.answer import error_of
from doorward.cluster.kube.credentials import Credential, credentials_of
from doorward.cluster.kube.proxy import proxy_for
from doorward.cluster.kube.tls import context_of
from doorward.cluster.kube.wire import Wire, WireError
from doorward.cluster.protocol import ApiError

CONNECTIONS = 32
"""Requests at a time; watches don't count."""
CONNECT_TIME = 10.0
"""Seconds until a connection must stand, TLS and all."""
CERTIFICATE_CHECK = 60.0
"""Seconds between two looks at whether certificate files have changed."""


class _Pool:
    """The connections made with one set of certificates; closed once there are others and nobody uses it."""

    def __init__(self, session: aiohttp.ClientSession, wire: Wire, made_from: object) -> None:
        self.session = session
        self.wire = wire
        self.made_from = made_from
        self.users = 0

    async def close(self) -> None:
        self.wire.close()
        await self.session.close()


class Transport:
    """Raises AccessError where the access can't be made sense of, ApiError for everything that goes wrong later."""

    def __init__(self, access: Access, *, timeout: float = 30.0) -> None:
        self._access = access
        self._timeout = timeout
        self._credentials = credentials_of(access)
        self._headers = CIMultiDict([("User-Agent", f"doorward/{version('doorward-core')}"), *access.headers()])
        if access.cluster.get("disable-compression"):
            self._headers["Accept-Encoding"] = "identity"
        self._proxy = str(access.cluster.get("proxy-url") or "") or proxy_for(access.server)
        self._name: str | None = access.cluster.get("tls-server-name") or None
        url = urlsplit(access.server)
        self._base = url.path
        self._lines = [f"Host: {url.netloc.rpartition('@')[2]}", "Accept: application/json"]
        self._lines += [f"{name}: {value}" for name, value in self._headers.items() if name != "Accept-Encoding"]
        self._pool: _Pool | None = None
        self._pools: set[_Pool] = set()
        self._open: set[aiohttp.ClientResponse] = set()
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
        if body is not None and not self._proxy:
            return await self._written(method, path, query, body, content_type)
        limits = aiohttp.ClientTimeout(total=self._timeout, sock_connect=CONNECT_TIME)
        async with self._room, self._answer(method, path, query, limits, body, content_type) as answer:
            return await answer.read()

    async def stream(self, path: str, query: Mapping[str, str], *, silence: float) -> AsyncGenerator[bytes, None]:
        """The body of a GET in pieces, as they come; one that is silent for so many seconds is taken for dead."""
        limits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIME, sock_read=silence)
        async with self._answer("GET", path, query, limits) as answer:
            async for chunk in answer.content.iter_any():
                yield chunk

    async def close(self) -> None:
        self._closed = True
        # A closed session leaves those who still read from it waiting for ever.
        for answer in list(self._open):
            answer.close()
        for pool in list(self._pools):
            await pool.close()
        self._pools.clear()
        self._pool = None

    async def _written(
        self, method: str, path: str, query: Mapping[str, str] | None, body: bytes, content_type: str
    ) -> bytes:
        """The body of a 2xx answer to a write."""
        target = self._base + quote(path) + ("?" + urlencode(query) if query else "")
        try:
            async with self._room, asyncio.timeout(self._timeout):
                for last in (False, True):
                    credential = await self._credentials.current()
                    head = self._head(method, target, credential, len(body), content_type)
                    async with self._connections(credential) as pool:
                        answer = await pool.wire.exchange(head + body)
                    if answer.status < 300:
                        break
                    self._give_up(error_of(answer.status, answer.headers, answer.body), last=last)
                return answer.body
        except TimeoutError as error:
            raise ApiError(0, "Timeout", f"no answer in time: {method} {path}") from error
        except (WireError, OSError) as error:
            raise ApiError(0, "", f"{method} {path}: {error or type(error).__name__}") from error

    def _give_up(self, error: ApiError, *, last: bool) -> None:
        """Raise what the server answered, unless it is that we aren't known: then other credentials are worth a try."""
        if error.status == 401:
            self._credentials.refused()
        if error.status != 401 or last:
            raise error

    def _head(self, method: str, target: str, credential: Credential, length: int, content_type: str) -> bytes:
        """Request line and headers."""
        lines = [f"{method} {target} HTTP/1.1", *self._lines]
        if credential.authorization:
            lines.append(f"Authorization: {credential.authorization}")
        lines += [f"Content-Type: {content_type}", f"Content-Length: {length}"]
        if any("\r" in line or "\n" in line for line in lines):
            raise ApiError(0, "", f"a header of {self._access.source} has a line break")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    @asynccontextmanager
    async def _answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        limits: aiohttp.ClientTimeout,
        body: bytes | None = None,
        content_type: str = "",
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        address = self._access.server + quote(path) + ("?" + urlencode(query) if query else "")
        headers = CIMultiDict(self._headers)
        headers["Accept"] = "application/json"
        if body is not None:
            headers["Content-Type"] = content_type
        try:
            for last in (False, True):
                credential = await self._credentials.current()
                if credential.authorization:
                    headers["Authorization"] = credential.authorization
                async with (
                    self._connections(credential) as pool,
                    pool.session.request(
                        method,
                        URL(address, encoded=True),
                        data=body,
                        headers=headers,
                        timeout=limits,
                        proxy=self._proxy,
                        server_hostname=self._name,
                        allow_redirects=False,
                    ) as answer,
                ):
                    if answer.status < 300:
                        self._open.add(answer)
                        try:
                            yield answer
                        finally:
                            self._open.discard(answer)
                        return
                    error = error_of(answer.status, answer.headers, await answer.read())
                self._give_up(error, last=last)
        except TimeoutError as error:
            raise ApiError(0, "Timeout", f"no answer in time: {method} {path}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise ApiError(0, "", f"{method} {path}: {error or type(error).__name__}") from error

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
            await pool.close()

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
        # How many requests are made at a time isn't the connector's to say: watches don't count.
        connector = aiohttp.TCPConnector(limit=0, ssl=tls or True, socket_factory=_watched_socket)
        # Neither .netrc nor cookies have a say in who we are.
        session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)
        address = url.hostname or "", url.port or (443 if secure else 80)
        wire = Wire(*address, tls, self._name, connect_time=CONNECT_TIME, sockets=_watched_socket)
        return _Pool(session, wire, made_from)


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
