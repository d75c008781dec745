"""The store by itself: deterministic, cheap to make, and nobody's but its own."""

from __future__ import annotations

import pytest
from doorward.cluster.embedded import Store
from doorward.cluster.protocol import ApiError
from doorward.model.reference import JsonObject, Resource

CONFIG_MAP = Resource("ConfigMap", "configmaps")
NAMESPACE = Resource("Namespace", "namespaces", namespaced=False)
SERVICE = Resource("Service", "services")
WIDGET = Resource("Widget.example.com", "widgets", ("v2", "v1"))


def config_map(name: str = "it", **metadata: object) -> JsonObject:
    return {"metadata": {"name": name, **metadata}, "data": {"a": "1"}}


def lived(store: Store) -> list[JsonObject]:
    """What a store answers to the same requests."""
    answers = [store.create(CONFIG_MAP, "x", config_map()), store.create(CONFIG_MAP, "x", config_map("other"))]
    answers.append(store.create(SERVICE, "x", {"metadata": {"generateName": "s-"}, "spec": {"ports": [{"port": 80}]}}))
    answers.append(store.patch(CONFIG_MAP, "x", "it", {"data": {"b": "2"}}))
    store.delete(CONFIG_MAP, "x", "other")
    return answers + [event.object for event in store.events_since(CONFIG_MAP, "", "1").events]


def test_two_stores_that_are_asked_the_same_answer_the_same() -> None:
    assert lived(Store()) == lived(Store())


def test_clock_and_uids_can_be_brought_along() -> None:
    store = Store(clock=lambda: 0.0, uids=lambda version: f"uid-{version}")
    metadata = store.create(CONFIG_MAP, "x", config_map())["metadata"]
    assert metadata["creationTimestamp"] == "1970-01-01T00:00:00Z"
    assert metadata["uid"] == f"uid-{metadata['resourceVersion']}"


def test_later_objects_are_younger_without_a_clock() -> None:
    store = Store()
    times = [store.create(CONFIG_MAP, "x", config_map(name))["metadata"]["creationTimestamp"] for name in "ab"]
    assert times[0] < times[1]


def test_what_goes_in_and_out_is_a_copy() -> None:
    store = Store()
    body = config_map(labels={"a": "b"})
    made = store.create(CONFIG_MAP, "x", body)
    assert body == config_map(labels={"a": "b"})
    body["data"]["a"] = made["data"]["a"] = "spoilt"
    store.get(CONFIG_MAP, "x", "it")["metadata"]["labels"].clear()
    store.list(CONFIG_MAP).items[0]["data"].clear()
    store.events_since(CONFIG_MAP, "", "0").events[0].object.clear()
    standing = store.get(CONFIG_MAP, "x", "it")
    assert (standing["data"], standing["metadata"]["labels"]) == ({"a": "1"}, {"a": "b"})


def test_a_patch_leaves_the_caller_its_body() -> None:
    store = Store()
    store.create(CONFIG_MAP, "x", config_map())
    body = {"data": {"nested": "1"}}
    store.patch(CONFIG_MAP, "x", "it", body)["data"].clear()
    assert body == {"data": {"nested": "1"}}


def test_namespaces_need_not_be_made() -> None:
    store = Store()
    store.create(CONFIG_MAP, "anywhere", config_map())
    assert store.list(NAMESPACE).items == []


def test_an_ending_namespace_is_one_even_where_namespaces_need_not_be_made() -> None:
    store = Store(collecting=False)
    store.create(NAMESPACE, "", {"metadata": {"name": "x"}})
    store.delete(NAMESPACE, "", "x")
    with pytest.raises(ApiError) as refusal:
        store.create(CONFIG_MAP, "x", config_map())
    assert (refusal.value.status, refusal.value.reason) == (403, "Forbidden")


def test_a_bare_resource_is_served_with_any_content_and_a_status() -> None:
    store = Store([WIDGET])
    assert store.served(WIDGET) == "v2"
    spec = {"any": [1], "null": None, "inner": {"null": None}}
    body = {"apiVersion": "example.com/v2", "kind": "Widget", "metadata": {"name": "it"}, "spec": spec}
    made = store.create(WIDGET, "x", body | {"status": {"a": 1}})
    assert made["spec"] == {"any": [1], "inner": {}}, "a null is dropped, as it is by a schema that names its field"
    assert "status" not in made
    changed = store.patch(WIDGET, "x", "it", {"status": {"a": 1}}, subresource="status", version="v1")
    assert changed["apiVersion"] == "example.com/v1"
    assert changed["metadata"]["generation"] == 1


def test_another_plural_is_another_resource() -> None:
    store = Store([WIDGET])
    wrong = Resource(WIDGET.kind, "wodgets", ("v1",))
    assert store.served(wrong) is None
    with pytest.raises(ApiError) as refusal:
        store.list(wrong)
    assert refusal.value.status == 404


def test_what_is_not_json_is_refused() -> None:
    with pytest.raises(ApiError) as refusal:
        Store().create(CONFIG_MAP, "x", {"metadata": {"name": "it"}, "data": {"a": object()}})
    assert refusal.value.status == 400


def test_addresses_and_ports_come_back_when_a_service_goes() -> None:
    store = Store()
    body = {"metadata": {"name": "it"}, "spec": {"type": "NodePort", "ports": [{"port": 80}]}}
    spec = store.create(SERVICE, "x", body)["spec"]
    store.delete(SERVICE, "x", "it")
    again = {"type": "NodePort", "clusterIP": spec["clusterIP"], "ports": spec["ports"]}
    assert store.create(SERVICE, "x", {"metadata": {"name": "it"}, "spec": again})["spec"] == spec


def test_a_dry_run_allocates_nothing() -> None:
    store = Store()
    body = {"metadata": {"name": "it"}, "spec": {"ports": [{"port": 80}], "clusterIP": "10.96.7.7"}}
    store.create(SERVICE, "x", body, dry_run=True)
    assert store.create(SERVICE, "x", body)["spec"]["clusterIP"] == "10.96.7.7"
