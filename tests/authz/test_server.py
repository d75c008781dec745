"""Checks over the wire: statuses, headers, and what a client must not be able to say."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import aiohttp
import pytest
from doorward_daemon.authz import passwords as trials
from doorward_daemon.authz.server import Checks, serving
from yarl import URL

from tests.authz.asking import Known, hashed, secret


@pytest.fixture
async def asked() -> AsyncIterator[tuple[Known, str, aiohttp.ClientSession]]:
    known = Known()
    known.door("a", "m", "api-key", "m.example.com/", keys=secret(alice="alices-key"))
    known.door("a", "b", "basic", keys=secret(auth=f"alice:{hashed('pass')}\nbob:{hashed('word')}"))
    known.door("a", "open", None, "open.example.com/")
    async with serving(Checks(known, known.rings), "127.0.0.1:0") as url, aiohttp.ClientSession() as session:
        yield known, url, session


Asked = tuple[Known, str, aiohttp.ClientSession]


async def test_a_client_s_name_travels_on(asked: Asked) -> None:
    _, url, session = asked
    async with session.get(f"{url}/door/nginx/a/m", headers={"X-API-Key": "alices-key"}) as answer:
        assert answer.status == 200
        assert answer.headers.getall("doorward-client") == ["alice"]


async def test_the_header_is_set_where_there_is_no_client_too(asked: Asked) -> None:
    """A proxy puts it over the one that came in from outside."""
    _, url, session = asked
    async with session.get(f"{url}/door/nginx/a/open", headers={"doorward-client": "mallory"}) as answer:
        assert (answer.status, answer.headers["doorward-client"]) == (200, "")


@pytest.mark.parametrize(("door", "challenge"), [("m", "Bearer"), ("b", "Basic"), ("nobody", "Bearer")])
async def test_whoever_is_refused_is_told_how_to_come_in(asked: Asked, door: str, challenge: str) -> None:
    _, url, session = asked
    async with session.get(f"{url}/door/envoy/a/{door}/v1", headers={"X-API-Key": "x"}) as answer:
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith(f'{challenge} realm="doorward"')
        assert "doorward-client" not in answer.headers
        assert await answer.text() == ""


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "REPORT"])
async def test_every_method_is_checked(asked: Asked, method: str) -> None:
    _, url, session = asked
    for key, status in (("alices-key", 200), ("x", 401)):
        async with session.request(
            method, f"{url}/host/envoy/x", headers={"Host": "m.example.com", "X-API-Key": key}
        ) as a:
            assert a.status == status


async def test_the_path_is_read_as_it_came(asked: Asked) -> None:
    known, url, session = asked
    known.door("a", "p", "api-key", "example.com/models/p", keys=secret(alice="alices-key"))
    headers = {"Host": "example.com", "X-API-Key": "alices-key"}
    for path, status in (("/models/p/x", 200), ("/models/x/../p", 403), ("/models/%70/x", 403), ("/models//p", 403)):
        raw = URL(f"{url}/host/envoy{path}", encoded=True)
        async with session.get(raw, headers=headers) as answer:
            assert answer.status == status, path


async def test_passwords_are_tried_beside_other_checks(asked: Asked) -> None:
    _, url, session = asked

    async def status(user: str, password: str) -> int:
        headers = {"Authorization": aiohttp.encode_basic_auth(user, password)}
        async with session.get(f"{url}/door/nginx/a/b", headers=headers) as answer:
            return answer.status

    wanted = {("alice", "pass"): 200, ("alice", "word"): 401, ("bob", "word"): 200, ("eve", "pass"): 401}
    for _ in range(2):
        assert dict(zip(wanted, await asyncio.gather(*(status(*each) for each in wanted)), strict=True)) == wanted


async def test_a_password_that_was_changed_lets_nobody_in_any_more(asked: Asked) -> None:
    known, url, session = asked

    async def status(password: str) -> int:
        headers = {"Authorization": aiohttp.encode_basic_auth("alice", password)}
        async with session.get(f"{url}/door/nginx/a/b", headers=headers) as answer:
            return answer.status

    assert [await status("pass"), await status("new")] == [200, 401]
    known.door("a", "b", "basic", keys=secret(auth=f"alice:{hashed('new')}"))
    assert [await status("pass"), await status("new")] == [401, 200]


async def test_too_many_guesses_wait_no_longer(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    _, url, session = asked
    monkeypatch.setattr(trials, "MOST_WAITING", 0)
    headers = {"Authorization": aiohttp.encode_basic_auth("alice", "guess")}
    async with session.get(f"{url}/door/nginx/a/b", headers=headers) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")


@pytest.mark.parametrize(
    "target", ["/", "/metrics", "/door/squid/a/m", "/door/nginx/a", "/door/nginx/a/m/../../../healthz"]
)
async def test_what_is_no_check_never_lets_in(asked: Asked, target: str) -> None:
    _, url, session = asked
    async with session.get(URL(f"{url}{target}", encoded=True)) as answer:
        assert answer.status in (401, 404)


async def test_health_is_told_apart_from_readiness(asked: Asked) -> None:
    known, url, session = asked
    known.ready = False
    for path, status in (("/healthz", 200), ("/readyz", 503)):
        async with session.get(url + path) as answer:
            assert answer.status == status


async def test_a_check_that_fails_is_refused_and_says_no_key(
    asked: Asked, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    known, url, session = asked

    def broken(*_: object) -> None:
        raise RuntimeError("alices-key")

    monkeypatch.setattr(known, "named", broken)
    with caplog.at_level(logging.DEBUG):
        async with session.get(f"{url}/door/nginx/a/m", headers={"X-API-Key": "alices-key"}) as answer:
            assert answer.status == 503
    written = capfd.readouterr()
    assert "alices-key" not in caplog.text + written.out + written.err


async def test_large_headers_of_clients_pass(asked: Asked) -> None:
    """nginx hands over all that a client sent."""
    _, url, session = asked
    headers = {"X-API-Key": "alices-key", **{f"Cookie-{i}": "x" * 8000 for i in range(4)}, "Cookie": "x" * 30_000}
    async with session.get(f"{url}/door/nginx/a/m", headers=headers) as answer:
        assert answer.status == 200
