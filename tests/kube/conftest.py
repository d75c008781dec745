"""An HTTP server that answers as it is told, and a cluster that speaks to it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from doorward.cluster.kube import KubeCluster
from doorward.cluster.kube.access import Access
from doorward.model.reference import JsonObject
from multidict import CIMultiDict

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
CERTS = Path(__file__).parent / "certs"


class Asked(NamedTuple):
    """A request that the server got."""

    method: str
    path: str
    query: dict[str, str]
    headers: CIMultiDict[str]
    body: Any


class Server:
    """Gives ``answers`` in order, then the last one again; keeps what was asked in ``requests``."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[Asked] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        asked = Asked(
            request.method,
            request.path,
            dict(request.query),
            CIMultiDict(request.headers),
            orjson.loads(body) if body else None,
        )
        self.requests.append(asked)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await answer(request)

    def will(self, *answers: Answer) -> None:
        self.answers = [*answers]


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    app = web.Application(client_max_size=2**26)
    app.router.add_route("*", "/{path:.*}", made.handle)
    async with TestServer(app) as running:
        made.url = str(running.make_url("")).rstrip("/")
        yield made


@pytest.fixture
async def tls_server() -> AsyncIterator[Server]:
    """The same behind TLS, as ``inside.test``; asks for a client certificate but doesn't insist on one."""
    made = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.handle)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(CERTS / "ca.pem"))
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # as API servers do, which are written in Go
    context.load_cert_chain(CERTS / "server.pem", CERTS / "server.key")
    context.verify_mode = ssl.CERT_OPTIONAL
    runner = TestServer(app, scheme="https")
    await runner.start_server(ssl=context)
    made.url = str(runner.make_url("")).rstrip("/")
    yield made
    await runner.close()


Connect = Callable[..., KubeCluster]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """``connect(url, user, **cluster)``: a cluster of that kubeconfig entry, closed at the end."""
    made: list[KubeCluster] = []

    def connect(url: str, user: JsonObject | None = None, *, timeout: float = 5, **cluster: Any) -> KubeCluster:
        entry = {"server": url, **{key.replace("_", "-"): value for key, value in cluster.items()}}
        made.append(KubeCluster(Access(cluster=entry, user=user or {}, source="kubeconfig"), timeout=timeout))
        return made[-1]

    yield connect
    for cluster in made:
        await cluster.close()


@pytest.fixture
async def cluster(server: Server, connect: Connect) -> KubeCluster:
    return connect(server.url)


def says(content: object, status: int = 200, **headers: str) -> Answer:
    """An answer of JSON (or of text, as proxies give it)."""
    named = {key.replace("_", "-"): value for key, value in headers.items()}

    async def answer(_: web.Request) -> web.StreamResponse:
        if isinstance(content, str):
            return web.Response(text=content, status=status, headers=named)
        return web.Response(body=orjson.dumps(content), status=status, content_type="application/json", headers=named)

    return answer


def refuses(code: int, reason: str, message: str = "", **headers: str) -> Answer:
    """An answer that is a Status."""
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code}
    return says({**status, "reason": reason, "message": message}, code, **headers)


def streams(*pieces: bytes, drop: bool = False) -> Answer:
    """A 200 whose body comes in these pieces; ``drop`` cuts the connection after the last."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
        if drop:
            assert request.transport is not None
            request.transport.close()
        return response

    return answer


def line(type: str, /, **object: Any) -> bytes:
    """A line of a watch."""
    return orjson.dumps({"type": type, "object": object}) + b"\n"


async def silent(request: web.Request) -> web.StreamResponse:
    """One event of a watch, and then nothing."""
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(line("ADDED", kind="Service"))
    await asyncio.sleep(3600)
    return response
