"""What tests can make go wrong: refusals, lost answers, webhooks, lagging and repeating watches."""

from __future__ import annotations

import pytest
from doorward.cluster.embedded import Request, Store
from doorward.cluster.protocol import ApiError
from doorward.model.reference import JsonObject, Resource

CONFIG_MAP = Resource("ConfigMap", "configmaps")
SERVICE = Resource("Service", "services")


def config_map(name: str = "it") -> JsonObject:
    return {"metadata": {"name": name}, "data": {"a": "1"}}


def test_a_refusal_before_a_write_leaves_everything_as_it_was() -> None:
    store = Store()
    before = store.resource_version

    def refuse(request: Request) -> None:
        if request.verb == "create":
            raise ApiError(429, "TooManyRequests", "later", retry_after=1.0)

    store.faults.before.append(refuse)
    with pytest.raises(ApiError) as refusal:
        store.create(CONFIG_MAP, "x", config_map())
    assert refusal.value.retry_after == 1.0
    assert store.resource_version == before
    assert store.list(CONFIG_MAP).items == []


def test_a_lost_answer_hides_that_the_write_happened() -> None:
    store = Store()

    def lose(request: Request, answer: JsonObject | None) -> None:
        raise ApiError(0, "", f"no answer to {request.verb}")

    store.faults.after.append(lose)
    with pytest.raises(ApiError):
        store.create(CONFIG_MAP, "x", config_map())
    assert store.get(CONFIG_MAP, "x", "it")["data"] == {"a": "1"}
    with pytest.raises(ApiError):
        store.patch(CONFIG_MAP, "x", "it", {"data": {"a": "2"}})
    assert store.get(CONFIG_MAP, "x", "it")["data"] == {"a": "2"}
    with pytest.raises(ApiError):
        store.delete(CONFIG_MAP, "x", "it")
    assert store.list(CONFIG_MAP).items == []


def test_hooks_see_every_request() -> None:
    store = Store()
    seen: list[tuple[str, str, str]] = []
    store.faults.before.append(lambda request: seen.append((request.verb, request.resource.kind, request.name)))
    store.served(CONFIG_MAP)
    store.create(CONFIG_MAP, "x", config_map())
    store.get(CONFIG_MAP, "x", "it")
    store.list(CONFIG_MAP)
    store.events_since(CONFIG_MAP, "", "1")
    store.replace(CONFIG_MAP, "x", "it", config_map())
    store.patch(CONFIG_MAP, "x", "it", {})
    store.delete(CONFIG_MAP, "x", "it")
    assert [verb for verb, *_ in seen] == ["discover", "create", "get", "list", "watch", "replace", "patch", "delete"]
    assert seen[1] == ("create", "ConfigMap", "it")


def test_a_mutator_changes_what_is_stored_and_answered() -> None:
    store = Store()

    def annotate(request: Request, obj: JsonObject) -> None:
        if request.resource.kind == "ConfigMap":
            obj["metadata"].setdefault("annotations", {})["touched"] = request.verb

    store.faults.mutators.append(annotate)
    made = store.create(CONFIG_MAP, "x", config_map())
    assert made["metadata"]["annotations"] == {"touched": "create"}
    assert store.get(CONFIG_MAP, "x", "it") == made
    changed = store.patch(CONFIG_MAP, "x", "it", {"metadata": {"annotations": None}})
    assert changed["metadata"]["annotations"] == {"touched": "patch"}


def test_a_mutator_that_undoes_a_change_makes_it_no_write() -> None:
    store = Store()
    made = store.create(CONFIG_MAP, "x", config_map())
    store.faults.mutators.append(lambda _, obj: obj["data"].update(a="1"))
    assert store.patch(CONFIG_MAP, "x", "it", {"data": {"a": "2"}}) == made


def test_what_a_mutator_makes_is_validated() -> None:
    store = Store()
    store.faults.mutators.append(lambda _, obj: obj["spec"].update(ports=[]))
    with pytest.raises(ApiError) as refusal:
        store.create(SERVICE, "x", {"metadata": {"name": "it"}, "spec": {"ports": [{"port": 80}]}})
    assert refusal.value.status == 422


def test_a_held_watch_lags_and_catches_up() -> None:
    store = Store()
    store.create(CONFIG_MAP, "x", config_map("before"))
    since = store.resource_version
    store.faults.hold("ConfigMap")
    store.create(CONFIG_MAP, "x", config_map("after"))
    store.create(SERVICE, "x", {"metadata": {"name": "it"}, "spec": {"ports": [{"port": 80}]}})
    lagging = store.events_since(CONFIG_MAP, "", since)
    assert (lagging.events, lagging.resource_version) == ([], since)
    assert len(store.list(CONFIG_MAP).items) == 2
    assert len(store.events_since(SERVICE, "", since).events) == 1
    assert [event.object["metadata"]["name"] for event in store.events_since(CONFIG_MAP, "", "0").events] == ["before"]
    woken: list[bool] = []
    store.subscribe(lambda: woken.append(True))
    store.faults.release("ConfigMap")
    assert woken
    caught_up = store.events_since(CONFIG_MAP, "", lagging.resource_version)
    assert [event.object["metadata"]["name"] for event in caught_up.events] == ["after"]
    assert caught_up.resource_version == store.resource_version


def test_a_held_watch_from_a_newer_list_waits_for_what_is_newer_still() -> None:
    store = Store()
    store.faults.hold("ConfigMap")
    store.create(CONFIG_MAP, "x", config_map("one"))
    since = store.list(CONFIG_MAP).resource_version
    store.create(CONFIG_MAP, "x", config_map("two"))
    held = store.events_since(CONFIG_MAP, "", since)
    assert (held.events, held.resource_version) == ([], since)
    store.faults.release("ConfigMap")
    events = store.events_since(CONFIG_MAP, "", since).events
    assert [event.object["metadata"]["name"] for event in events] == ["two"]


def test_duplicates_are_told_twice_in_place() -> None:
    store = Store()
    store.faults.duplicated.add("ConfigMap")
    store.create(CONFIG_MAP, "x", config_map())
    store.delete(CONFIG_MAP, "x", "it")
    events = store.events_since(CONFIG_MAP, "", "1").events
    assert [event.type for event in events] == ["ADDED", "ADDED", "DELETED", "DELETED"]
    assert events[0] == events[1]
    assert events[0].object is not events[1].object
