"""Merge patches (RFC 7386) and JSON patches (RFC 6902)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from doorward.cluster.protocol import JSON_PATCH, Cluster
from doorward.model.reference import JsonObject, Resource

Refused = Callable[..., AbstractContextManager[None]]

CONFIG_MAP = Resource("ConfigMap", "configmaps")
VIRTUAL_SERVICE = Resource("VirtualService.networking.istio.io", "virtualservices", ("v1", "v1beta1"))


@pytest.fixture
async def standing(cluster: Cluster, namespace: str) -> JsonObject:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "it"}, "data": {"a": "1", "b": "2"}}
    return await cluster.create(CONFIG_MAP, namespace, body)


@pytest.fixture
async def hosts(cluster: Cluster, namespace: str) -> None:
    spec = {"hosts": ["a.example.com", "b.example.com"], "exportTo": ["."]}
    body = {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "it"}, "spec": spec}
    await cluster.create(VIRTUAL_SERVICE, namespace, body)


async def test_a_merge_patch_sets_and_null_removes(cluster: Cluster, namespace: str, standing: JsonObject) -> None:
    body = {"data": {"a": None, "c": "3"}, "metadata": {"labels": {"x": "y"}, "annotations": None}}
    patched = await cluster.patch(CONFIG_MAP, namespace, "it", body)
    assert patched["data"] == {"b": "2", "c": "3"}
    assert patched["metadata"]["labels"] == {"x": "y"}
    patched = await cluster.patch(CONFIG_MAP, namespace, "it", {"data": None, "metadata": {"labels": {"x": None}}})
    assert "data" not in patched
    assert "labels" not in patched["metadata"]


async def test_a_null_for_what_is_not_there_changes_nothing(
    cluster: Cluster, namespace: str, standing: JsonObject
) -> None:
    assert await cluster.patch(CONFIG_MAP, namespace, "it", {"data": {"z": None}, "binaryData": None}) == standing


@pytest.mark.usefixtures("hosts")
async def test_a_merge_patch_replaces_lists_whole(cluster: Cluster, namespace: str) -> None:
    patched = await cluster.patch(VIRTUAL_SERVICE, namespace, "it", {"spec": {"hosts": ["c.example.com"]}})
    assert patched["spec"] == {"hosts": ["c.example.com"], "exportTo": ["."]}


@pytest.mark.usefixtures("hosts")
async def test_json_patch_operations_apply_in_order(cluster: Cluster, namespace: str) -> None:
    operations: list[JsonObject] = [
        {"op": "replace", "path": "/spec/hosts/0", "value": "c.example.com"},
        {"op": "add", "path": "/spec/hosts/-", "value": "d.example.com"},
        {"op": "test", "path": "/spec/hosts", "value": ["c.example.com", "b.example.com", "d.example.com"]},
        {"op": "remove", "path": "/spec/hosts/1"},
        {"op": "add", "path": "/spec/hosts/0", "value": "e.example.com"},
        {"op": "copy", "from": "/spec/exportTo", "path": "/spec/gateways"},
        {"op": "move", "from": "/spec/hosts/0", "path": "/spec/hosts/-"},
        {"op": "add", "path": "/metadata/annotations", "value": {}},
        {"op": "add", "path": "/metadata/annotations/x.io~1y", "value": "z"},
    ]
    patched = await cluster.patch(VIRTUAL_SERVICE, namespace, "it", operations, type=JSON_PATCH)
    assert patched["spec"]["hosts"] == ["c.example.com", "d.example.com", "e.example.com"]
    assert patched["spec"]["gateways"] == ["."]
    assert patched["metadata"]["annotations"] == {"x.io/y": "z"}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/data/a", "value": "other"},
        {"op": "test", "path": "/data/z", "value": "other"},
        {"op": "remove", "path": "/data/z"},
        {"op": "add", "path": "/nowhere/z", "value": "1"},
        {"op": "move", "from": "/data/z", "path": "/data/y"},
        {"op": "strange", "path": "/data/a", "value": "1"},
    ],
)
async def test_a_json_patch_that_cannot_be_applied_changes_nothing(
    cluster: Cluster, namespace: str, standing: JsonObject, refused: Refused, operation: JsonObject
) -> None:
    operations = [{"op": "add", "path": "/data/new", "value": "1"}, operation]
    with refused(422, "Invalid", "the server rejected our request due to an error in our request"):
        await cluster.patch(CONFIG_MAP, namespace, "it", operations, type=JSON_PATCH)
    assert await cluster.get(CONFIG_MAP, namespace, "it") == standing


async def test_a_json_patch_replaces_even_what_is_not_there(
    cluster: Cluster, namespace: str, standing: JsonObject
) -> None:
    operations = [{"op": "replace", "path": "/data/z", "value": "1"}]
    patched = await cluster.patch(CONFIG_MAP, namespace, "it", operations, type=JSON_PATCH)
    assert patched["data"] == {"a": "1", "b": "2", "z": "1"}


@pytest.mark.usefixtures("hosts")
async def test_a_json_patch_beyond_the_end_of_a_list_is_refused(
    cluster: Cluster, namespace: str, refused: Refused
) -> None:
    operations = [{"op": "add", "path": "/spec/hosts/9", "value": "x.example.com"}]
    with refused(422, "Invalid"):
        await cluster.patch(VIRTUAL_SERVICE, namespace, "it", operations, type=JSON_PATCH)


async def test_a_json_patch_can_test_the_version_that_it_was_made_from(
    cluster: Cluster, namespace: str, standing: JsonObject, refused: Refused
) -> None:
    version = standing["metadata"]["resourceVersion"]
    operations = [
        {"op": "test", "path": "/metadata/resourceVersion", "value": version},
        {"op": "add", "path": "/data/c", "value": "3"},
    ]
    await cluster.patch(CONFIG_MAP, namespace, "it", operations, type=JSON_PATCH)
    with refused(422, "Invalid"):
        await cluster.patch(CONFIG_MAP, namespace, "it", operations, type=JSON_PATCH)
