"""Requests from within the tests' network, sent to an address with whatever host they are for."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from typing import Any, NamedTuple

import aiohttp
import orjson
from yarl import URL

from tests.dataplane.network import GATEWAY, Network
from tests.patience import PATIENCE


class Answer(NamedTuple):
    """A status, and what the pod said that gave it (empty where none did)."""

    status: int
    body: dict[str, Any]

    @property
    def path(self) -> str:
        """The path as the pod saw it."""
        return str(self.body.get("path", ""))


class Client:
    """Sends requests; each over a connection of its own, as different clients would."""

    def __init__(self, network: Network) -> None:
        self._network = network

    async def __aenter__(self) -> Client:
        def within(info: Any) -> socket.socket:
            family, type_, proto, _, _ = info
            made = self._network.socket(family, type_, proto)
            made.setblocking(False)
            return made

        connector = aiohttp.TCPConnector(socket_factory=within, force_close=True, limit=0)
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        self.session = aiohttp.ClientSession(connector=connector, timeout=timeout)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()

    def url(self, path: str, port: int, address: str = GATEWAY, scheme: str = "http") -> URL:
        return URL(f"{scheme}://{address}:{port}{path}", encoded=True)

    async def ask(
        self,
        host: str,
        path: str,
        *,
        port: int,
        address: str = GATEWAY,
        method: str = "GET",
        data: Any = None,
        headers: dict[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> Answer:
        """One request, and its answer; ``tls``: by TLS with a server that has to prove that it is the host."""
        url = self.url(path, port, address, "https" if tls else "http")
        async with self.session.request(
            method,
            url,
            headers={**(headers or {}), "Host": host},
            data=data,
            allow_redirects=False,
            ssl=tls or True,
            server_hostname=host if tls else None,
        ) as answer:
            body = await answer.read()
            return Answer(answer.status, orjson.loads(body) if body.startswith(b"{") else {})

    async def until_answered(
        self, host: str, *paths: str, port: int, status: int = 200, tls: ssl.SSLContext | None = None
    ) -> None:
        """Ask for each path until the proxy has heard of it, and of the endpoints behind it."""
        deadline = time.monotonic() + PATIENCE
        for path in paths:
            while (answered := await self._status(host, path, port, tls)) != status:
                if time.monotonic() > deadline:
                    raise AssertionError(f"{host}{path} at port {port} is answered with {answered}")
                await asyncio.sleep(0.02)

    async def _status(self, host: str, path: str, port: int, tls: ssl.SSLContext | None) -> int:
        """0 where nobody answers."""
        try:
            return (await self.ask(host, path, port=port, tls=tls)).status
        except aiohttp.ClientConnectionError:
            return 0
