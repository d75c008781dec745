"""An engine goes on from a journal that another has written, with what it has seen itself."""

from __future__ import annotations

import msgspec
import pytest
from doorward.engine import Engine
from doorward.model.event import Issued, Leading, Record, Remembered

from tests.engine.stage import Stage, component_service, inference_service

RAW = {"ome.io/deployment-mode": "RawDeployment"}
SERVICE = "InferenceService.ome.io"
INGRESS = "Ingress.networking.k8s.io"


class Standby(Stage):
    """A second engine before the store of a first, which stands by."""

    def __init__(self, first: Stage) -> None:
        super().__init__(stands_by=True)
        self.store, self.clock = first.store, first.clock
        self.start()
        self.deliver()

    def take_over(self, records: list[Record], term: int | None = 0) -> None:
        """Of ``term`` None: it has led for a while already."""
        number = max((record.number for record in records), default=0)
        self.records[:] = [*records, *self.engine.take_over(records, number, self.clock())]
        if term is not None:
            self.receive(Leading(at=self.clock(), term=term))


def opened(*names: str) -> Stage:
    stage = Stage()
    stage.start()
    for name in names:
        stage.create(component_service(name, "engine"))
        stage.create(inference_service(name, annotations=RAW, ready=("engine",)))
    stage.settle()
    return stage


def check_fold(stage: Stage) -> None:
    """The journal has no gap and folds to the engine that writes it."""
    assert [record.number for record in stage.records] == list(range(1, stage.engine.number + 1))
    replayed = Engine(stage.engine.backends)
    replayed.restore(stage.records)
    assert replayed.fingerprint() == stage.engine.fingerprint()


def test_what_stands_and_was_told_stays_and_nothing_is_written() -> None:
    first = opened("m", "n")
    second = Standby(first)
    remembered = first.engine.fingerprint()["memories"]
    second.take_over(first.records)
    second.settle()
    assert second.performed == []
    assert second.engine.fingerprint()["memories"] == remembered
    check_fold(second)


def test_what_the_one_before_did_not_live_to_see_is_told_to_its_journal() -> None:
    first = opened("m", "n", "o")
    before = len(first.records)
    first.delete(SERVICE, "a", "m")
    first.patch(SERVICE, "a", "n", {"metadata": {"annotations": {"ome.io/ingress-disable-creation": "true"}}})
    second = Standby(first)
    second.take_over(first.records[:before])
    second.settle()
    assert {service["metadata"]["name"] for service in second.engine.services()} == {"n", "o"}
    assert not any("Ingress" in ours and "/n" in ours for ours in second.ours())
    check_fold(second)


def test_a_deletion_that_it_saw_itself_is_told_too() -> None:
    """Of what changed after it listed, so that its lists don't tell that it is gone."""
    first = opened("m", "n")
    second = Standby(first)
    first.patch(SERVICE, "a", "m", {"metadata": {"annotations": {"ome.io/ingress-domain-template": "x.example.com"}}})
    first.settle()
    before = len(first.records)
    first.delete(SERVICE, "a", "m")
    second.deliver()
    second.take_over(first.records[:before])
    second.settle()
    assert [service["metadata"]["name"] for service in second.engine.services()] == ["n"]
    check_fold(second)


def test_what_the_one_before_had_in_flight_is_looked_at_first() -> None:
    first = opened("m")
    first.create(component_service("n", "engine"))
    first.create(inference_service("n", annotations=RAW, ready=("engine",)))
    first.deliver()
    issued = first.engine.actions()
    assert issued
    records = [*first.records, *(Record(each.id, each.cause, Issued(at=each.at, action=each)) for each in issued)]
    second = Standby(first)
    second.take_over(sorted(records, key=lambda record: record.number))
    second.settle()
    verified = [action.ref for action in second.performed if action.verb == "verify"]
    assert {action.ref for action in issued if action.verb == "create"} <= set(verified)
    assert second.condition("n")["status"] == "True"
    check_fold(second)


def test_who_has_led_meanwhile_goes_by_its_own_memory() -> None:
    first = opened("m")
    journal = list(first.records)
    second = Standby(first)
    second.receive(Leading(at=second.clock(), term=0))
    for count in range(3):  # somebody undoes its work, again and again, and it remembers that
        second.patch(INGRESS, "a", "m", {"spec": {"rules": [{"host": f"other-{count}.example.com"}]}})
        second.settle()
    mine = second.engine.fingerprint()["memories"]
    second.performed.clear()
    second.take_over(journal, None)
    assert second.engine.fingerprint()["memories"] == mine
    second.settle()
    assert second.performed == []
    check_fold(second)


def test_a_journal_that_cannot_be_gone_on_from_leaves_the_engine_as_it_was() -> None:
    first = opened("m")
    second = Standby(first)
    before = second.engine.fingerprint(), second.engine.number, second.engine.stands_by
    broken = Record(len(first.records) + 1, 0, Remembered(at=1.0, uid="m", memory={"written": 7}))
    with pytest.raises(msgspec.ValidationError):
        second.engine.take_over([*first.records, broken], broken.number, second.clock())
    assert (second.engine.fingerprint(), second.engine.number, second.engine.stands_by) == before
    second.receive(Leading(at=second.clock(), term=0))
    second.settle()
    assert second.performed == []
