"""The watcher against a scripted cluster: what it tells, and what it asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
from doorward.cluster.protocol import ApiError, Cluster, WatchEvent
from doorward.model.event import AnyEvent, Deleted, Observed, Synced
from doorward.model.reference import SERVICE, Ref, Resource
from doorward.runtime.watcher import watch_kind
from tenacity import wait_none

from tests.patience import PATIENCE
from tests.watcher.script import DROPPED, EXPIRED, Script, bookmark, item, page

SERVICES = Resource(SERVICE, "services")


async def play(script: Script, resource: Resource = SERVICES, namespace: str = "", **options: Any) -> list[AnyEvent]:
    """Run the watcher until it asks for more than the script has; what it told."""
    told: list[AnyEvent] = []
    watching = asyncio.create_task(
        watch_kind(
            cast(Cluster, script),
            resource,
            namespace,
            clock=lambda: 1.5,
            emit=told.append,
            pauses=wait_none(),
            **options,
        )
    )
    finished = asyncio.create_task(script.done.wait())
    async with asyncio.timeout(PATIENCE):
        await asyncio.wait({watching, finished}, return_when=asyncio.FIRST_COMPLETED)
    if not watching.done():
        watching.cancel()
    finished.cancel()
    await asyncio.gather(watching, finished, return_exceptions=True)
    if not watching.cancelled():
        watching.result()
    return told


def names(told: list[AnyEvent]) -> list[str]:
    """The events in short: ``+name`` seen, ``-name`` deleted, ``=names`` listed whole, else the state."""
    short = []
    for event in told:
        if isinstance(event, Observed):
            short.append("+" + event.object["metadata"]["name"])
        elif isinstance(event, Deleted):
            short.append("-" + event.ref.name)
        elif isinstance(event, Synced):
            keys = ",".join(sorted(name for _, name in event.keys))
            short.append(f"={keys}" if event.state == "listed" else event.state)
    return short


async def test_a_list_tells_every_object_and_then_that_it_is_whole() -> None:
    told = await play(Script(list=[page(7, item("a", 3), item("b", 5))]))
    assert names(told) == ["+a", "+b", "=a,b"]
    assert told[-1] == Synced(
        at=1.5,
        kind=SERVICE,
        resource_version=7,
        keys=frozenset({("team", "a"), ("team", "b")}),
        version="v1",
    )


async def test_items_of_a_list_get_their_kind() -> None:
    first = (await play(Script(list=[page(7, item("a", 3))])))[0]
    assert isinstance(first, Observed)
    assert first.kind == SERVICE
    assert (first.object["apiVersion"], first.object["kind"]) == ("v1", "Service")


async def test_pages_make_one_list() -> None:
    script = Script(list=[page(7, item("a", 3), more="rest"), page(7, item("b", 5))])
    assert names(await play(script, page=1)) == ["+a", "+b", "=a,b"]
    assert [(asked["limit"], asked["continue_token"]) for asked in script.asked["list"]] == [(1, ""), (1, "rest")]


async def test_a_page_that_has_expired_makes_it_list_in_one_piece() -> None:
    script = Script(list=[page(7, item("a", 3), more="rest"), EXPIRED, page(9, item("a", 3), item("b", 8))])
    assert names(await play(script, page=1)) == ["+a", "+b", "=a,b"]
    assert script.asked["list"][-1]["limit"] == 0


async def test_the_watch_goes_on_from_the_list() -> None:
    script = Script(
        list=[page(7, item("a", 3))],
        watch=[
            [
                WatchEvent("MODIFIED", item("a", 8)),
                WatchEvent("ADDED", item("b", 9)),
                WatchEvent("DELETED", item("a", 10)),
            ]
        ],
    )
    told = await play(script)
    assert names(told) == ["+a", "=a", "+a", "+b", "-a"]
    assert told[-1] == Deleted(at=1.5, ref=Ref(SERVICE, "team", "a"), uid="uid-a", resource_version=10)
    assert [asked["resource_version"] for asked in script.asked["watch"]] == ["7", "10"]


async def test_a_bookmark_moves_the_point_to_go_on_from() -> None:
    script = Script(list=[page(7)], watch=[[bookmark(20)], [bookmark(30), DROPPED]])
    assert names(await play(script)) == ["="]
    assert [asked["resource_version"] for asked in script.asked["watch"]] == ["7", "20", "30"]


@pytest.mark.parametrize("failure", [DROPPED, ApiError(500, "InternalError"), RuntimeError("a bug"), ApiError(401)])
async def test_a_watch_that_breaks_is_taken_up_where_it_was(failure: Exception) -> None:
    script = Script(
        list=[page(7)], watch=[[WatchEvent("ADDED", item("a", 8)), failure], [WatchEvent("ADDED", item("b", 9))]]
    )
    assert names(await play(script)) == ["=", "+a", "+b"]
    assert len(script.asked["list"]) == 1


async def test_after_a_new_list_only_differences_are_told() -> None:
    script = Script(
        list=[
            page(7, item("same", 1), item("changed", 2), item("gone", 3), item("reborn", 4)),
            page(12, item("same", 1), item("changed", 9), item("reborn", 4, uid="another")),
        ],
        watch=[[EXPIRED]],
    )
    told = await play(script)
    assert names(told)[5:] == ["+changed", "+reborn", "=changed,reborn,same"]


async def test_what_vanished_unwatched_is_told_when_it_comes_back_as_it_was() -> None:
    one = item("a", 3)
    script = Script(list=[page(7, one), page(9), page(11, one)], watch=[[EXPIRED], [EXPIRED]])
    assert names(await play(script)) == ["+a", "=a", "=", "+a", "=a"]


async def test_a_kind_that_is_not_served_is_absent_until_it_appears() -> None:
    script = Script(served=[None, None, "v1"], list=[page(7, item("a", 3))])
    told = await play(script)
    assert names(told) == ["absent", "+a", "=a"]
    assert told[0] == Synced(at=1.5, kind=SERVICE, state="absent")


async def test_a_kind_that_stops_being_served_is_noticed_and_forgotten() -> None:
    script = Script(
        served=["v1", None, "v1"],
        list=[page(7, item("a", 3)), page(20, item("a", 3))],
        watch=[[bookmark(8)], [ApiError(404, "NotFound")]],
    )
    assert names(await play(script)) == ["+a", "=a", "absent", "+a", "=a"]


async def test_an_outage_of_discovery_is_not_an_absence() -> None:
    script = Script(served=[ApiError(503, "ServiceUnavailable"), DROPPED, "v1"], list=[page(7, item("a", 3))])
    assert names(await play(script)) == ["+a", "=a"]


async def test_a_kind_that_may_not_be_listed_is_forbidden_until_a_grant_comes() -> None:
    refused = ApiError(403, "Forbidden", "may not list")
    script = Script(list=[refused, refused, page(7, item("a", 3)), refused], watch=[[EXPIRED]])
    told = await play(script)
    assert names(told) == ["forbidden", "+a", "=a", "forbidden"]
    assert told[0] == Synced(at=1.5, kind=SERVICE, state="forbidden", message="may not list")


async def test_a_kind_that_the_server_fails_to_list_is_given_up_after_some_attempts_until_it_can() -> None:
    failing = [ApiError(500, "InternalError", "conversion webhook failed")] * 4
    told = await play(Script(list=[*failing, page(7, item("a", 3))]), attempts=3)
    assert names(told) == ["forbidden", "+a", "=a"]
    told = await play(Script(list=[*failing, page(7, item("a", 3))]))
    assert names(told) == ["+a", "=a"], "without a number of attempts it is waited for"
    told = await play(Script(list=[DROPPED, DROPPED, DROPPED, page(7, item("a", 3))]), attempts=2)
    assert names(told) == ["+a", "=a"], "a server that isn't there says nothing of one kind"


async def test_a_kind_that_may_be_listed_but_not_watched_is_listed_again_and_again() -> None:
    refused = ApiError(403, "Forbidden", "may not watch")
    script = Script(list=[page(7, item("a", 3)), page(9, item("a", 3), item("b", 8))], watch=[[refused]])
    assert names(await play(script)) == ["+a", "=a", "+b", "=a,b"]


async def test_the_version_that_is_served_is_used_throughout() -> None:
    istio = Resource("VirtualService.networking.istio.io", "virtualservices", ("v1", "v1beta1"))
    script = Script(served=["v1beta1"], list=[page(7, item("a", 3))], watch=[[bookmark(8)]])
    told = await play(script, istio, "team")
    assert isinstance(told[0], Observed)
    assert told[0].object["apiVersion"] == "networking.istio.io/v1beta1"
    assert isinstance(told[1], Synced)
    assert (told[1].scope, told[1].version) == ("team", "v1beta1")
    assert {asked["version"] for asked in script.asked["list"] + script.asked["watch"]} == {"v1beta1"}


async def test_selectors_go_with_every_question() -> None:
    script = Script(list=[page(7)], watch=[[bookmark(8)]])
    await play(script, field_selector="metadata.name=x", label_selector="a=b")
    asked = script.asked["list"] + script.asked["watch"]
    assert {(each["field_selector"], each["label_selector"]) for each in asked} == {("metadata.name=x", "a=b")}


async def test_a_cluster_scoped_kind_has_the_empty_scope() -> None:
    classes = Resource("IngressClass.networking.k8s.io", "ingressclasses", namespaced=False)
    script = Script(list=[page(7, {"metadata": {"name": "nginx", "uid": "u", "resourceVersion": "3"}})])
    told = await play(script, classes, "team")
    assert told[-1] == Synced(
        at=1.5, kind=classes.kind, resource_version=7, keys=frozenset({("", "nginx")}), version="v1"
    )


async def test_events_may_be_taken_by_a_coroutine() -> None:
    queue: asyncio.Queue[AnyEvent] = asyncio.Queue(1)
    script = Script(list=[page(7, item("a", 3))])
    watching = asyncio.create_task(
        watch_kind(cast(Cluster, script), SERVICES, clock=lambda: 1.5, emit=queue.put, pauses=wait_none())
    )
    async with asyncio.timeout(PATIENCE):
        assert names([await queue.get(), await queue.get()]) == ["+a", "=a"]
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching


async def test_an_error_of_the_taker_ends_it_and_the_watch() -> None:
    script = Script(list=[page(7)], watch=[[WatchEvent("ADDED", item("a", 8)), bookmark(9)]])

    def emit(event: AnyEvent) -> None:
        if isinstance(event, Observed):
            raise LookupError("no room")

    with pytest.raises(LookupError):
        await watch_kind(cast(Cluster, script), SERVICES, clock=lambda: 1.5, emit=emit, pauses=wait_none())
    assert script.open_watches == 0


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that the watcher takes, which here take no time."""
    taken: list[float] = []
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def record(seconds: float) -> None:
        taken.append(seconds)
        await sleep(0)

    monkeypatch.setattr("doorward.runtime.watcher.asyncio.sleep", record)
    return taken


async def until_done(script: Script) -> None:
    watching = asyncio.create_task(watch_kind(cast(Cluster, script), SERVICES, clock=lambda: 1.5, emit=lambda _: None))
    async with asyncio.timeout(PATIENCE):
        await script.done.wait()
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def test_pauses_grow_up_to_half_a_minute_and_start_small_again(pauses: list[float]) -> None:
    fails = [[DROPPED]] * 9
    await until_done(Script(list=[page(7)], watch=[*fails, [bookmark(8), DROPPED]]))
    for number, pause in enumerate(pauses[:-1]):
        assert 0 <= pause - min(30, 0.5 * 2**number) <= 1
    assert pauses[-1] <= 1.5


async def test_a_server_that_says_when_to_come_back_is_heeded(pauses: list[float]) -> None:
    busy = ApiError(429, "TooManyRequests", retry_after=17)
    absurd = ApiError(503, "ServiceUnavailable", retry_after=1e6)
    await until_done(Script(list=[busy, page(7)], watch=[[busy], [absurd]]))
    assert pauses == [17, 17, 300]


async def test_watches_that_end_at_once_do_not_make_a_storm(pauses: list[float]) -> None:
    await until_done(Script(list=[page(7)], watch=[[], [], [bookmark(8)], []]))
    assert len(pauses) == 3
