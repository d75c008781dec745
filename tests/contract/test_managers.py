"""``metadata.managedFields``: who wrote what, so that whoever keeps undoing a write can be named."""

from __future__ import annotations

from doorward.cluster.protocol import Cluster
from doorward.model.reference import JsonObject, Resource

SERVICE = Resource("Service", "services")
VIRTUAL_SERVICE = Resource("VirtualService.networking.istio.io", "virtualservices", ("v1", "v1beta1"))


def virtual_service() -> JsonObject:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "it"},
        "spec": {"hosts": ["a.example.com"], "gateways": ["x/y"]},
    }


def owners(obj: JsonObject) -> dict[tuple[str, str], set[str]]:
    """By manager and subresource: the fields of spec and status, labels and annotations."""
    found = {}
    for entry in obj["metadata"].get("managedFields", ()):
        assert entry["operation"] == "Update"
        assert entry["apiVersion"] == obj["apiVersion"]
        assert entry["fieldsType"] == "FieldsV1"
        assert entry["time"].endswith("Z")
        fields = entry["fieldsV1"]
        parts = [fields.get("f:spec", {}), fields.get("f:status", {})]
        parts += [fields.get("f:metadata", {}).get(f"f:{part}", {}) for part in ("labels", "annotations")]
        names = {name.removeprefix("f:") for part in parts for name in part} - {"."}
        found[entry["manager"], entry.get("subresource", "")] = names
    return found


async def test_a_creation_gives_its_manager_everything(cluster: Cluster, namespace: str) -> None:
    made = await cluster.create(VIRTUAL_SERVICE, namespace, virtual_service(), field_manager="one")
    assert owners(made) == {("one", ""): {"hosts", "gateways"}}


async def test_a_change_moves_a_field_to_who_made_it(cluster: Cluster, namespace: str) -> None:
    await cluster.create(VIRTUAL_SERVICE, namespace, virtual_service(), field_manager="one")
    body = {"metadata": {"labels": {"a": "b"}}, "spec": {"hosts": ["b.example.com"], "gateways": ["x/y"]}}
    changed = await cluster.patch(VIRTUAL_SERVICE, namespace, "it", body, field_manager="two")
    assert owners(changed) == {("one", ""): {"gateways"}, ("two", ""): {"hosts", "a"}}
    back = await cluster.replace(
        VIRTUAL_SERVICE,
        namespace,
        "it",
        changed | {"spec": {"hosts": ["a.example.com"], "gateways": ["x/y"]}},
        field_manager="one",
    )
    assert owners(back) == {("one", ""): {"hosts", "gateways"}, ("two", ""): {"a"}}


async def test_a_manager_without_fields_is_forgotten(cluster: Cluster, namespace: str) -> None:
    await cluster.create(VIRTUAL_SERVICE, namespace, virtual_service(), field_manager="one")
    await cluster.patch(
        VIRTUAL_SERVICE, namespace, "it", {"metadata": {"annotations": {"a": "b"}}}, field_manager="two"
    )
    changed = await cluster.patch(
        VIRTUAL_SERVICE, namespace, "it", {"metadata": {"annotations": None}}, field_manager="three"
    )
    assert owners(changed) == {("one", ""): {"hosts", "gateways"}}


async def test_the_status_side_is_an_entry_of_its_own(cluster: Cluster, namespace: str) -> None:
    await cluster.create(VIRTUAL_SERVICE, namespace, virtual_service(), field_manager="one")
    changed = await cluster.patch(
        VIRTUAL_SERVICE,
        namespace,
        "it",
        {"status": {"observedGeneration": 1}},
        subresource="status",
        field_manager="one",
    )
    assert owners(changed) == {("one", ""): {"hosts", "gateways"}, ("one", "status"): {"observedGeneration"}}


async def test_who_made_a_map_keeps_it_when_others_fill_it(cluster: Cluster, namespace: str) -> None:
    await cluster.create(VIRTUAL_SERVICE, namespace, virtual_service(), field_manager="one")
    changed = await cluster.replace(
        VIRTUAL_SERVICE,
        namespace,
        "it",
        (await cluster.get(VIRTUAL_SERVICE, namespace, "it")) | {"spec": {"hosts": ["b.example.com"]}},
        field_manager="two",
    )
    assert owners(changed) == {("one", ""): set(), ("two", ""): {"hosts"}}


async def test_a_status_that_the_server_filled_in_is_nobodys(cluster: Cluster, namespace: str) -> None:
    body = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "it"}, "spec": {"ports": [{"port": 80}]}}
    made = await cluster.create(SERVICE, namespace, body, field_manager="one")
    assert made["status"] == {"loadBalancer": {}}
    assert all("f:status" not in entry["fieldsV1"] for entry in made["metadata"]["managedFields"])


async def test_managed_fields_left_out_of_a_put_are_kept(cluster: Cluster, namespace: str) -> None:
    made = await cluster.create(VIRTUAL_SERVICE, namespace, virtual_service(), field_manager="one")
    body = virtual_service()
    body["metadata"]["resourceVersion"] = made["metadata"]["resourceVersion"]
    assert await cluster.replace(VIRTUAL_SERVICE, namespace, "it", body, field_manager="two") == made
