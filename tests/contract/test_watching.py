"""Watches: what is told, in which order, and with which resourceVersions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import pytest
from doorward.cluster.protocol import ApiError, Cluster, WatchEvent
from doorward.model.reference import JsonObject, Resource

from tests.patience import PATIENCE

CONFIG_MAP = Resource("ConfigMap", "configmaps")
VIRTUAL_SERVICE = Resource("VirtualService.networking.istio.io", "virtualservices", ("v1", "v1beta1"))


def virtual_service(name: str = "it", **metadata: object) -> JsonObject:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": name, **metadata},
        "spec": {"hosts": ["a.example.com"]},
    }


@asynccontextmanager
async def watching(
    cluster: Cluster,
    resource: Resource,
    namespace: str = "",
    *,
    resource_version: str,
    version: str | None = None,
    label_selector: str = "",
    field_selector: str = "",
    timeout: float | None = None,
) -> AsyncIterator[AsyncIterator[WatchEvent]]:
    """A watch that ends with the block."""
    watch = cluster.watch(
        resource,
        namespace,
        resource_version=resource_version,
        version=version,
        label_selector=label_selector,
        field_selector=field_selector,
        timeout=timeout,
    )
    try:
        yield watch
    finally:
        if isinstance(watch, AsyncGenerator):
            await watch.aclose()


async def told(watch: AsyncIterator[WatchEvent], count: int) -> list[WatchEvent]:
    """The next events of a watch, bookmarks left out."""
    events: list[WatchEvent] = []
    async with asyncio.timeout(PATIENCE):
        while len(events) < count:
            event = await anext(watch)
            if event.type != "BOOKMARK":
                events.append(event)
    return events


def version(obj: JsonObject) -> int:
    return int(obj["metadata"]["resourceVersion"])


@pytest.fixture
async def since(cluster: Cluster, namespace: str) -> str:
    return (await cluster.list(VIRTUAL_SERVICE, namespace)).resource_version


async def test_a_life_is_told_in_order(cluster: Cluster, namespace: str, since: str) -> None:
    made = await cluster.create(VIRTUAL_SERVICE, namespace, virtual_service())
    changed = await cluster.patch(VIRTUAL_SERVICE, namespace, "it", {"spec": {"hosts": ["b.example.com"]}})
    await cluster.delete(VIRTUAL_SERVICE, namespace, "it")
    async with watching(cluster, VIRTUAL_SERVICE, namespace, resource_version=since) as watch:
        events = await told(watch, 3)
    assert [event.type for event in events] == ["ADDED", "MODIFIED", "DELETED"]
    assert [event.object for event in events[:2]] == [made, changed]
    last = events[2].object
    assert last["spec"] == changed["spec"]
    assert last["metadata"]["uid"] == made["metadata"]["uid"]
    assert version(last) > version(changed)


async def test_changes_are_told_while_they_happen(cluster: Cluster, namespace: str, since: str) -> None:
    async with watching(cluster, VIRTUAL_SERVICE, namespace, resource_version=since) as watch:
        for name in ("one", "two"):
            coming = asyncio.ensure_future(told(watch, 1))
            await asyncio.sleep(0)
            made = await cluster.create(VIRTUAL_SERVICE, namespace, virtual_service(name))
            assert (await coming)[0] == WatchEvent("ADDED", made)


async def test_what_was_before_the_version_is_not_told(cluster: Cluster, namespace: str) -> None:
    await cluster.create(VIRTUAL_SERVICE, namespace, virtual_service("one"))
    two = await cluster.create(VIRTUAL_SERVICE, namespace, virtual_service("two"))
    three = await cluster.create(VIRTUAL_SERVICE, namespace, virtual_service("three"))
    since = two["metadata"]["resourceVersion"]
    async with watching(cluster, VIRTUAL_SERVICE, namespace, resource_version=since) as watch:
        assert (await told(watch, 1))[0].object == three


async def test_a_write_that_changes_nothing_is_not_told(cluster: Cluster, namespace: str, since: str) -> None:
    await cluster.create(VIRTUAL_SERVICE, namespace, virtual_service())
    await cluster.patch(VIRTUAL_SERVICE, namespace, "it", {"spec": {"hosts": ["a.example.com"]}})
    await cluster.create(VIRTUAL_SERVICE, namespace, virtual_service("next"))
    async with watching(cluster, VIRTUAL_SERVICE, namespace, resource_version=since) as watch:
        assert [event.object["metadata"]["name"] for event in await told(watch, 2)] == ["it", "next"]


async def test_a_finalizer_makes_two_steps_of_a_deletion(cluster: Cluster, namespace: str, since: str) -> None:
    made = await cluster.create(VIRTUAL_SERVICE, namespace, virtual_service(finalizers=["a.example.com/b"]))
    await cluster.delete(VIRTUAL_SERVICE, namespace, "it")
    await cluster.patch(VIRTUAL_SERVICE, namespace, "it", {"metadata": {"finalizers": None}})
    async with watching(cluster, VIRTUAL_SERVICE, namespace, resource_version=since) as watch:
        events = await told(watch, 3)
    assert [event.type for event in events] == ["ADDED", "MODIFIED", "DELETED"]
    assert "deletionTimestamp" in events[1].object["metadata"]
    assert version(made) < version(events[1].object) < version(events[2].object)


async def test_a_watch_of_one_namespace_tells_nothing_of_others(cluster: Cluster, namespace: str) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": namespace}}
    since = (await cluster.list(CONFIG_MAP, namespace)).resource_version
    await cluster.create(CONFIG_MAP, "default", body)
    await cluster.delete(CONFIG_MAP, "default", namespace)
    await cluster.create(CONFIG_MAP, namespace, body)
    async with watching(
        cluster, CONFIG_MAP, namespace, resource_version=since, field_selector=f"metadata.name={namespace}"
    ) as watch:
        assert (await told(watch, 1))[0].object["metadata"]["namespace"] == namespace


async def test_an_object_that_leaves_the_selection_is_deleted_from_it(
    cluster: Cluster, namespace: str, since: str
) -> None:
    await cluster.create(VIRTUAL_SERVICE, namespace, virtual_service(labels={"a": "b"}))
    left = await cluster.patch(VIRTUAL_SERVICE, namespace, "it", {"metadata": {"labels": {"a": "c"}}})
    await cluster.patch(VIRTUAL_SERVICE, namespace, "it", {"spec": {"hosts": ["b.example.com"]}})
    back = await cluster.patch(VIRTUAL_SERVICE, namespace, "it", {"metadata": {"labels": {"a": "b"}}})
    async with watching(cluster, VIRTUAL_SERVICE, namespace, resource_version=since, label_selector="a=b") as watch:
        events = await told(watch, 3)
    assert [event.type for event in events] == ["ADDED", "DELETED", "ADDED"]
    assert version(events[1].object) == version(left)
    assert events[1].object["metadata"]["labels"] == {"a": "b"}
    assert events[2].object == back


async def test_a_watch_from_version_zero_begins_with_what_stands(cluster: Cluster, namespace: str) -> None:
    made = [await cluster.create(VIRTUAL_SERVICE, namespace, virtual_service(name)) for name in ("one", "two")]

    async with watching(cluster, VIRTUAL_SERVICE, namespace, resource_version="0") as watch:
        events = await told(watch, 2)
    assert {event.type for event in events} == {"ADDED"}
    assert sorted((event.object for event in events), key=version) == made


async def test_each_version_is_told_in_the_shape_of_the_request(cluster: Cluster, namespace: str, since: str) -> None:
    await cluster.create(VIRTUAL_SERVICE, namespace, virtual_service())
    async with watching(cluster, VIRTUAL_SERVICE, namespace, resource_version=since, version="v1beta1") as watch:
        assert (await told(watch, 1))[0].object["apiVersion"] == "networking.istio.io/v1beta1"


async def test_a_watch_ends_when_its_time_is_over(cluster: Cluster, namespace: str, since: str) -> None:
    await cluster.create(VIRTUAL_SERVICE, namespace, virtual_service())
    async with asyncio.timeout(PATIENCE):
        watch = cluster.watch(VIRTUAL_SERVICE, namespace, resource_version=since, timeout=1)
        assert [event.type async for event in watch if event.type != "BOOKMARK"] == ["ADDED"]


async def test_a_bookmark_tells_a_watch_how_far_it_is(cluster: Cluster, namespace: str, since: str) -> None:
    for number in range(10):
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{namespace}-{number}"}}
        await cluster.create(CONFIG_MAP, namespace, body)
    async with (
        asyncio.timeout(PATIENCE),
        watching(cluster, VIRTUAL_SERVICE, namespace, resource_version=since, timeout=4) as watch,
    ):
        bookmark = await anext(watch)
    assert bookmark.type == "BOOKMARK"
    assert bookmark.object["kind"] == "VirtualService"
    assert version(bookmark.object) > int(since)


async def test_a_version_that_is_too_old_is_gone_or_served_whole(cluster: Cluster, namespace: str) -> None:
    """A server that forgot says 410; one that remembers tells everything, from the first change on."""
    made = await cluster.create(
        CONFIG_MAP, namespace, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": namespace}}
    )
    await cluster.delete(CONFIG_MAP, namespace, namespace)
    try:
        async with watching(
            cluster, CONFIG_MAP, namespace, resource_version="1", field_selector=f"metadata.name={namespace}"
        ) as watch:
            events = await told(watch, 2)
    except ApiError as error:
        if (error.status, error.reason) not in ((410, "Expired"), (410, "Gone")):
            raise
    else:
        assert [event.type for event in events] == ["ADDED", "DELETED"]
        assert events[0].object == made


async def test_a_kind_that_is_not_served_cannot_be_watched(cluster: Cluster) -> None:
    nothing = Resource("Nothing.doorward.example.com", "nothings")
    with pytest.raises(ApiError) as refusal:
        async with watching(cluster, nothing, resource_version="1") as watch:
            await told(watch, 1)
    assert refusal.value.status == 404
