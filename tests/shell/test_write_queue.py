"""What is ready to be done: the most urgent first, in portions."""

from __future__ import annotations

from doorward.model.action import CLOSE, OPEN, REMOVE, REPORT
from doorward.model.reference import Ref
from doorward.plan.plan import Write
from doorward.plan.write_queue import WriteQueue


def write(order: int, name: str) -> Write:
    return Write(verb="create", ref=Ref("Service", "a", name), order=order, reason="")


def service(name: str) -> Ref:
    return Ref("InferenceService.ome.io", "a", name)


def names(queue: WriteQueue, limit: int | None = None) -> list[str]:
    return [entry.write.ref.name for entry in queue.take(limit)]


def test_what_is_urgent_goes_first_and_then_what_was_decided_first() -> None:
    queue = WriteQueue()
    queue.put(service("m"), 1, [write(1, "m-open"), write(3, "m-report")])
    queue.put(service("n"), 2, [write(0, "n-close"), write(1, "n-open")])
    assert names(queue) == ["n-close", "m-open", "m-report", "n-open"]
    assert not queue


def test_a_door_s_last_step_goes_before_another_s_first() -> None:
    queue = WriteQueue()
    queue.put(service("m"), 1, [write(OPEN, "m-open"), write(REPORT, "m-report")])
    queue.put(service("n"), 2, [write(REPORT, "n-report")])
    queue.put(service("o"), 3, [write(REMOVE, "o-remove")])
    assert names(queue, 1) == ["n-report"]
    assert names(queue) == ["o-remove", "m-open", "m-report"]


def test_a_door_to_which_something_happened_passes_those_that_wait_with_many_others() -> None:
    queue = WriteQueue()
    queue.put(service("m"), 1, [write(REPORT, "m-report")])
    queue.put(service("n"), 2, [write(OPEN, "n-open")], next=True)
    queue.put(service("o"), 3, [write(CLOSE, "o-close"), write(OPEN, "o-open")], next=True)
    assert names(queue) == ["o-close", "n-open", "o-open", "m-report"]


def test_a_portion_leaves_the_rest() -> None:
    queue = WriteQueue()
    for number in range(5):
        queue.put(service(str(number)), number, [write(1, str(number))])
    assert names(queue, 2) == ["0", "1"]
    assert queue
    assert names(queue, 2) == ["2", "3"]
    assert names(queue, 2) == ["4"]


def test_what_closes_is_taken_whatever_the_limit() -> None:
    queue = WriteQueue()
    queue.put(service("m"), 1, [write(OPEN, "m-open")])
    for number in range(3):
        queue.put(service(str(number)), number, [write(CLOSE, str(number))])
    assert names(queue, 0) == ["0", "1", "2"]
    assert names(queue, 0) == []
    assert names(queue, 1) == ["m-open"]


def test_what_belongs_together_is_taken_together() -> None:
    queue = WriteQueue()
    queue.put(service("m"), 1, [write(1, "a"), write(1, "b"), write(1, "c")])
    queue.put(service("n"), 1, [write(1, "d"), write(1, "e")])
    assert names(queue, 2) == ["a", "b", "c"]
    assert names(queue, 2) == ["d", "e"]


def test_a_new_decision_takes_the_place_of_the_last_one() -> None:
    queue = WriteQueue()
    queue.put(service("m"), 1, [write(1, "old"), write(3, "old-report")])
    queue.put(service("m"), 2, [write(0, "new")])
    entries = queue.take()
    assert [(e.cause, e.write.ref.name) for e in entries] == [(2, "new")]
    queue.put(service("m"), 3, [write(1, "x")])
    queue.drop(service("m"))
    assert not queue
