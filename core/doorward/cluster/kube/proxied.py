"""Requests through a proxy: aiohttp's, which is imported where there is one."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from socket import socket
from typing import Any

import aiohttp
from yarl import URL

from doorward.cluster.kube.wire import Answer, Asked, WireError


class Proxied:
    """As :class:`~doorward.cluster.kube.wire.Wire`; the same requests and answers."""

    def __init__(
        self,
        server: str,
        proxy: str,
        tls: ssl.SSLContext | None,
        name: str | None,
        *,
        connect_time: float,
        sockets: Callable[[tuple[Any, ...]], socket],
    ) -> None:
        """``server``: scheme, host and port; ``tls``, ``name`` and ``sockets`` as there."""
        self._server = server
        self._to: dict[str, Any] = {"proxy": proxy, "server_hostname": name, "allow_redirects": False}
        # How many requests are made at a time isn't the connector's to say: watches don't count.
        connector = aiohttp.TCPConnector(limit=0, ssl=tls or True, socket_factory=sockets)
        # Neither .netrc nor cookies have a say in who we are.
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )
        self._connect_time = connect_time
        self._open: set[aiohttp.ClientResponse] = set()

    async def exchange(self, asked: Asked) -> Answer:
        """The whole answer to a request.  Raises WireError, OSError, and TimeoutError where no connection stands."""
        async with self._answered(asked) as response:
            return await _whole(response)

    @asynccontextmanager
    async def streamed(self, asked: Asked, silence: float) -> AsyncIterator[Answer | Body]:
        """As there."""
        async with self._answered(asked, silence) as response:
            yield await _whole(response) if response.status >= 300 else Body(response)

    async def close(self) -> None:
        """End every connection; who waits for an answer gets a WireError."""
        # A closed session leaves those who still read from it waiting for ever.
        for response in list(self._open):
            response.close()
        await self._session.close()

    @asynccontextmanager
    async def _answered(self, asked: Asked, silence: float | None = None) -> AsyncIterator[aiohttp.ClientResponse]:
        limits = aiohttp.ClientTimeout(total=None, sock_connect=self._connect_time, sock_read=silence)
        url = URL(self._server + asked.target, encoded=True)
        try:
            async with self._session.request(
                asked.method, url, data=asked.body, headers=asked.headers, timeout=limits, **self._to
            ) as response:
                self._open.add(response)
                try:
                    yield response
                finally:
                    self._open.discard(response)
        except TimeoutError:
            raise
        except aiohttp.ClientError as error:
            raise WireError(str(error) or type(error).__name__) from error


class Body:
    """As :class:`~doorward.cluster.kube.wire.Stream`."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def pieces(self) -> AsyncIterator[bytes]:
        """As there."""
        async for piece in self._response.content.iter_any():
            yield piece


async def _whole(response: aiohttp.ClientResponse) -> Answer:
    return Answer(response.status, list(response.raw_headers), await response.read())
