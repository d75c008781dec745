"""What is ready to be done: the most urgent first, in portions."""

from __future__ import annotations

from doorward.model.action import CLOSE, OPEN
from doorward.model.reference import Ref
from doorward.plan.agenda import Agenda
from doorward.plan.plan import Draft


def draft(order: int, name: str) -> Draft:
    return Draft(verb="create", ref=Ref("Service", "a", name), order=order, reason="")


def service(name: str) -> Ref:
    return Ref("InferenceService.ome.io", "a", name)


def names(agenda: Agenda, limit: int | None = None) -> list[str]:
    return [entry.draft.ref.name for entry in agenda.take(limit)]


def test_what_is_urgent_goes_first_and_then_what_was_decided_first() -> None:
    agenda = Agenda()
    agenda.put(service("m"), 1, [draft(1, "m-open"), draft(3, "m-report")])
    agenda.put(service("n"), 2, [draft(0, "n-close"), draft(1, "n-open")])
    assert names(agenda) == ["n-close", "m-open", "n-open", "m-report"]
    assert not agenda


def test_a_portion_leaves_the_rest() -> None:
    agenda = Agenda()
    for number in range(5):
        agenda.put(service(str(number)), number, [draft(1, str(number))])
    assert names(agenda, 2) == ["0", "1"]
    assert agenda
    assert names(agenda, 2) == ["2", "3"]
    assert names(agenda, 2) == ["4"]


def test_what_closes_is_taken_whatever_the_limit() -> None:
    agenda = Agenda()
    agenda.put(service("m"), 1, [draft(OPEN, "m-open")])
    for number in range(3):
        agenda.put(service(str(number)), number, [draft(CLOSE, str(number))])
    assert names(agenda, 0) == ["0", "1", "2"]
    assert names(agenda, 0) == []
    assert names(agenda, 1) == ["m-open"]


def test_what_belongs_together_is_taken_together() -> None:
    agenda = Agenda()
    agenda.put(service("m"), 1, [draft(1, "a"), draft(1, "b"), draft(1, "c")])
    agenda.put(service("n"), 1, [draft(1, "d"), draft(1, "e")])
    assert names(agenda, 2) == ["a", "b", "c"]
    assert names(agenda, 2) == ["d", "e"]


def test_a_new_decision_takes_the_place_of_the_last_one() -> None:
    agenda = Agenda()
    agenda.put(service("m"), 1, [draft(1, "old"), draft(3, "old-report")])
    agenda.put(service("m"), 2, [draft(0, "new")])
    entries = agenda.take()
    assert [(e.cause, e.draft.ref.name) for e in entries] == [(2, "new")]
    agenda.put(service("m"), 3, [draft(1, "x")])
    agenda.drop(service("m"))
    assert not agenda
