"""Work grows with what there is to do, and with nothing else."""

from __future__ import annotations

from itertools import islice

import pytest
from doorward.model.reference import INFERENCE_SERVICE, JsonObject, Ref
from doorward.state.reading import Dependents
from doorward.state.reservations import How, Reservation, Reservations

from tests.engine.stage import component_service, inference_service, settings
from tests.engine.work import Fed, growth, lines_run

DOUBLE = 2.1
"""How many times the work twice as many services may be."""
RAW = {"ome.io/deployment-mode": "RawDeployment"}
CROWDS = {
    "each has a host of its own": {},
    "all fight for one host": {"ome.io/ingress-domain-template": "same.example.com"},
    "each has a path of one domain": {"ome.io/ingress-path-template": "/serving/{{.Namespace}}/{{.Name}}"},
    "all fight for one path": {"ome.io/ingress-path-template": "/serving/same"},
    "each has eight more hosts": {"ome.io/ingress-additional-domains": ",".join(f"d{n}.example.org" for n in range(8))},
}


def crowd(count: int, annotations: dict[str, str]) -> list[JsonObject]:
    found = []
    for number in range(count):
        service = inference_service(f"m-{number}", annotations={**RAW, **annotations}, ready=("engine",))
        found += [service, component_service(f"m-{number}", "engine")]
    return found


@pytest.mark.parametrize("annotations", CROWDS.values(), ids=CROWDS)
def test_twice_as_many_doors_are_twice_the_work(annotations: dict[str, str]) -> None:
    crowds = {count: crowd(count, annotations) for count in (24, 48)}
    assert growth(lambda count: Fed(crowds[count]), 24) <= DOUBLE


@pytest.mark.parametrize("how", ["asks", "waits"])
def test_whoever_wants_what_many_want_looks_at_none_of_them(how: How) -> None:
    def want(count: int) -> None:
        reservations = Reservations()
        for number in range(count):
            age = ("2026-01-01T00:00:00Z", "a", f"m-{number}")
            reservations.want(Ref(INFERENCE_SERVICE, "a", f"m-{number}"), age, {"same.example.com/": how})

    assert growth(want, 200) <= DOUBLE


@pytest.mark.parametrize("key", ["one.example.com/", "one.example.com/serving/m-0"])
def test_whoever_asks_for_the_first_that_take_a_part_of_a_door_looks_at_no_others(key: str) -> None:
    def ask(count: int) -> None:
        reservations = Reservations()
        for number in range(count):
            for kind, owner, below in (("ours", f"uid-{number}", ""), ("theirs", "", "/admin")):
                ref = Ref("Ingress.networking.k8s.io", "b", f"{kind}-{number}")
                where = f"one.example.com/serving/m-{number}{below}"
                reservations.reserve(ref, {where: Reservation(ref, owner)})
            found = [each.ref.name for _, each in islice(reservations.within(key), 3)]
            assert set(found) <= {"theirs-0", "theirs-1", "theirs-10", "theirs-100", "theirs-2"}

    assert growth(ask, 100) <= DOUBLE


def test_whoever_reads_what_many_read_looks_at_none_of_them() -> None:
    shared = {Ref("IngressClass.networking.k8s.io", "", "nginx"): None}

    def read(count: int) -> None:
        dependents = Dependents()
        for number in range(count):
            dependents.record(Ref(INFERENCE_SERVICE, "a", f"m-{number}"), shared)
        for number in range(count):
            dependents.record(Ref(INFERENCE_SERVICE, "a", f"m-{number}"), {})

    assert growth(read, 200) <= DOUBLE


def test_an_edit_of_settings_that_no_door_read_asks_no_door() -> None:
    def edit(count: int) -> int:
        fed = Fed([settings(), *crowd(count, {})])
        decided = fed.engine.decided
        edited = settings(doorward="authSecretTemplate: keys-of-{{.Name}}")
        work = lines_run(lambda: fed.see({**edited, "metadata": {**edited["metadata"], "uid": "uid-1"}}))
        assert fed.engine.settings is not None
        assert fed.engine.settings.auth_secret_template
        assert fed.engine.decided == decided
        return work

    edit(1)  # what is compiled once is compiled
    assert edit(2) == edit(20)
