"""Garbage collection that tests can delay: ownership as a real cluster sees it, a moment later."""

from __future__ import annotations

from doorward.cluster.embedded import Store
from doorward.model.reference import JsonObject, Resource

CONFIG_MAP = Resource("ConfigMap", "configmaps")
DEFINITION = Resource(
    "CustomResourceDefinition.apiextensions.k8s.io", "customresourcedefinitions", ("v1",), namespaced=False
)
NAMESPACE = Resource("Namespace", "namespaces", namespaced=False)
WIDGET = Resource("Widget.example.com", "widgets", ("v1",))


def config_map(name: str, *owners: JsonObject, **metadata: object) -> JsonObject:
    references = [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}
        for owner in owners
    ]
    return {"metadata": {"name": name, "ownerReferences": references, **metadata}}


def names(store: Store, resource: Resource = CONFIG_MAP) -> list[str]:
    return [item["metadata"]["name"] for item in store.list(resource).items]


def test_dependents_wait_for_the_collector() -> None:
    store = Store(collecting=False)
    root = store.create(CONFIG_MAP, "x", config_map("root"))
    middle = store.create(CONFIG_MAP, "x", config_map("middle", root))
    store.create(CONFIG_MAP, "x", config_map("leaf", middle))
    store.delete(CONFIG_MAP, "x", "root")
    assert names(store) == ["leaf", "middle"]
    store.collect()
    assert names(store) == []


def test_nothing_is_collected_that_has_an_owner() -> None:
    store = Store(collecting=False)
    root = store.create(CONFIG_MAP, "x", config_map("root"))
    store.create(CONFIG_MAP, "x", config_map("leaf", root))
    before = store.resource_version
    store.collect()
    assert store.resource_version == before


def test_an_owner_in_another_namespace_is_none() -> None:
    store = Store()
    root = store.create(CONFIG_MAP, "x", config_map("root"))
    store.create(CONFIG_MAP, "y", config_map("leaf", root))
    assert names(store) == ["root"]


def test_an_owner_of_a_kind_that_is_not_served_is_not_known_to_be_gone() -> None:
    store = Store()
    reference = {"apiVersion": "example.com/v1", "kind": "Widget", "name": "w", "uid": "1"}
    store.create(CONFIG_MAP, "x", {"metadata": {"name": "leaf", "ownerReferences": [reference]}})
    store.collect()
    assert names(store) == ["leaf"]


def test_a_chain_of_dependents_goes_within_the_write_that_removed_its_root() -> None:
    store = Store()
    owner = root = store.create(CONFIG_MAP, "x", config_map("c000"))
    for number in range(1, 500):
        owner = store.create(CONFIG_MAP, "x", config_map(f"c{number:03}", owner))
    since = store.resource_version
    store.delete(CONFIG_MAP, "x", root["metadata"]["name"])
    assert names(store) == []
    told = [event.object["metadata"]["name"] for event in store.events_since(CONFIG_MAP, "", since).events]
    assert told == [f"c{number:03}" for number in range(500)]


def test_owners_that_own_each_other_do_not_hang_the_collector() -> None:
    store = Store()
    one = store.create(CONFIG_MAP, "x", config_map("one"))
    two = store.create(CONFIG_MAP, "x", config_map("two", one))
    store.patch(CONFIG_MAP, "x", "one", {"metadata": config_map("one", two)["metadata"]})
    store.delete(CONFIG_MAP, "x", "one")
    assert names(store) == []


def test_a_namespace_waits_for_the_collector() -> None:
    store = Store(collecting=False)
    store.create(NAMESPACE, "", {"metadata": {"name": "x"}})
    store.create(CONFIG_MAP, "x", config_map("it", finalizers=["example.com/f"]))
    store.create(CONFIG_MAP, "x", config_map("other"))
    store.create(CONFIG_MAP, "y", config_map("elsewhere"))
    store.delete(NAMESPACE, "", "x")
    assert names(store) == ["it", "other", "elsewhere"]
    store.collect()
    assert names(store) == ["it", "elsewhere"]
    store.patch(CONFIG_MAP, "x", "it", {"metadata": {"finalizers": None}})
    assert names(store, NAMESPACE) == ["x"]
    store.collect()
    assert names(store, NAMESPACE) == []


def test_a_definition_waits_for_finalizers_of_its_objects() -> None:
    store = Store()
    version = {"name": "v1", "served": True, "storage": True}
    version["schema"] = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    spec = {"group": "example.com", "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget"}}
    store.create(DEFINITION, "", {"metadata": {"name": "widgets.example.com"}, "spec": spec | {"versions": [version]}})
    body = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "it"}}
    body["metadata"] = {"name": "it", "finalizers": ["example.com/f"]}
    store.create(WIDGET, "x", body)
    store.delete(DEFINITION, "", "widgets.example.com")
    assert store.served(WIDGET) == "v1"
    store.patch(WIDGET, "x", "it", {"metadata": {"finalizers": None}})
    assert store.served(WIDGET) is None
    assert names(store, DEFINITION) == []
