"""Who begins to lead after somebody else has: what was remembered doesn't hold, and what it reserved is free."""

from __future__ import annotations

import pytest
from doorward.cluster.embedded import Store
from doorward.engine import Engine
from doorward.model.event import Leading, Record, issued
from doorward.model.reference import JsonObject, kind_of
from doorward.runtime.offline import Clock, Offline

from tests.engine.scenes import INGRESS
from tests.engine.stage import backends, component_service, definitions, inference_service, settings

HOST = "shared.example.com"
RAW = {"ome.io/deployment-mode": "RawDeployment"}
ASKING = {**RAW, "ome.io/ingress-domain-template": HOST}


@pytest.fixture
def store() -> Store:
    made = Store(definitions(), clock=Clock())
    put(made, settings({"ingressClassName": "nginx"}))
    return made


def put(store: Store, obj: JsonObject) -> None:
    resource = backends().resources[kind_of(obj)]
    namespace, name = obj["metadata"]["namespace"], obj["metadata"]["name"]
    store.create(resource, namespace, obj)
    if obj.get("status"):
        store.patch(resource, namespace, name, {"status": obj["status"]}, subresource="status")


def ask(store: Store, name: str) -> None:
    """A service whose engine is ready, and which asks for the host."""
    put(store, component_service(name, "engine"))
    put(store, inference_service(name, annotations=ASKING, ready=("engine",)))


def hosts(store: Store) -> dict[str, str]:
    items = store.list(backends().resources[INGRESS]).items
    return {i["metadata"]["name"]: i["spec"]["rules"][0]["host"] for i in items}


def killed_as_it_writes(store: Store) -> list[Record]:
    """The journal of a leader whose last request was to make an Ingress, which never came to be."""
    records: list[Record] = []
    first = Offline(Engine(backends(), stands_by=True), store, Clock(), records.extend)
    first.start()
    first.receive(Leading(at=first.clock(), term=1))
    while True:
        actions = first.engine.actions()
        records += [issued(action) for action in actions]
        if any(action.ref.kind == INGRESS for action in actions):
            return records
        for action in actions:
            first.receive(first.perform(action))
        first.deliver()


@pytest.mark.parametrize("gone", [False, True], ids=["its service asks for another door now", "its service is gone"])
def test_a_host_of_a_write_that_never_was_is_free(store: Store, gone: bool) -> None:
    ask(store, "first")
    records = killed_as_it_writes(store)
    again = Offline(Engine(backends(), stands_by=True), store, Clock())
    again.engine.restore(records)
    again.start()
    resource = backends().resources["InferenceService.ome.io"]
    closed = {"metadata": {"annotations": {"ome.io/ingress-disable-creation": "true"}}}
    store.patch(resource, "a", "first", closed)
    again.deliver()
    again.receive(Leading(at=again.clock(), term=3))  # somebody else has led, and decided
    if gone:
        store.delete(resource, "a", "first")
    ask(store, "second")
    again.settle()
    assert hosts(store) == {"second": HOST}
