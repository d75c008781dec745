"""The store behind the protocol: watches that wait, share, and end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from doorward.cluster.embedded import EmbeddedCluster, Store
from doorward.cluster.protocol import ApiError, Cluster, WatchEvent
from doorward.model.reference import Resource

CONFIG_MAP = Resource("ConfigMap", "configmaps")
DEFINITION = Resource(
    "CustomResourceDefinition.apiextensions.k8s.io", "customresourcedefinitions", ("v1",), namespaced=False
)
SERVICE = Resource("Service", "services")
WIDGET = Resource("Widget.example.com", "widgets", ("v1",))


def create(store: Store, name: str) -> None:
    store.create(CONFIG_MAP, "x", {"metadata": {"name": name}})


async def waiting(watch: AsyncIterator[WatchEvent]) -> asyncio.Task[WatchEvent]:
    """The next event, asked for and not there yet."""
    task = asyncio.ensure_future(anext(watch))
    for _ in range(3):
        await asyncio.sleep(0)
    assert not task.done()
    return task


def test_it_is_a_cluster() -> None:
    cluster: Cluster = EmbeddedCluster()
    assert cluster


async def test_every_watch_is_told() -> None:
    cluster = EmbeddedCluster()
    watches = [cluster.watch(CONFIG_MAP, resource_version=cluster.store.resource_version) for _ in range(3)]
    tasks = [await waiting(watch) for watch in watches]
    create(cluster.store, "it")
    assert [(await task).object["metadata"]["name"] for task in tasks] == ["it"] * 3


async def test_a_bookmark_comes_after_so_many_writes_to_other_things() -> None:
    cluster = EmbeddedCluster(bookmark_every=3)
    watch = cluster.watch(SERVICE, resource_version=cluster.store.resource_version)
    coming = await waiting(watch)
    for name in "abc":
        assert not coming.done()
        create(cluster.store, name)
        await asyncio.sleep(0)
    event = await coming
    assert event.type == "BOOKMARK"
    assert event.object["metadata"]["resourceVersion"] == cluster.store.resource_version


async def test_a_watch_that_is_slow_to_be_read_misses_nothing() -> None:
    cluster = EmbeddedCluster()
    watch = cluster.watch(CONFIG_MAP, resource_version=cluster.store.resource_version)
    create(cluster.store, "a")
    names = [(await anext(watch)).object["metadata"]["name"]]
    create(cluster.store, "b")
    create(cluster.store, "c")
    names += [(await anext(watch)).object["metadata"]["name"] for _ in range(2)]
    assert names == ["a", "b", "c"]


async def test_the_time_of_a_watch_does_not_run_out_on_its_reader() -> None:
    cluster = EmbeddedCluster()
    create(cluster.store, "a")
    watch = cluster.watch(CONFIG_MAP, resource_version="1", timeout=0.01)
    assert (await anext(watch)).type == "ADDED"
    await asyncio.sleep(0.02)
    assert [event.type async for event in watch] == ["BOOKMARK"]


async def test_a_held_watch_goes_on_when_it_is_released() -> None:
    cluster = EmbeddedCluster()
    cluster.store.faults.hold("ConfigMap")
    watch = cluster.watch(CONFIG_MAP, resource_version=cluster.store.resource_version)
    coming = await waiting(watch)
    create(cluster.store, "it")
    for _ in range(3):
        await asyncio.sleep(0)
    assert not coming.done()
    cluster.store.faults.release("ConfigMap")
    assert (await coming).object["metadata"]["name"] == "it"


async def test_a_compaction_under_a_lagging_watch_is_told_410() -> None:
    cluster = EmbeddedCluster()
    watch = cluster.watch(CONFIG_MAP, resource_version=cluster.store.resource_version)
    create(cluster.store, "it")
    create(cluster.store, "other")
    cluster.store.compact()
    with pytest.raises(ApiError) as refusal:
        await anext(watch)
    assert refusal.value.status == 410


async def test_a_watch_ends_when_its_kind_goes() -> None:
    store = Store()
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
    spec = {"group": "example.com", "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget"}}
    store.create(DEFINITION, "", {"metadata": {"name": "widgets.example.com"}, "spec": spec | {"versions": [version]}})
    cluster = EmbeddedCluster(store)
    watch = cluster.watch(WIDGET, resource_version=store.resource_version)
    coming = await waiting(watch)
    store.delete(DEFINITION, "", "widgets.example.com")
    with pytest.raises(StopAsyncIteration):
        await coming
