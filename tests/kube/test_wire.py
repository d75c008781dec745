"""Writes on the wire: connections are kept as long as they are good, and an answer is never somebody else's."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from aiohttp import web
from doorward.cluster.kube import wire
from doorward.cluster.protocol import ApiError
from doorward.model.reference import SERVICE, Resource

from tests.kube.conftest import CERTS, Connect, Server, line, says, streams
from tests.patience import PATIENCE
from tests.shell.running import until

SERVICES = Resource(SERVICE, "services")
OBJECT = {"metadata": {"name": "a"}}
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n" + b'{"metadata": {"name":1}}'


class Raw:
    """A server that answers bytes: ``answers`` in order, then the last one again."""

    def __init__(self) -> None:
        self.answers: list[bytes | None] = []
        """None: the connection is closed in place of an answer."""
        self.connections = 0
        self.asked: list[bytes] = []
        self.last: asyncio.StreamWriter | None = None
        """Of the connection that was answered last."""
        self.url = ""
        self.hold = asyncio.Event()
        self.hold.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"Content-L"))
            self.asked.append(head + await reader.readexactly(length))
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            await self.hold.wait()
            if answer is None:
                break
            writer.write(answer)
            self.last = writer
        writer.close()


@pytest.fixture
async def raw() -> AsyncIterator[Raw]:
    made = Raw()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await made.serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1")
    made.url = "http://{}:{}".format(*server.sockets[0].getsockname())
    yield made
    made.hold.set()
    server.close()


async def test_a_connection_is_used_again(raw: Raw, connect: Connect) -> None:
    raw.answers = [OK]
    cluster = connect(raw.url)
    for _ in range(3):
        await cluster.create(SERVICES, "team", OBJECT)
    assert raw.connections == 1


async def test_requests_at_a_time_have_connections_of_their_own(raw: Raw, connect: Connect) -> None:
    raw.answers = [OK]
    raw.hold.clear()
    cluster = connect(raw.url)
    waiting = [asyncio.create_task(cluster.create(SERVICES, "team", OBJECT)) for _ in range(3)]
    await until(lambda: raw.connections == 3)
    raw.hold.set()
    await asyncio.gather(*waiting)


async def test_a_connection_that_idled_is_not_used_again(
    raw: Raw, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "IDLE", 0.0)
    raw.answers = [OK]
    cluster = connect(raw.url)
    for _ in range(2):
        await cluster.create(SERVICES, "team", OBJECT)
    assert raw.connections == 2


async def test_a_connection_that_the_server_is_about_to_close_is_not_used_again(raw: Raw, connect: Connect) -> None:
    raw.answers = [OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)]
    cluster = connect(raw.url)
    for _ in range(2):
        await cluster.create(SERVICES, "team", OBJECT)
    assert raw.connections == 2


async def test_an_answer_that_comes_too_late_is_nobody_s(raw: Raw, connect: Connect) -> None:
    other = OK.replace(b'"name":1', b'"name":2')
    raw.answers = [OK, other]
    raw.hold.clear()
    cluster = connect(raw.url)
    given_up = asyncio.create_task(cluster.create(SERVICES, "team", OBJECT))
    await until(lambda: len(raw.asked) == 1)
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    raw.hold.set()
    assert (await cluster.create(SERVICES, "team", OBJECT))["metadata"]["name"] == 2


@pytest.mark.parametrize(
    "answer",
    [None, b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"],
    ids=["closed", "another protocol", "no length"],
)
async def test_what_is_no_answer_leaves_it_open_whether_it_was_done(
    raw: Raw, connect: Connect, answer: bytes | None
) -> None:
    raw.answers = [answer, OK]
    cluster = connect(raw.url)
    with pytest.raises(ApiError) as caught:
        await cluster.create(SERVICES, "team", OBJECT)
    assert caught.value.status == 0
    await cluster.create(SERVICES, "team", OBJECT)


async def test_an_interim_answer_is_none(raw: Raw, connect: Connect) -> None:
    raw.answers = [b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK]
    assert await connect(raw.url).create(SERVICES, "team", OBJECT) == {"metadata": {"name": 1}}


async def test_an_answer_may_come_in_chunks_and_in_pieces(server: Server, connect: Connect) -> None:
    async def chunks(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in (b'{"metadata"', b': {"na', b'me": "a"}}'):
            await response.write(piece)
        return response

    server.will(chunks)
    assert await connect(server.url).create(SERVICES, "team", OBJECT) == OBJECT


async def test_after_close_nobody_waits_for_an_answer(raw: Raw, connect: Connect) -> None:
    raw.answers = [OK]
    raw.hold.clear()
    cluster = connect(raw.url)
    waiting = asyncio.create_task(cluster.create(SERVICES, "team", OBJECT))
    await until(lambda: len(raw.asked) == 1)
    await cluster.close()
    with pytest.raises(ApiError) as caught:
        await waiting
    assert caught.value.status == 0


async def test_a_write_tells_who_we_are_as_a_read_does(server: Server, connect: Connect) -> None:
    server.will(says(OBJECT))
    user = {"token": "abc", "as": "jane", "as-groups": ["dev", "ops"]}
    cluster = connect(server.url + "/behind/a/path", user)
    await cluster.create(SERVICES, "team", OBJECT, field_manager="me")
    await cluster.get(SERVICES, "team", "a")
    write, read = server.requests
    assert write.path == "/behind/a/path/api/v1/namespaces/team/services"
    assert (write.query, write.body) == ({"fieldManager": "me"}, OBJECT)
    for name in ("Host", "User-Agent", "Accept", "Authorization", "Impersonate-User"):
        assert write.headers[name] == read.headers[name]
    assert write.headers.getall("Impersonate-Group") == ["dev", "ops"]


async def test_a_line_break_in_a_header_is_refused(server: Server, connect: Connect) -> None:
    with pytest.raises(ApiError, match="has a line break"):
        await connect(server.url, {"as": "jane\r\nX: y"}).create(SERVICES, "team", OBJECT)


async def test_a_write_is_behind_the_same_tls(tls_server: Server, connect: Connect) -> None:
    tls_server.will(says(OBJECT))
    trusted = {"certificate_authority": str(CERTS / "ca.pem"), "tls_server_name": "inside.test"}
    data = {
        f"client-{what}-data": base64.b64encode((CERTS / f"alice.{end}").read_bytes()).decode()
        for what, end in (("certificate", "pem"), ("key", "key"))
    }
    assert await connect(tls_server.url, data, **trusted).create(SERVICES, "team", OBJECT) == OBJECT
    for wrong in ({**trusted, "tls_server_name": "other.test"}, {"tls_server_name": "inside.test"}):
        with pytest.raises(ApiError) as caught:
            await connect(tls_server.url, **wrong).create(SERVICES, "team", OBJECT)
        assert caught.value.status == 0
    skipping = connect(tls_server.url, insecure_skip_tls_verify=True)
    assert await skipping.create(SERVICES, "team", OBJECT) == OBJECT


async def test_what_is_read_may_come_compressed(server: Server, connect: Connect) -> None:
    async def compressed(request: web.Request) -> web.StreamResponse:
        response = web.json_response({"items": [{"metadata": {"name": "a"}}]})
        response.enable_compression(web.ContentCoding.gzip)
        return response

    server.will(compressed)
    page = await connect(server.url).list(SERVICES)
    assert [item["metadata"]["name"] for item in page.items] == ["a"]
    assert server.requests[0].headers["Accept-Encoding"] == "gzip"
    await connect(server.url, disable_compression=True).list(SERVICES)
    assert server.requests[1].headers["Accept-Encoding"] == "identity"


async def test_an_answer_that_is_not_the_gzip_it_says_is_none(raw: Raw, connect: Connect) -> None:
    raw.answers = [OK.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n", 1)]
    with pytest.raises(ApiError, match="gzip") as caught:
        await connect(raw.url).create(SERVICES, "team", OBJECT)
    assert caught.value.status == 0


async def test_an_answer_without_a_length_ends_with_its_connection(raw: Raw, connect: Connect) -> None:
    raw.answers = [b'HTTP/1.1 200 OK\r\n\r\n{"metadata": {"name": "a"}}']
    creating = asyncio.create_task(connect(raw.url).create(SERVICES, "team", OBJECT))
    await until(lambda: raw.last is not None)
    assert raw.last is not None
    raw.last.close()
    assert await creating == OBJECT


async def test_a_watch_that_nobody_reads_takes_no_more_from_the_server(
    server: Server, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "UNREAD", 1 << 16)
    paused = asyncio.Event()

    class Told(wire.Stream):
        def feed(self, data: bytes) -> None:
            super().feed(data)
            if not self._transport.is_reading():
                paused.set()

    monkeypatch.setattr(wire, "Stream", Told)
    server.will(streams(*[line("ADDED", data="x" * 10_000)] * 400))
    async with asyncio.timeout(PATIENCE), aclosing(connect(server.url).watch(SERVICES, resource_version="7")) as watch:
        await anext(watch)
        await paused.wait()
        assert 1 + len([event async for event in watch]) == 400
