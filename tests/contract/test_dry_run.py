"""Dry runs: the whole answer, and nothing written."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from doorward.cluster.protocol import Cluster
from doorward.model.reference import JsonObject, Resource

Refused = Callable[..., AbstractContextManager[None]]

CONFIG_MAP = Resource("ConfigMap", "configmaps")
HTTP_ROUTE = Resource("HTTPRoute.gateway.networking.k8s.io", "httproutes", ("v1",))


def route(**metadata: object) -> JsonObject:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "it", **metadata},
        "spec": {"parentRefs": [{"name": "gate"}]},
    }


async def test_a_creation(cluster: Cluster, namespace: str, refused: Refused) -> None:
    shown = await cluster.create(HTTP_ROUTE, namespace, route(), dry_run=True)
    assert shown["spec"]["parentRefs"][0]["kind"] == "Gateway"
    assert shown["metadata"]["uid"]
    assert "resourceVersion" not in shown["metadata"]
    with refused(404, "NotFound"):
        await cluster.get(HTTP_ROUTE, namespace, "it")


async def test_changes(cluster: Cluster, namespace: str) -> None:
    made = await cluster.create(HTTP_ROUTE, namespace, route())
    change = {"spec": {"hostnames": ["a.example.com"]}}
    shown = await cluster.patch(HTTP_ROUTE, namespace, "it", change, dry_run=True)
    assert shown["spec"]["hostnames"] == ["a.example.com"]
    assert shown["metadata"]["generation"] == 2
    assert shown["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
    shown = await cluster.replace(
        HTTP_ROUTE, namespace, "it", made | {"spec": {"hostnames": ["b.example.com"]}}, dry_run=True
    )
    assert shown["spec"]["hostnames"] == ["b.example.com"]
    assert await cluster.get(HTTP_ROUTE, namespace, "it") == made


async def test_a_deletion(cluster: Cluster, namespace: str) -> None:
    made = await cluster.create(HTTP_ROUTE, namespace, route())
    await cluster.delete(HTTP_ROUTE, namespace, "it", dry_run=True)
    assert await cluster.get(HTTP_ROUTE, namespace, "it") == made


async def test_a_refusal_is_the_same(cluster: Cluster, namespace: str, refused: Refused) -> None:
    await cluster.create(HTTP_ROUTE, namespace, route())
    with refused(409, "AlreadyExists"):
        await cluster.create(HTTP_ROUTE, namespace, route(), dry_run=True)
    with refused(409, "Conflict"):
        await cluster.patch(HTTP_ROUTE, namespace, "it", {"metadata": {"resourceVersion": "1"}}, dry_run=True)
    with refused(409, "Conflict"):
        await cluster.delete(HTTP_ROUTE, namespace, "it", uid="other", dry_run=True)
    with refused(422, "Invalid"):
        await cluster.patch(HTTP_ROUTE, namespace, "it", {"spec": {"hostnames": ["No_"]}}, dry_run=True)
