"""Lists: order, selectors, pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager

import pytest
from doorward.cluster.protocol import Cluster, Page
from doorward.model.reference import Resource

Refused = Callable[..., AbstractContextManager[None]]
Until = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]

SERVICE = Resource("Service", "services")
VIRTUAL_SERVICE = Resource("VirtualService.networking.istio.io", "virtualservices", ("v1", "v1beta1"))
ENDPOINT_SLICE = Resource("EndpointSlice.discovery.k8s.io", "endpointslices")

LABELS: dict[str, dict[str, str]] = {
    "a": {"tier": "front", "n": "1"},
    "b": {"tier": "back", "n": "20"},
    "b-c": {"tier": "back", "example.com/x": ""},
    "c": {},
}


@pytest.fixture
async def made(cluster: Cluster, namespace: str) -> None:
    for name in ("c", "a", "b-c", "b"):
        metadata = {"name": name, "labels": LABELS[name]}
        body = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [{"port": 80}]}}
        await cluster.create(SERVICE, namespace, body)


def names(page: Page) -> list[str]:
    return [item["metadata"]["name"] for item in page.items]


@pytest.mark.usefixtures("made")
async def test_a_list_is_in_the_order_of_names_and_tells_kinds(cluster: Cluster, namespace: str) -> None:
    page = await cluster.list(SERVICE, namespace)
    assert names(page) == ["a", "b", "b-c", "c"]
    assert {(item["apiVersion"], item["kind"]) for item in page.items} == {("v1", "Service")}
    newest = max(int(item["metadata"]["resourceVersion"]) for item in page.items)
    assert int(page.resource_version) >= newest
    assert page.continue_token == ""


@pytest.mark.usefixtures("made")
async def test_a_list_of_all_namespaces_holds_those_of_one(cluster: Cluster, namespace: str) -> None:
    everywhere = await cluster.list(SERVICE)
    mine = [item for item in everywhere.items if item["metadata"]["namespace"] == namespace]
    assert mine == (await cluster.list(SERVICE, namespace)).items


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ("tier=back", ["b", "b-c"]),
        ("tier==back", ["b", "b-c"]),
        ("tier!=back", ["a", "c"]),
        ("tier", ["a", "b", "b-c"]),
        ("!tier", ["c"]),
        ("tier in (front, back)", ["a", "b", "b-c"]),
        ("tier in (front)", ["a"]),
        ("tier notin (front)", ["b", "b-c", "c"]),
        ("tier=back,!n", ["b-c"]),
        ("example.com/x=", ["b-c"]),
        ("n>3", ["b"]),
        ("n<3", ["a"]),
        ("tier=none", []),
    ],
)
async def test_label_selectors(cluster: Cluster, namespace: str, selector: str, selected: list[str]) -> None:
    assert names(await cluster.list(SERVICE, namespace, label_selector=selector)) == selected


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    ("selector", "selected"),
    [("metadata.name=b", ["b"]), ("metadata.name!=b", ["a", "b-c", "c"]), ("metadata.name=none", [])],
)
async def test_field_selectors(cluster: Cluster, namespace: str, selector: str, selected: list[str]) -> None:
    assert names(await cluster.list(SERVICE, namespace, field_selector=selector)) == selected


@pytest.mark.usefixtures("made")
async def test_a_field_selector_by_namespace(cluster: Cluster, namespace: str) -> None:
    page = await cluster.list(SERVICE, field_selector=f"metadata.namespace={namespace},metadata.name!=a")
    assert names(page) == ["b", "b-c", "c"]


async def test_selectors_that_cannot_be_read_are_refused(cluster: Cluster, namespace: str, refused: Refused) -> None:
    with refused(400, "BadRequest", "unable to parse requirement: found 'inn', expected: in, notin, =, ==, !=, gt, lt"):
        await cluster.list(SERVICE, namespace, label_selector="a inn (b)")
    with refused(400, "BadRequest", "field"):
        await cluster.list(ENDPOINT_SLICE, namespace, field_selector="addressType=IPv4")


@pytest.mark.usefixtures("made")
async def test_pages_give_every_object_once(cluster: Cluster, namespace: str) -> None:
    first = await cluster.list(SERVICE, namespace, limit=3)
    assert names(first) == ["a", "b", "b-c"]
    assert first.continue_token
    second = await cluster.list(SERVICE, namespace, limit=3, continue_token=first.continue_token)
    assert names(second) == ["c"]
    assert second.continue_token == ""
    assert second.resource_version == first.resource_version


@pytest.mark.usefixtures("made")
async def test_a_limit_that_is_just_reached_ends_the_list(cluster: Cluster, namespace: str) -> None:
    page = await cluster.list(SERVICE, namespace, limit=4)
    assert len(page.items) == 4
    assert page.continue_token == ""


async def test_pages_show_one_moment(cluster: Cluster, namespace: str) -> None:
    for name in ("a", "b", "c"):
        body = {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": name}}
        await cluster.create(VIRTUAL_SERVICE, namespace, body | {"spec": {"hosts": [f"{name}.example.com"]}})
    first = await cluster.list(VIRTUAL_SERVICE, namespace, limit=1)
    await cluster.patch(VIRTUAL_SERVICE, namespace, "b", {"spec": {"hosts": ["changed.example.com"]}})
    await cluster.delete(VIRTUAL_SERVICE, namespace, "c")
    await cluster.create(VIRTUAL_SERVICE, namespace, body | {"metadata": {"name": "d"}, "spec": {"hosts": ["d.x.y"]}})
    rest = await cluster.list(VIRTUAL_SERVICE, namespace, continue_token=first.continue_token)
    assert [item["spec"]["hosts"] for item in rest.items] == [["b.example.com"], ["c.example.com"]]


async def test_a_token_that_nobody_gave_out_is_refused(cluster: Cluster, namespace: str, refused: Refused) -> None:
    with refused(400, "BadRequest", "continue key is not valid"):
        await cluster.list(SERVICE, namespace, limit=1, continue_token="bogus")


async def test_an_empty_list_has_a_version_to_watch_from(cluster: Cluster, namespace: str) -> None:
    page = await cluster.list(SERVICE, namespace)
    assert page.items == []
    assert int(page.resource_version) > 0
