"""Deletion: at once, held up by finalizers, or because an owner or a namespace went."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager

from doorward.cluster.protocol import JSON_PATCH, ApiError, Cluster
from doorward.model.reference import JsonObject, Resource

Refused = Callable[..., AbstractContextManager[None]]
Until = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]

CONFIG_MAP = Resource("ConfigMap", "configmaps")
NAMESPACE = Resource("Namespace", "namespaces", namespaced=False)
SERVICE = Resource("Service", "services")
VIRTUAL_SERVICE = Resource("VirtualService.networking.istio.io", "virtualservices", ("v1", "v1beta1"))
FINALIZER = "doorward.example.com/held"


def config_map(name: str = "it", **metadata: object) -> JsonObject:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}}


def virtual_service(**metadata: object) -> JsonObject:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "it", **metadata},
        "spec": {"hosts": ["a.example.com"]},
    }


def owner(obj: JsonObject, *, controller: bool = False) -> JsonObject:
    metadata = obj["metadata"]
    reference = {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "name": metadata["name"], "uid": metadata["uid"]}
    return reference | {"controller": True} if controller else reference


async def is_gone(cluster: Cluster, resource: Resource, namespace: str, name: str) -> bool:
    try:
        await cluster.get(resource, namespace, name)
    except ApiError as error:
        if error.status != 404:
            raise
        return True
    return False


async def test_a_deletion_that_nothing_holds_up_is_complete(cluster: Cluster, namespace: str) -> None:
    await cluster.create(CONFIG_MAP, namespace, config_map())
    await cluster.create(VIRTUAL_SERVICE, namespace, virtual_service())
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "it"}, "spec": {"ports": [{"port": 80}]}}
    await cluster.create(SERVICE, namespace, service)
    for resource in (CONFIG_MAP, VIRTUAL_SERVICE, SERVICE):
        assert await cluster.delete(resource, namespace, "it") is None
        assert await is_gone(cluster, resource, namespace, "it")


async def test_a_name_can_be_used_again_with_another_uid(cluster: Cluster, namespace: str) -> None:
    first = await cluster.create(CONFIG_MAP, namespace, config_map())
    await cluster.delete(CONFIG_MAP, namespace, "it")
    second = await cluster.create(CONFIG_MAP, namespace, config_map())
    assert first["metadata"]["uid"] != second["metadata"]["uid"]
    assert int(first["metadata"]["resourceVersion"]) < int(second["metadata"]["resourceVersion"])


async def test_a_finalizer_holds_the_deletion_up(cluster: Cluster, namespace: str, refused: Refused) -> None:
    made = await cluster.create(VIRTUAL_SERVICE, namespace, virtual_service(finalizers=[FINALIZER]))
    left = await cluster.delete(VIRTUAL_SERVICE, namespace, "it")
    assert left is not None
    assert left["metadata"]["deletionTimestamp"].endswith("Z")
    assert left["metadata"]["deletionGracePeriodSeconds"] == 0
    assert left["metadata"]["generation"] == made["metadata"]["generation"] + 1
    assert int(left["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])
    assert await cluster.delete(VIRTUAL_SERVICE, namespace, "it") == left
    with refused(
        409, "AlreadyExists", 'object is being deleted: virtualservices.networking.istio.io "it" already exists'
    ):
        await cluster.create(VIRTUAL_SERVICE, namespace, virtual_service())
    await cluster.patch(VIRTUAL_SERVICE, namespace, "it", {"metadata": {"finalizers": None}})
    assert await is_gone(cluster, VIRTUAL_SERVICE, namespace, "it")


async def test_the_write_that_takes_the_last_finalizer_away_returns_what_is_gone(
    cluster: Cluster, namespace: str
) -> None:
    await cluster.create(CONFIG_MAP, namespace, config_map(finalizers=[FINALIZER]))
    left = await cluster.delete(CONFIG_MAP, namespace, "it")
    assert left is not None
    operations = [{"op": "remove", "path": "/metadata/finalizers"}]
    last = await cluster.patch(CONFIG_MAP, namespace, "it", operations, type=JSON_PATCH)
    assert last["metadata"]["resourceVersion"] == left["metadata"]["resourceVersion"]
    assert "finalizers" not in last["metadata"]
    assert await is_gone(cluster, CONFIG_MAP, namespace, "it")


async def test_an_object_that_is_being_deleted_takes_changes_but_no_finalizers(
    cluster: Cluster, namespace: str, refused: Refused
) -> None:
    await cluster.create(CONFIG_MAP, namespace, config_map(finalizers=[FINALIZER]))
    left = await cluster.delete(CONFIG_MAP, namespace, "it")
    assert left is not None
    changed = await cluster.patch(CONFIG_MAP, namespace, "it", {"data": {"a": "1"}})
    assert changed["metadata"]["deletionTimestamp"] == left["metadata"]["deletionTimestamp"]
    with refused(422, "Invalid", "no new finalizers can be added if the object is being deleted"):
        await cluster.patch(CONFIG_MAP, namespace, "it", {"metadata": {"finalizers": [FINALIZER, "a.example.com/b"]}})
    await cluster.patch(CONFIG_MAP, namespace, "it", {"metadata": {"finalizers": None}})


async def test_dependents_go_with_their_owner(cluster: Cluster, namespace: str, until: Until) -> None:
    root = await cluster.create(CONFIG_MAP, namespace, config_map("root"))
    middle = await cluster.create(
        CONFIG_MAP, namespace, config_map("middle", ownerReferences=[owner(root, controller=True)])
    )
    await cluster.create(VIRTUAL_SERVICE, namespace, virtual_service(ownerReferences=[owner(middle)]))
    await cluster.delete(CONFIG_MAP, namespace, "root")
    await until(lambda: is_gone(cluster, CONFIG_MAP, namespace, "middle"))
    await until(lambda: is_gone(cluster, VIRTUAL_SERVICE, namespace, "it"))


async def test_a_dependent_with_another_owner_stays_and_loses_the_reference(
    cluster: Cluster, namespace: str, until: Until
) -> None:
    one = await cluster.create(CONFIG_MAP, namespace, config_map("one"))
    two = await cluster.create(CONFIG_MAP, namespace, config_map("two"))
    await cluster.create(CONFIG_MAP, namespace, config_map(ownerReferences=[owner(one), owner(two)]))
    await cluster.delete(CONFIG_MAP, namespace, "one")

    async def lost() -> bool:
        left = await cluster.get(CONFIG_MAP, namespace, "it")
        return bool(left["metadata"]["ownerReferences"] == [owner(two)])

    await until(lost)


async def test_an_owner_is_known_by_its_uid(cluster: Cluster, namespace: str, until: Until) -> None:
    former = await cluster.create(CONFIG_MAP, namespace, config_map("root"))
    await cluster.delete(CONFIG_MAP, namespace, "root")
    await cluster.create(CONFIG_MAP, namespace, config_map("root"))
    await cluster.create(CONFIG_MAP, namespace, config_map(ownerReferences=[owner(former)]))
    await until(lambda: is_gone(cluster, CONFIG_MAP, namespace, "it"))
    assert not await is_gone(cluster, CONFIG_MAP, namespace, "root")


async def test_a_finalizer_of_a_dependent_is_respected(cluster: Cluster, namespace: str, until: Until) -> None:
    root = await cluster.create(CONFIG_MAP, namespace, config_map("root"))
    await cluster.create(CONFIG_MAP, namespace, config_map(ownerReferences=[owner(root)], finalizers=[FINALIZER]))
    await cluster.delete(CONFIG_MAP, namespace, "root")

    async def marked() -> bool:
        return "deletionTimestamp" in (await cluster.get(CONFIG_MAP, namespace, "it"))["metadata"]

    await until(marked)
    await cluster.patch(CONFIG_MAP, namespace, "it", {"metadata": {"finalizers": None}})
    assert await is_gone(cluster, CONFIG_MAP, namespace, "it")


async def test_an_ending_namespace_takes_nothing_new(
    cluster: Cluster, namespace: str, refused: Refused, until: Until
) -> None:
    await cluster.create(CONFIG_MAP, namespace, config_map(finalizers=[FINALIZER]))
    await cluster.create(CONFIG_MAP, namespace, config_map("other"))
    await cluster.delete(NAMESPACE, "", namespace)
    words = f"unable to create new content in namespace {namespace} because it is being terminated"
    with refused(403, "Forbidden", f'configmaps "late" is forbidden: {words}'):
        await cluster.create(CONFIG_MAP, namespace, config_map("late"))
    ending = await cluster.get(NAMESPACE, "", namespace)
    assert ending["status"]["phase"] == "Terminating"
    await until(lambda: is_gone(cluster, CONFIG_MAP, namespace, "other"))
    await cluster.patch(CONFIG_MAP, namespace, "it", {"metadata": {"finalizers": None}})


async def test_a_namespace_goes_with_what_is_in_it(cluster: Cluster, namespace: str, until: Until) -> None:
    await cluster.create(CONFIG_MAP, namespace, config_map())
    await cluster.delete(NAMESPACE, "", namespace)
    await until(lambda: is_gone(cluster, NAMESPACE, "", namespace))
    assert await is_gone(cluster, CONFIG_MAP, namespace, "it")
