"""Who may look at the page, and what a browser may do with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from doorward.cluster.embedded import EmbeddedCluster
from doorward.cluster.protocol import ApiError
from doorward.model.reference import JsonObject, Resource
from doorward_daemon.address import is_loopback
from doorward_daemon.ui import access

from tests.patience import PATIENCE
from tests.shell.running import Running, until
from tests.ui.scenery import KIND, Shown, every_sort, served


class Reviewing(EmbeddedCluster):
    """A cluster that knows the tokens of some users, and what these may do."""

    def __init__(self) -> None:
        super().__init__()
        self.users: dict[str, str] = {"admin-token": "admin", "chat-token": "chatter", "none-token": "nobody"}
        self.allowed = {
            ("admin", "list", "inferenceservices", ""),
            ("admin", "get", "configmaps", "ome"),
            ("chatter", "list", "inferenceservices", "chat"),
        }
        self.asked: list[str] = []
        self.failing: ApiError | None = None

    async def create(self, resource: Resource, namespace: str, body: JsonObject, **more: Any) -> JsonObject:
        if resource.name not in ("TokenReview", "SubjectAccessReview"):
            return await super().create(resource, namespace, body, **more)
        if self.failing:
            raise self.failing
        self.asked.append(resource.name)
        if resource.name == "TokenReview":
            user = self.users.get(body["spec"]["token"])
            return {**body, "status": {"authenticated": True, "user": {"username": user}} if user else {}}
        told = body["spec"]["resourceAttributes"]
        key = (body["spec"]["user"], told["verb"], told["resource"], told["namespace"])
        return {**body, "status": {"allowed": key in self.allowed}}


class Asking:
    def __init__(self, client: aiohttp.ClientSession, shown: Shown, cluster: Reviewing) -> None:
        self.client, self.shown, self.cluster = client, shown, cluster

    async def __call__(self, path: str, token: str = "", **headers: str) -> tuple[int, Any]:
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        async with self.client.get(self.shown.url + path, headers=headers) as answer:
            told = await answer.json() if answer.content_type == "application/json" else await answer.text()
            return answer.status, told


@pytest.fixture(params=[False], ids=[""])
async def asking(request: pytest.FixtureRequest) -> AsyncIterator[Asking]:
    """A page that isn't on loopback."""
    cluster = Reviewing()
    running = Running(cluster)
    every_sort(running)
    async with served(running, loopback=request.param) as shown, aiohttp.ClientSession() as client:
        await shown.shell.once(PATIENCE)
        yield Asking(client, shown, cluster)


on_loopback = pytest.mark.parametrize("asking", [True], ids=["loopback"], indirect=True)


@pytest.mark.parametrize("path", ["", "app.js", "api/doors", "api/nothing", "nothing.js"])
@on_loopback
async def test_every_answer_says_what_a_browser_may_do_with_it(asking: Asking, path: str) -> None:
    async with asking.client.get(asking.shown.url + path) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "Access-Control-Allow-Origin" not in answer.headers


@on_loopback
async def test_a_stream_says_so_too(asking: Asking) -> None:
    async with asking.client.get(asking.shown.url + "api/events?version=0") as answer:
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


async def test_nothing_is_inline_and_nothing_comes_from_elsewhere(asking: Asking) -> None:
    _, index = await asking("")
    assert "style=" not in index
    assert "onload" not in index
    assert "http" not in index
    assert index.count("<script") == index.count('<script type="module" src=')


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8080", 200),
        ("127.0.0.1", 200),
        ("127.9.9.9:1", 200),
        ("[::1]:8080", 200),
        ("evil.example.com", 403),
        ("localhost.evil.example.com", 403),
        ("127.0.0.1.evil.example.com:8080", 403),
        ("10.0.0.1:8080", 403),
        ("", 403),
    ],
)
@on_loopback
async def test_on_loopback_only_loopback_s_own_names_are_answered(asking: Asking, host: str, status: int) -> None:
    for path in ("", "api/doors"):
        assert (await asking(path, Host=host))[0] == status
    without_slash, headers = asking.shown.url.rstrip("/"), {"Host": host}
    async with asking.client.get(without_slash, headers=headers, allow_redirects=False) as answer:
        assert answer.status == (302 if status == 200 else status)
        assert answer.headers.get("Location") == ("/ui/" if status == 200 else None)
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


@on_loopback
async def test_another_site_s_page_may_not_ask(asking: Asking) -> None:
    for site, status in {"cross-site": 403, "same-site": 403, "same-origin": 200, "none": 200}.items():
        assert (await asking("api/doors", **{"Sec-Fetch-Site": site}))[0] == status


@on_loopback
async def test_on_loopback_nobody_is_asked_who_they_are(asking: Asking) -> None:
    status, told = await asking("api/doors")
    assert (status, len(told["rows"])) == (200, 9)
    assert not asking.cluster.asked


async def test_elsewhere_nothing_is_told_without_a_token(asking: Asking) -> None:
    one = f"api/doors/{KIND}/chat/mistral"
    for path in ("api/doors", "api/doors.csv", "api/settings", "api/events?version=0", one, f"{one}/timeline"):
        for token in ("", "stranger", "x" * 20_000 if path == "api/doors" else "stranger"):
            try:
                assert (await asking(path, token))[0] in (400, 401), path
            except aiohttp.ClientError:  # a header that is too long
                assert len(token) > 10_000
    assert (await asking(""))[0] == 200
    assert "SubjectAccessReview" not in asking.cluster.asked


async def test_who_may_list_services_everywhere_sees_all_doors(asking: Asking) -> None:
    status, told = await asking("api/doors", "admin-token")
    assert (status, len(told["rows"])) == (200, 9)
    assert (await asking("api/settings", "admin-token"))[0] == 200


async def test_who_may_list_them_in_a_namespace_sees_its_doors_and_no_others(asking: Asking) -> None:
    status, told = await asking("api/doors", "chat-token")
    assert status == 200
    assert {row[1] for row in told["rows"]} == {"chat"}
    assert (await asking(f"api/doors/{KIND}/chat/mistral", "chat-token"))[0] == 200
    for rest in ("", "/timeline", "/then?number=9", "/changes?from=1"):
        assert (await asking(f"api/doors/{KIND}/edge/balanced{rest}", "chat-token"))[0] in (403, 404)
    assert "edge" not in (await asking("api/doors.csv", "chat-token"))[1]
    assert (await asking("api/settings", "chat-token"))[0] == 403


async def test_what_was_packed_for_one_who_sees_all_is_sent_to_nobody_else(asking: Asking) -> None:
    for token, count in (("admin-token", 9), ("chat-token", 3), ("admin-token", 9)):
        assert len((await asking("api/doors", token))[1]["rows"]) == count


async def test_who_may_list_nothing_is_told_what_to_ask_for(asking: Asking) -> None:
    status, told = await asking("api/doors", "none-token")
    assert (status, "inferenceservices.ome.io" in told) == (403, True)


async def test_events_are_those_of_the_doors_that_are_seen(asking: Asking) -> None:
    _, told = await asking("api/doors", "chat-token")
    headers = {"Authorization": "Bearer chat-token"}
    url = f"{asking.shown.url}api/events?version={told['version']}"
    async with asking.client.get(url, headers=headers) as stream:
        running = asking.shown.running
        running.store.delete(running.resource(KIND), "edge", "balanced")
        await asking.shown.shell.wait_for(lambda: len(asking.shown.shell.engine.services()) == 8, PATIENCE)
        body = {"metadata": {"annotations": {"ome.io/ingress-domain": "right.example.com"}}}
        running.store.patch(running.resource(KIND), "edge", "wrong-host", body)
        await until(lambda: _is_ready(running, "edge", "wrong-host"))
        running.store.delete(running.resource(KIND), "chat", "mistral")
        async with asyncio.timeout(PATIENCE):
            text = ""
            while "mistral" not in text:
                text += (await stream.content.readline()).decode()
        assert "edge" not in text


def _is_ready(running: Running, namespace: str, name: str) -> bool:
    service = running.store.get(running.resource(KIND), namespace, name)
    return any(c["type"] == "IngressReady" and c["status"] == "True" for c in service["status"]["conditions"])


async def test_a_right_that_is_taken_away_ends_the_stream(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    from doorward_daemon.ui import stream as streaming

    monkeypatch.setattr(access, "GOOD_FOR", 0.0)
    monkeypatch.setattr(streaming, "HEARTBEAT", 0.05)
    headers = {"Authorization": "Bearer chat-token"}
    async with asking.client.get(f"{asking.shown.url}api/events?version=0", headers=headers) as stream:
        await stream.content.readline()
        asking.cluster.users.clear()
        async with asyncio.timeout(PATIENCE):
            await stream.read()
    assert (await asking("api/doors", "chat-token"))[0] == 401


async def test_the_api_server_is_asked_once_in_a_while(asking: Asking) -> None:
    for _ in range(5):
        await asking("api/doors", "admin-token")
        await asking("api/doors", "stranger")
    assert asking.cluster.asked.count("TokenReview") == 2


async def test_without_the_right_to_ask_nothing_is_told_but_what_is_missing(asking: Asking) -> None:
    asking.cluster.failing = ApiError(403, "Forbidden", "may not create tokenreviews")
    status, told = await asking("api/doors", "admin-token")
    assert (status, "deploy/page.yaml" in told) == (503, True)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        (None, False),
        ("", False),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("localhost.example.com", False),
    ],
)
def test_addresses_on_loopback(host: str | None, loopback: bool) -> None:
    assert is_loopback(host) is loopback
