"""What the store remembers, and what it says when it has forgotten."""

from __future__ import annotations

import pytest
from doorward.cluster.embedded import Store
from doorward.cluster.protocol import ApiError
from doorward.model.reference import Resource

CONFIG_MAP = Resource("ConfigMap", "configmaps")
SERVICE = Resource("Service", "services")


def fill(store: Store, count: int, start: int = 0) -> None:
    for number in range(start, start + count):
        store.create(CONFIG_MAP, "x", {"metadata": {"name": f"c{number:04}"}})


def status(error: pytest.ExceptionInfo[ApiError]) -> tuple[int, str]:
    return error.value.status, error.value.reason


def test_a_watch_from_before_a_compaction_is_told_410() -> None:
    store = Store()
    fill(store, 3)
    since = store.resource_version
    fill(store, 2, 3)
    store.compact()
    with pytest.raises(ApiError) as refusal:
        store.events_since(CONFIG_MAP, "", since)
    assert status(refusal) == (410, "Expired")
    assert store.events_since(CONFIG_MAP, "", store.resource_version).events == []


def test_a_compaction_up_to_a_version_keeps_what_came_after() -> None:
    store = Store()
    fill(store, 3)
    since = store.resource_version
    fill(store, 2, 3)
    store.compact(since)
    assert [event.type for event in store.events_since(CONFIG_MAP, "", since).events] == ["ADDED", "ADDED"]
    with pytest.raises(ApiError):
        store.events_since(CONFIG_MAP, "", str(int(since) - 1))


def test_a_compaction_holds_for_kinds_that_nobody_wrote_yet() -> None:
    store = Store()
    fill(store, 3)
    store.compact()
    with pytest.raises(ApiError) as refusal:
        store.events_since(SERVICE, "", "1")
    assert status(refusal) == (410, "Expired")


def test_the_history_is_as_long_as_asked_and_not_endless() -> None:
    store = Store(history=10)
    fill(store, 100)
    now = int(store.resource_version)
    assert len(store.events_since(CONFIG_MAP, "", str(now - 10)).events) == 10
    with pytest.raises(ApiError) as refusal:
        store.events_since(CONFIG_MAP, "", str(now - 21))
    assert status(refusal) == (410, "Expired")


def test_what_stands_can_be_told_after_a_compaction() -> None:
    store = Store()
    fill(store, 3)
    store.compact()
    events = store.events_since(CONFIG_MAP, "", "0").events
    assert [event.object["metadata"]["name"] for event in events] == ["c0000", "c0001", "c0002"]


def test_the_next_page_of_a_forgotten_moment_is_told_410() -> None:
    store = Store()
    fill(store, 3)
    token = store.list(CONFIG_MAP, limit=1).continue_token
    fill(store, 1, 3)
    store.compact()
    with pytest.raises(ApiError) as refusal:
        store.list(CONFIG_MAP, limit=1, continue_token=token)
    assert status(refusal) == (410, "Expired")


def test_pages_with_a_selector_skip_nothing() -> None:
    store = Store()
    for number in range(9):
        labels = {"odd": str(number % 2)}
        store.create(CONFIG_MAP, "x", {"metadata": {"name": f"c{number}", "labels": labels}})
    found: list[str] = []
    token = ""
    while True:
        page = store.list(CONFIG_MAP, label_selector="odd=1", limit=3, continue_token=token)
        found += [item["metadata"]["name"] for item in page.items]
        token = page.continue_token
        if not token:
            break
    assert found == ["c1", "c3", "c5", "c7"]


def test_a_version_that_is_no_number_is_refused() -> None:
    with pytest.raises(ApiError) as refusal:
        Store().events_since(CONFIG_MAP, "", "abc")
    assert refusal.value.status == 500
