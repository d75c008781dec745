"""Creating, reading and updating: what comes back, and what resourceVersion and generation say."""

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


def config_map(name: str = "it", data: dict[str, str] | None = None, **metadata: object) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, **metadata},
        "data": data if data is not None else {"a": "1"},
    }


def virtual_service(name: str = "it", host: str = "a.example.com", **metadata: object) -> JsonObject:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": name, **metadata},
        "spec": {"hosts": [host], "http": [{"route": [{"destination": {"host": "x"}}]}]},
    }


async def test_a_creation_returns_the_object_with_its_identity(cluster: Cluster, namespace: str) -> None:
    made = await cluster.create(CONFIG_MAP, namespace, config_map(labels={"x": "y"}))
    assert made["apiVersion"] == "v1"
    assert made["kind"] == "ConfigMap"
    assert made["data"] == {"a": "1"}
    metadata = made["metadata"]
    assert metadata["namespace"] == namespace
    assert metadata["labels"] == {"x": "y"}
    assert metadata["uid"]
    assert metadata["creationTimestamp"].endswith("Z")
    assert int(metadata["resourceVersion"]) > 0
    assert await cluster.get(CONFIG_MAP, namespace, "it") == made


async def test_the_caller_does_not_choose_uid_and_creation_time(cluster: Cluster, namespace: str) -> None:
    body = config_map(uid="mine", creationTimestamp="2000-01-01T00:00:00Z")
    made = await cluster.create(CONFIG_MAP, namespace, body)
    assert made["metadata"]["uid"] != "mine"
    assert not made["metadata"]["creationTimestamp"].startswith("2000")


async def test_what_exists_is_not_created_again(cluster: Cluster, namespace: str, refused: Refused) -> None:
    made = await cluster.create(CONFIG_MAP, namespace, config_map())
    with refused(409, "AlreadyExists", 'configmaps "it" already exists'):
        await cluster.create(CONFIG_MAP, namespace, config_map(data={"a": "2"}))
    assert await cluster.get(CONFIG_MAP, namespace, "it") == made


async def test_a_custom_resource_is_named_with_its_group(cluster: Cluster, namespace: str, refused: Refused) -> None:
    await cluster.create(VIRTUAL_SERVICE, namespace, virtual_service())
    with refused(409, "AlreadyExists", 'virtualservices.networking.istio.io "it" already exists'):
        await cluster.create(VIRTUAL_SERVICE, namespace, virtual_service())
    with refused(404, "NotFound", 'virtualservices.networking.istio.io "other" not found'):
        await cluster.get(VIRTUAL_SERVICE, namespace, "other")


async def test_a_generated_name_begins_as_asked(cluster: Cluster, namespace: str) -> None:
    body = config_map()
    body["metadata"] = {"generateName": "gen-"}
    names = {(await cluster.create(CONFIG_MAP, namespace, body))["metadata"]["name"] for _ in range(3)}
    assert len(names) == 3
    assert all(name.startswith("gen-") and len(name) == len("gen-") + 5 for name in names)


async def test_a_namespace_that_is_not_there_takes_nothing(cluster: Cluster, namespace: str, refused: Refused) -> None:
    nowhere = f"{namespace}-not"
    with refused(404, "NotFound", f'namespaces "{nowhere}" not found'):
        await cluster.create(CONFIG_MAP, nowhere, config_map())
    assert (await cluster.list(CONFIG_MAP, nowhere)).items == []


async def test_what_does_not_exist_is_not_found(cluster: Cluster, namespace: str, refused: Refused) -> None:
    words = 'configmaps "it" not found'
    with refused(404, "NotFound", words):
        await cluster.get(CONFIG_MAP, namespace, "it")
    with refused(404, "NotFound", words):
        await cluster.replace(CONFIG_MAP, namespace, "it", config_map())
    with refused(404, "NotFound", words):
        await cluster.patch(CONFIG_MAP, namespace, "it", {"data": {"a": "2"}})
    with refused(404, "NotFound", words):
        await cluster.delete(CONFIG_MAP, namespace, "it")


async def test_every_write_takes_a_higher_resource_version(cluster: Cluster, namespace: str) -> None:
    versions = []
    for number in range(3):
        made = await cluster.create(CONFIG_MAP, namespace, config_map(f"it-{number}"))
        versions.append(int(made["metadata"]["resourceVersion"]))
        changed = await cluster.patch(CONFIG_MAP, namespace, f"it-{number}", {"data": {"a": "2"}})
        versions.append(int(changed["metadata"]["resourceVersion"]))
    assert versions == sorted(set(versions))


async def test_a_write_that_changes_nothing_leaves_the_resource_version(cluster: Cluster, namespace: str) -> None:
    made = await cluster.create(VIRTUAL_SERVICE, namespace, virtual_service())
    put = await cluster.replace(VIRTUAL_SERVICE, namespace, "it", made)
    patched = await cluster.patch(VIRTUAL_SERVICE, namespace, "it", {"spec": {"hosts": ["a.example.com"]}})
    assert put == patched == made


async def test_another_manager_that_changes_nothing_leaves_no_trace(cluster: Cluster, namespace: str) -> None:
    made = await cluster.create(CONFIG_MAP, namespace, config_map(), field_manager="one")
    again = await cluster.patch(CONFIG_MAP, namespace, "it", {"data": {"a": "1"}}, field_manager="two")
    assert again == made


async def test_the_generation_counts_changes_of_the_spec_only(cluster: Cluster, namespace: str) -> None:
    made = await cluster.create(VIRTUAL_SERVICE, namespace, virtual_service())
    labelled = await cluster.patch(VIRTUAL_SERVICE, namespace, "it", {"metadata": {"labels": {"a": "b"}}})
    changed = await cluster.patch(VIRTUAL_SERVICE, namespace, "it", {"spec": {"hosts": ["b.example.com"]}})
    assert [each["metadata"]["generation"] for each in (made, labelled, changed)] == [1, 1, 2]


async def test_config_maps_and_services_have_no_generation(cluster: Cluster, namespace: str) -> None:
    await cluster.create(CONFIG_MAP, namespace, config_map())
    changed = await cluster.patch(CONFIG_MAP, namespace, "it", {"data": {"a": "2"}})
    assert "generation" not in changed["metadata"]
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "it"}, "spec": {"ports": [{"port": 80}]}}
    assert "generation" not in (await cluster.create(SERVICE, namespace, service))["metadata"]


async def test_a_put_without_a_version_of_a_built_in_kind_overwrites(cluster: Cluster, namespace: str) -> None:
    await cluster.create(CONFIG_MAP, namespace, config_map(labels={"x": "y"}))
    put = await cluster.replace(CONFIG_MAP, namespace, "it", config_map(data={"b": "2"}))
    assert put["data"] == {"b": "2"}
    assert "labels" not in put["metadata"]


async def test_a_put_without_a_version_of_a_custom_kind_is_refused(
    cluster: Cluster, namespace: str, refused: Refused
) -> None:
    await cluster.create(VIRTUAL_SERVICE, namespace, virtual_service())
    with refused(422, "Invalid", "metadata.resourceVersion: Invalid value: 0: must be specified for an update"):
        await cluster.replace(VIRTUAL_SERVICE, namespace, "it", virtual_service(host="b.example.com"))
    with refused(422, "Invalid", "must be specified for an update"):
        await cluster.patch(VIRTUAL_SERVICE, namespace, "it", {"metadata": {"resourceVersion": None}})


async def test_identity_outlives_a_put_that_leaves_it_out(cluster: Cluster, namespace: str) -> None:
    made = await cluster.create(VIRTUAL_SERVICE, namespace, virtual_service())
    body = virtual_service(host="b.example.com", resourceVersion=made["metadata"]["resourceVersion"])
    put = await cluster.replace(VIRTUAL_SERVICE, namespace, "it", body)
    for field in ("uid", "creationTimestamp"):
        assert put["metadata"][field] == made["metadata"][field]
    assert put["metadata"]["generation"] == 2


async def test_names_and_namespaces_must_agree_with_the_request(
    cluster: Cluster, namespace: str, refused: Refused
) -> None:
    words = "the namespace of the provided object does not match the namespace sent on the request"
    with refused(400, "BadRequest", words):
        await cluster.create(CONFIG_MAP, namespace, config_map(namespace="other"))
    await cluster.create(CONFIG_MAP, namespace, config_map())
    words = "the name of the object (other) does not match the name on the URL (it)"
    with refused(400, "BadRequest", words):
        await cluster.replace(CONFIG_MAP, namespace, "it", config_map("other"))
    with refused(400, "BadRequest", words):
        await cluster.patch(CONFIG_MAP, namespace, "it", {"metadata": {"name": "other"}})


async def test_an_object_of_another_version_is_refused(cluster: Cluster, namespace: str, refused: Refused) -> None:
    body = virtual_service() | {"apiVersion": "networking.istio.io/v1beta1"}
    with refused(400, "BadRequest", "does not match the expected API version (networking.istio.io/v1)"):
        await cluster.create(VIRTUAL_SERVICE, namespace, body)


async def test_every_served_version_shows_the_same_object(cluster: Cluster, namespace: str) -> None:
    made = await cluster.create(VIRTUAL_SERVICE, namespace, virtual_service())
    older = await cluster.get(VIRTUAL_SERVICE, namespace, "it", version="v1beta1")
    assert older["apiVersion"] == "networking.istio.io/v1beta1"
    assert older["spec"] == made["spec"]
    for field in ("uid", "resourceVersion"):
        assert older["metadata"][field] == made["metadata"][field]
    changed = await cluster.patch(
        VIRTUAL_SERVICE, namespace, "it", {"spec": {"hosts": ["b.example.com"]}}, version="v1beta1"
    )
    assert changed["apiVersion"] == "networking.istio.io/v1beta1"
    assert (await cluster.get(VIRTUAL_SERVICE, namespace, "it"))["spec"]["hosts"] == ["b.example.com"]


async def test_the_uid_cannot_be_changed(cluster: Cluster, namespace: str, refused: Refused) -> None:
    await cluster.create(CONFIG_MAP, namespace, config_map())
    with refused(422, "Invalid", 'metadata.uid: Invalid value: "other": field is immutable'):
        await cluster.patch(CONFIG_MAP, namespace, "it", {"metadata": {"uid": "other"}})


async def test_a_deletion_cannot_be_written(cluster: Cluster, namespace: str, refused: Refused) -> None:
    await cluster.create(VIRTUAL_SERVICE, namespace, virtual_service())
    when = "2000-01-01T00:00:00Z"
    with refused(422, "Invalid", f'metadata.deletionTimestamp: Invalid value: "{when}": field is immutable'):
        await cluster.patch(VIRTUAL_SERVICE, namespace, "it", {"metadata": {"deletionTimestamp": when}})


async def test_what_the_server_keeps_is_not_taken_from_the_caller(cluster: Cluster, namespace: str) -> None:
    made = await cluster.create(VIRTUAL_SERVICE, namespace, virtual_service())
    stranger = {"generation": 77, "creationTimestamp": "2000-01-01T00:00:00Z", "selfLink": "x"}
    assert await cluster.patch(VIRTUAL_SERVICE, namespace, "it", {"metadata": stranger}) == made


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"name": "Bad_Name"}, 'metadata.name: Invalid value: "Bad_Name": a lowercase RFC 1123 subdomain must'),
        ({"name": ""}, "metadata.name: Required value: name or generateName is required"),
        ({"labels": {"a": "x y"}}, 'metadata.labels: Invalid value: "x y": a valid label must be an empty string or'),
        ({"labels": {"a b": "x"}}, 'metadata.labels: Invalid value: "a b": name part must consist of alphanumeric'),
        ({"labels": {"a": "x" * 64}}, "must be no more than 63 "),
        ({"annotations": {"A_/b": "x"}}, "metadata.annotations: Invalid value:"),
        ({"annotations": {"a": "x" * 262_144}}, "metadata.annotations: Too long: may not be more than 262144 bytes"),
        (
            {"ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "x"}]},
            'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
        ),
        (
            {
                "ownerReferences": [
                    {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": uid, "controller": True}
                    for uid in ("1", "2")
                ]
            },
            "Only one reference can have Controller set to true.",
        ),
    ],
)
@pytest.mark.parametrize("custom", [False, True])
async def test_metadata_is_validated(
    cluster: Cluster, namespace: str, refused: Refused, custom: bool, metadata: JsonObject, words: str
) -> None:
    resource, body = (VIRTUAL_SERVICE, virtual_service()) if custom else (CONFIG_MAP, config_map())
    body["metadata"] |= metadata
    with refused(422, "Invalid", words):
        await cluster.create(resource, namespace, body)


async def test_finalizers_of_built_in_kinds_must_be_qualified(
    cluster: Cluster, namespace: str, refused: Refused
) -> None:
    words = 'metadata.finalizers[0]: Invalid value: "bare": name is neither a standard finalizer name nor is it fully'
    with refused(422, "Invalid", words):
        await cluster.create(CONFIG_MAP, namespace, config_map(finalizers=["bare"]))
    made = await cluster.create(VIRTUAL_SERVICE, namespace, virtual_service(finalizers=["bare"]))
    assert made["metadata"]["finalizers"] == ["bare"]
    await cluster.patch(VIRTUAL_SERVICE, namespace, "it", {"metadata": {"finalizers": None}})


async def test_annotations_of_exactly_the_limit_are_taken(cluster: Cluster, namespace: str) -> None:
    made = await cluster.create(CONFIG_MAP, namespace, config_map(annotations={"a": "x" * 262_143}))
    assert len(made["metadata"]["annotations"]["a"]) == 262_143
