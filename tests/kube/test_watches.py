"""Watches: their lines, their ends, and what is asked for."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from aiohttp import web
from doorward.cluster.kube import KubeCluster, client
from doorward.cluster.protocol import ApiError, WatchEvent
from doorward.model.reference import SERVICE, Resource

from tests.kube.conftest import Connect, Server, line, refuses, silent, streams
from tests.patience import PATIENCE

SERVICES = Resource(SERVICE, "services")


async def collect(
    cluster: KubeCluster, events: list[WatchEvent] | None = None, timeout: float | None = None
) -> list[WatchEvent]:
    events = [] if events is None else events
    async for event in cluster.watch(SERVICES, "team", resource_version="7", timeout=timeout):
        events.append(event)
    return events


async def test_a_watch_gives_its_events_and_ends_when_the_server_ends_it(server: Server, cluster: KubeCluster) -> None:
    added, bookmark = line("ADDED", kind="Service"), line("BOOKMARK", kind="Service", metadata={"resourceVersion": "9"})
    server.will(streams(added + bookmark[:10], bookmark[10:]))
    assert await collect(cluster) == [
        WatchEvent("ADDED", {"kind": "Service"}),
        WatchEvent("BOOKMARK", {"kind": "Service", "metadata": {"resourceVersion": "9"}}),
    ]


async def test_a_watch_asks_for_bookmarks_and_an_end(server: Server, cluster: KubeCluster) -> None:
    server.will(streams())
    await collect(cluster, timeout=42)
    ends = set()
    for _ in range(8):
        await collect(cluster)
        ends.add(int(server.requests[-1].query["timeoutSeconds"]))
    assert server.requests[0].path == "/api/v1/namespaces/team/services"
    assert server.requests[0].query == {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "resourceVersion": "7",
        "timeoutSeconds": "42",
    }
    assert all(300 <= end <= 600 for end in ends)
    assert len(ends) > 1


async def test_an_expired_version_is_410_as_an_event(server: Server, cluster: KubeCluster) -> None:
    expired = line("ERROR", kind="Status", code=410, reason="Expired", message="too old resource version")
    server.will(streams(line("ADDED", kind="Service") + expired))
    events: list[WatchEvent] = []
    with pytest.raises(ApiError, match="too old") as caught:
        await collect(cluster, events)
    assert (caught.value.status, caught.value.reason) == (410, "Expired")
    assert len(events) == 1


async def test_an_expired_version_is_410_as_an_answer(server: Server, cluster: KubeCluster) -> None:
    server.will(refuses(410, "Expired"))
    with pytest.raises(ApiError) as caught:
        await collect(cluster)
    assert caught.value.status == 410


async def test_an_error_event_keeps_its_code_and_its_delay(server: Server, cluster: KubeCluster) -> None:
    server.will(streams(line("ERROR", kind="Status", code=500, details={"retryAfterSeconds": 4})))
    with pytest.raises(ApiError) as caught:
        await collect(cluster)
    assert (caught.value.status, caught.value.retry_after) == (500, 4)


@pytest.mark.parametrize("drop", [True, False], ids=["connection", "stream"])
async def test_a_watch_that_breaks_within_a_line_gives_the_whole_lines_before(
    server: Server, cluster: KubeCluster, drop: bool
) -> None:
    server.will(streams(line("ADDED", kind="Service"), line("MODIFIED", kind="Service")[:-9], drop=drop))
    events: list[WatchEvent] = []
    with pytest.raises(ApiError) as caught:
        await collect(cluster, events)
    assert caught.value.status == 0
    assert [event.type for event in events] == ["ADDED"]


async def test_lines_may_be_of_any_length(server: Server, cluster: KubeCluster) -> None:
    long = line("ADDED", data="x" * 5_000_000)
    server.will(streams(long + long))
    events = await collect(cluster)
    assert [len(event.object["data"]) for event in events] == [5_000_000, 5_000_000]


async def test_a_line_that_makes_no_sense_ends_the_watch(server: Server, cluster: KubeCluster) -> None:
    for rubbish in (b"<html>\n", b"[]\n", b"{}\n"):
        server.will(streams(rubbish))
        with pytest.raises(ApiError) as caught:
            await collect(cluster)
        assert caught.value.status == 0


async def test_a_silent_watch_is_taken_for_dead(
    server: Server, cluster: KubeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "SILENCE", 0.2)
    server.will(silent)
    events: list[WatchEvent] = []
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(ApiError) as caught:
            await collect(cluster, events)
    assert caught.value.status == 0
    assert len(events) == 1


async def test_a_watch_outlives_the_time_limit_of_requests(server: Server, connect: Connect) -> None:
    release = asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(line("ADDED", kind="Service"))
        await release.wait()
        await response.write(line("DELETED", kind="Service"))
        return response

    server.will(slow)
    hasty = connect(server.url, timeout=0.1)
    async with aclosing(hasty.watch(SERVICES, resource_version="7")) as events:
        assert (await anext(events)).type == "ADDED"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(release.wait(), 0.3)
        release.set()
        assert (await anext(events)).type == "DELETED"


async def test_a_watch_that_is_left_closes_its_connection(server: Server, cluster: KubeCluster) -> None:
    transports: list[asyncio.BaseTransport | None] = []

    async def watched(request: web.Request) -> web.StreamResponse:
        transports.append(request.transport)
        return await silent(request)

    server.will(watched)
    async with aclosing(cluster.watch(SERVICES, resource_version="7")) as events:
        await anext(events)
    transport = transports[0]
    assert transport is not None
    async with asyncio.timeout(PATIENCE):
        while not transport.is_closing():  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0)


async def test_closing_ends_what_is_under_way(server: Server, cluster: KubeCluster) -> None:
    asked = asyncio.Event()

    async def quiet(request: web.Request) -> web.StreamResponse:
        if "watch" in request.query:
            return await silent(request)
        asked.set()
        await asyncio.sleep(3600)
        raise AssertionError

    server.will(quiet)
    events = cluster.watch(SERVICES, resource_version="7")
    await anext(events)
    pending = [asyncio.ensure_future(anext(events)), asyncio.ensure_future(cluster.get(SERVICES, "team", "a"))]
    async with asyncio.timeout(PATIENCE):
        await asked.wait()
        await cluster.close()
        for outcome in await asyncio.gather(*pending, return_exceptions=True):
            assert isinstance(outcome, ApiError)
            assert outcome.status == 0
