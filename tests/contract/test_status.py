"""The status subresource: who writes one side leaves the other as it is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from doorward.cluster.protocol import Cluster
from doorward.model.reference import JsonObject, Resource

Refused = Callable[..., AbstractContextManager[None]]

CONFIG_MAP = Resource("ConfigMap", "configmaps")
INGRESS = Resource("Ingress.networking.k8s.io", "ingresses")
INFERENCE_SERVICE = Resource("InferenceService.ome.io", "inferenceservices", ("v1beta1",))


def inference_service() -> JsonObject:
    return {
        "apiVersion": "ome.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "it"},
        "spec": {"engine": {}},
        "status": {"url": "http://early"},
    }


@pytest.fixture
async def made(cluster: Cluster, namespace: str) -> JsonObject:
    return await cluster.create(INFERENCE_SERVICE, namespace, inference_service())


async def test_a_creation_brings_no_status(made: JsonObject) -> None:
    assert "status" not in made


async def test_the_object_side_ignores_status(cluster: Cluster, namespace: str, made: JsonObject) -> None:
    await cluster.patch(INFERENCE_SERVICE, namespace, "it", {"status": {"url": "http://x"}}, subresource="status")
    body = {"spec": {"engine": {}, "router": {}}, "status": {"url": "http://y"}}
    patched = await cluster.patch(INFERENCE_SERVICE, namespace, "it", body)
    assert patched["spec"] == {"engine": {}, "router": {}}
    assert patched["status"] == {"url": "http://x"}
    del patched["status"]
    put = await cluster.replace(INFERENCE_SERVICE, namespace, "it", patched)
    assert put["status"] == {"url": "http://x"}


async def test_a_write_of_nothing_but_status_on_the_object_side_changes_nothing(
    cluster: Cluster, namespace: str, made: JsonObject
) -> None:
    assert await cluster.patch(INFERENCE_SERVICE, namespace, "it", {"status": {"url": "http://y"}}) == made


async def test_the_status_side_ignores_everything_else_of_a_custom_resource(
    cluster: Cluster, namespace: str, made: JsonObject
) -> None:
    body = {
        "metadata": {"labels": {"a": "b"}, "annotations": {"a": "b"}, "finalizers": ["a.b/c"]},
        "spec": {"engine": {}, "router": {}},
        "status": {"url": "http://x"},
    }
    patched = await cluster.patch(INFERENCE_SERVICE, namespace, "it", body, subresource="status")
    assert patched["status"] == {"url": "http://x"}
    assert patched["spec"] == {"engine": {}}
    assert not {"labels", "annotations", "finalizers"} & patched["metadata"].keys()
    assert patched["metadata"]["generation"] == made["metadata"]["generation"]
    assert int(patched["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])


async def test_the_status_side_takes_metadata_of_a_built_in_kind(cluster: Cluster, namespace: str) -> None:
    backend = {"service": {"name": "x", "port": {"number": 80}}}
    body = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "it"}}
    await cluster.create(INGRESS, namespace, body | {"spec": {"defaultBackend": backend}})
    patched = await cluster.patch(
        INGRESS,
        namespace,
        "it",
        {
            "metadata": {"labels": {"a": "b"}},
            "spec": {"ingressClassName": "other"},
            "status": {"loadBalancer": {"ingress": [{"hostname": "x.example.com"}]}},
        },
        subresource="status",
    )
    assert patched["status"] == {"loadBalancer": {"ingress": [{"hostname": "x.example.com"}]}}
    assert patched["spec"] == {"defaultBackend": backend}
    assert patched["metadata"]["labels"] == {"a": "b"}
    assert patched["metadata"]["generation"] == 1


async def test_a_status_put_needs_the_current_version(
    cluster: Cluster, namespace: str, made: JsonObject, refused: Refused
) -> None:
    await cluster.patch(INFERENCE_SERVICE, namespace, "it", {"metadata": {"labels": {"a": "b"}}})
    with refused(409, "Conflict", "the object has been modified"):
        await cluster.replace(
            INFERENCE_SERVICE, namespace, "it", made | {"status": {"url": "http://x"}}, subresource="status"
        )
    now = await cluster.get(INFERENCE_SERVICE, namespace, "it")
    put = await cluster.replace(
        INFERENCE_SERVICE, namespace, "it", now | {"status": {"url": "http://x"}}, subresource="status"
    )
    assert put["status"] == {"url": "http://x"}


async def test_a_status_that_stays_the_same_is_no_write(cluster: Cluster, namespace: str, made: JsonObject) -> None:
    body = {"status": {"url": "http://x", "conditions": [{"type": "Ready", "status": "True"}]}}
    once = await cluster.patch(INFERENCE_SERVICE, namespace, "it", body, subresource="status")
    again = await cluster.patch(INFERENCE_SERVICE, namespace, "it", body, subresource="status")
    assert again == once


async def test_conditions_are_one_atomic_list(cluster: Cluster, namespace: str, made: JsonObject) -> None:
    for name in ("EngineReady", "IngressReady"):
        patched = await cluster.patch(
            INFERENCE_SERVICE,
            namespace,
            "it",
            {"status": {"conditions": [{"type": name, "status": "True"}]}},
            subresource="status",
        )
    assert [condition["type"] for condition in patched["status"]["conditions"]] == ["IngressReady"]


async def test_a_kind_without_the_subresource_has_none(cluster: Cluster, namespace: str, refused: Refused) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "it"}}
    assert "status" not in await cluster.create(CONFIG_MAP, namespace, body | {"status": {"a": "b"}})
    with refused(404):
        await cluster.patch(CONFIG_MAP, namespace, "it", {"status": {"a": "b"}}, subresource="status")
