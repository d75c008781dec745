"""uid and resourceVersion as preconditions: what was read is what is changed, or nothing is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from doorward.cluster.protocol import Cluster
from doorward.model.reference import JsonObject, Resource

Refused = Callable[..., AbstractContextManager[None]]

CONFIG_MAP = Resource("ConfigMap", "configmaps")
SERVICE = Resource("Service", "services")
VIRTUAL_SERVICE = Resource("VirtualService.networking.istio.io", "virtualservices", ("v1", "v1beta1"))
MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def config_map(**metadata: object) -> JsonObject:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "it", **metadata}, "data": {"a": "1"}}


def virtual_service(**metadata: object) -> JsonObject:
    spec = {"hosts": ["a.example.com"]}
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "it", **metadata},
        "spec": spec,
    }


@pytest.fixture
async def stale(cluster: Cluster, namespace: str) -> JsonObject:
    """The metadata of a ConfigMap from before its latest change."""
    made = await cluster.create(CONFIG_MAP, namespace, config_map())
    await cluster.patch(CONFIG_MAP, namespace, "it", {"data": {"a": "2"}})
    metadata: JsonObject = made["metadata"]
    return metadata


async def test_a_stale_put_is_a_conflict(cluster: Cluster, namespace: str, stale: JsonObject, refused: Refused) -> None:
    now = await cluster.get(CONFIG_MAP, namespace, "it")
    with refused(409, "Conflict", f'Operation cannot be fulfilled on configmaps "it": {MODIFIED}'):
        await cluster.replace(CONFIG_MAP, namespace, "it", config_map(resourceVersion=stale["resourceVersion"]))
    assert await cluster.get(CONFIG_MAP, namespace, "it") == now


async def test_a_stale_patch_is_a_conflict(
    cluster: Cluster, namespace: str, stale: JsonObject, refused: Refused
) -> None:
    now = await cluster.get(CONFIG_MAP, namespace, "it")
    body = {"metadata": {"uid": stale["uid"], "resourceVersion": stale["resourceVersion"]}, "data": {"a": "3"}}
    with refused(409, "Conflict", MODIFIED):
        await cluster.patch(CONFIG_MAP, namespace, "it", body)
    assert await cluster.get(CONFIG_MAP, namespace, "it") == now


async def test_a_stale_write_that_would_change_nothing_is_a_conflict_too(
    cluster: Cluster, namespace: str, stale: JsonObject, refused: Refused
) -> None:
    with refused(409, "Conflict", MODIFIED):
        await cluster.patch(
            CONFIG_MAP, namespace, "it", {"metadata": {"resourceVersion": stale["resourceVersion"]}, "data": {"a": "2"}}
        )


async def test_a_patch_with_the_current_version_is_taken(cluster: Cluster, namespace: str) -> None:
    made = (await cluster.create(CONFIG_MAP, namespace, config_map()))["metadata"]
    body = {"metadata": {"uid": made["uid"], "resourceVersion": made["resourceVersion"]}, "data": {"a": "3"}}
    assert (await cluster.patch(CONFIG_MAP, namespace, "it", body))["data"] == {"a": "3"}


async def test_a_put_for_another_uid_is_a_conflict(cluster: Cluster, namespace: str, refused: Refused) -> None:
    made = await cluster.create(CONFIG_MAP, namespace, config_map())
    uid = made["metadata"]["uid"]
    with refused(409, "Conflict", f"Precondition failed: UID in precondition: other, UID in object meta: {uid}"):
        await cluster.replace(CONFIG_MAP, namespace, "it", config_map(uid="other"))


async def test_a_patch_meant_for_a_former_object_of_that_name_is_a_conflict(
    cluster: Cluster, namespace: str, refused: Refused
) -> None:
    former = (await cluster.create(VIRTUAL_SERVICE, namespace, virtual_service()))["metadata"]
    await cluster.delete(VIRTUAL_SERVICE, namespace, "it")
    now = await cluster.create(VIRTUAL_SERVICE, namespace, virtual_service())
    assert now["metadata"]["uid"] != former["uid"]
    guard = {"metadata": {"uid": former["uid"], "resourceVersion": former["resourceVersion"]}}
    with refused(409, "Conflict", MODIFIED):
        await cluster.patch(VIRTUAL_SERVICE, namespace, "it", guard | {"spec": {"hosts": ["b.example.com"]}})
    with refused(409, "Conflict", MODIFIED):
        await cluster.patch(
            VIRTUAL_SERVICE, namespace, "it", guard | {"status": {"observedGeneration": 1}}, subresource="status"
        )
    assert await cluster.get(VIRTUAL_SERVICE, namespace, "it") == now


async def test_a_patch_never_creates(cluster: Cluster, namespace: str, refused: Refused) -> None:
    former = (await cluster.create(CONFIG_MAP, namespace, config_map()))["metadata"]
    await cluster.delete(CONFIG_MAP, namespace, "it")
    guard = {"metadata": {"uid": former["uid"], "resourceVersion": former["resourceVersion"]}}
    with refused(404, "NotFound"):
        await cluster.patch(CONFIG_MAP, namespace, "it", guard)
    with refused(404, "NotFound"):
        await cluster.replace(CONFIG_MAP, namespace, "it", config_map(**guard["metadata"]))


async def test_a_put_of_a_service_creates_it_unless_a_uid_says_otherwise(
    cluster: Cluster, namespace: str, refused: Refused
) -> None:
    """Services, Events, Leases and Endpoints: a resourceVersion alone doesn't guard against what is gone."""
    body: JsonObject = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "it"}}
    body["spec"] = {"ports": [{"port": 80}]}
    former = await cluster.create(SERVICE, namespace, body)
    await cluster.delete(SERVICE, namespace, "it")
    with refused(
        409, "Conflict", f"Precondition failed: UID in precondition: {former['metadata']['uid']}, UID in object"
    ):
        await cluster.replace(SERVICE, namespace, "it", former)
    del former["metadata"]["uid"]
    made = await cluster.replace(SERVICE, namespace, "it", former)
    assert made["metadata"]["uid"]
    assert await cluster.get(SERVICE, namespace, "it") == made
    await cluster.delete(SERVICE, namespace, "it")
    with refused(404, "NotFound"):
        await cluster.patch(SERVICE, namespace, "it", {"spec": {"type": "LoadBalancer"}})


async def test_an_object_cannot_be_created_with_a_resource_version(
    cluster: Cluster, namespace: str, refused: Refused
) -> None:
    with refused(500, None, "resourceVersion should not be set on objects to be created"):
        await cluster.create(CONFIG_MAP, namespace, config_map(resourceVersion="1"))


async def test_a_deletion_of_another_uid_is_a_conflict(cluster: Cluster, namespace: str, refused: Refused) -> None:
    uid = (await cluster.create(CONFIG_MAP, namespace, config_map()))["metadata"]["uid"]
    words = f"the UID in the precondition (other) does not match the UID in record ({uid})"
    with refused(409, "Conflict", words):
        await cluster.delete(CONFIG_MAP, namespace, "it", uid="other")
    assert (await cluster.get(CONFIG_MAP, namespace, "it"))["metadata"]["uid"] == uid


async def test_a_stale_deletion_is_a_conflict(
    cluster: Cluster, namespace: str, stale: JsonObject, refused: Refused
) -> None:
    old = stale["resourceVersion"]
    words = f"the ResourceVersion in the precondition ({old}) does not match the ResourceVersion in record"
    with refused(409, "Conflict", words):
        await cluster.delete(CONFIG_MAP, namespace, "it", uid=stale["uid"], resource_version=old)
    now = await cluster.get(CONFIG_MAP, namespace, "it")
    version = now["metadata"]["resourceVersion"]
    assert await cluster.delete(CONFIG_MAP, namespace, "it", uid=stale["uid"], resource_version=version) is None
    with refused(404, "NotFound"):
        await cluster.get(CONFIG_MAP, namespace, "it")


async def test_a_deletion_conflict_names_the_kind_with_its_group(
    cluster: Cluster, namespace: str, refused: Refused
) -> None:
    await cluster.create(VIRTUAL_SERVICE, namespace, virtual_service())
    with refused(409, "Conflict", 'Operation cannot be fulfilled on VirtualService.networking.istio.io "it"'):
        await cluster.delete(VIRTUAL_SERVICE, namespace, "it", uid="other")
