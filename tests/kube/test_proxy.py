"""Proxies, by the rules that kubectl has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from doorward.cluster.kube import KubeCluster
from doorward.cluster.kube.access import Access
from doorward.cluster.kube.proxy import proxy_for
from doorward.model.reference import SERVICE, Resource

from tests.kube.conftest import CERTS, Connect, Server, says

SERVICES = Resource(SERVICE, "services")


@pytest.mark.parametrize(
    ("no_proxy", "url", "through"),
    [
        ("", "https://api.example.com", True),
        ("*", "https://api.example.com", False),
        ("example.com", "https://api.example.com", False),
        ("example.com", "https://example.com", False),
        ("example.com", "https://badexample.com", True),
        (".example.com", "https://api.example.com", False),
        (".example.com", "https://example.com", True),
        ("*.example.com", "https://api.example.com", False),
        ("*.example.com", "https://example.com", True),
        (" other.org , EXAMPLE.com", "https://API.example.com", False),
        ("example.com:6443", "https://example.com:6443", False),
        ("example.com:6443", "https://example.com", True),
        ("example.com:443", "https://example.com", False),
        ("10.0.0.0/8", "https://10.96.0.1", False),
        ("10.0.0.0/8", "https://11.0.0.1", True),
        ("10.0.0.0/8", "https://example.com", True),
        ("10.0.0.1", "https://10.0.0.1:6443", False),
        ("10.0.0.1:443", "https://10.0.0.1:6443", True),
        ("10.0.0.1:6443", "https://10.0.0.1:6443", False),
        ("fd00::/8", "https://[fd00::1]:6443", False),
        ("[fd00::1]:6443", "https://[fd00::1]:6443", False),
        ("fd00::1", "https://[fd00::1]:6443", False),
        (",,", "https://example.com", True),
    ],
)
def test_no_proxy_takes_names_addresses_and_ranges(no_proxy: str, url: str, through: bool) -> None:
    found = proxy_for(url, {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": no_proxy})
    assert found == ("http://proxy:3128" if through else None)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "[::1]"])
def test_this_machine_is_never_reached_through_a_proxy_of_the_environment(host: str) -> None:
    assert proxy_for(f"https://{host}:6443", {"HTTPS_PROXY": "http://proxy:3128"}) is None


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({}, None),
        ({"https_proxy": "http://lower:1"}, "http://lower:1"),
        ({"https_proxy": "http://lower:1", "HTTPS_PROXY": "http://upper:1"}, "http://upper:1"),
        ({"HTTPS_PROXY": "proxy:3128"}, "http://proxy:3128"),
        ({"HTTP_PROXY": "http://proxy:1"}, None),
        ({"HTTPS_PROXY": "http://proxy:1", "no_proxy": "example.com"}, None),
    ],
)
def test_the_proxy_is_that_of_the_scheme(environ: dict[str, str], found: str | None) -> None:
    assert proxy_for("https://example.com", environ) == found


class Proxy:
    """Passes CONNECT on to one server, whatever is asked for, and keeps what was asked."""

    def __init__(self, target: str) -> None:
        self.asked: list[str] = []
        self._target = target.rpartition("/")[2].split(":")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.asked.append(head.split(b"\r\n")[0].decode())
        there, onward = await asyncio.open_connection(self._target[0], int(self._target[1]))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(self._pass(reader, onward), self._pass(there, writer), return_exceptions=True)

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        finally:
            sink.close()


@pytest.fixture
async def proxy(tls_server: Server) -> AsyncIterator[tuple[Proxy, str]]:
    made = Proxy(tls_server.url)
    listening = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    yield made, f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    listening.close()


async def test_requests_go_through_the_proxy_of_the_cluster(
    tls_server: Server, proxy: tuple[Proxy, str], connect: Connect
) -> None:
    tls_server.will(says({"kind": "Service"}))
    cluster = connect("https://inside.test:6443", proxy_url=proxy[1], certificate_authority=str(CERTS / "ca.pem"))
    assert await cluster.get(SERVICES, "team", "a") == {"kind": "Service"}
    assert proxy[0].asked == ["CONNECT inside.test:6443 HTTP/1.1"]


async def test_requests_go_through_the_proxy_of_the_environment(
    tls_server: Server, proxy: tuple[Proxy, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tls_server.will(says({"kind": "Service"}))
    monkeypatch.setenv("HTTPS_PROXY", proxy[1])
    monkeypatch.delenv("NO_PROXY", raising=False)
    entry = {"server": "https://inside.test", "certificate-authority": str(CERTS / "ca.pem")}
    cluster = KubeCluster(Access(cluster=entry), timeout=5)
    try:
        await cluster.get(SERVICES, "team", "a")
    finally:
        await cluster.close()
    assert proxy[0].asked == ["CONNECT inside.test:443 HTTP/1.1"]
