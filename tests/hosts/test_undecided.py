"""What a service may ask for is told before it is decided: never less than it asks for then."""

from __future__ import annotations

import pytest
from doorward.door.addresses import may_ask_for
from doorward.hosts.undecided import Undecided
from doorward.model.reference import INFERENCE_SERVICE, Ref
from doorward.state.inference_service import parse

from tests.cases.playing import Case, documents, load
from tests.engine.scenes import SERVICES, Scene, service, settings
from tests.engine.stage import Stage

CASES = [case for case in load() if "service" in case["given"]]


def played(case: Case) -> tuple[set[str], set[str]]:
    """What the service of a case asks for once it is decided, by hosts and prefixes, and what it may have asked for."""
    stage = Stage()
    for obj in documents(case):
        stage.create(obj)
    stage.start()
    stage.settle()
    state = stage.engine._state
    service = case["given"]["service"]
    ref = Ref(INFERENCE_SERVICE, service["namespace"], service["name"])
    fact = state.facts.get(ref)
    assert fact is not None
    _, wanted = state.reservations._wanted.get(ref, ("", {}))
    asked = {key for key, how in wanted.items() if how != "listens"}
    if not asked or state.settings is None:
        return set(), set()
    return asked, may_ask_for(parse(fact, state.backends.sources[ref.kind]), state.settings)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_no_case_asks_for_more_than_it_may(case: Case) -> None:
    asked, foreseen = played(case)
    assert asked <= foreseen


def test_most_cases_ask_for_something() -> None:
    assert sum(bool(played(case)[0]) for case in CASES) > len(CASES) / 2


def looking(scene: Scene) -> tuple[Undecided, Ref]:
    state = scene.engine._state
    return Undecided(state.facts, state.backends.sources), Ref(INFERENCE_SERVICE, "a", "m")


def asks(scene: Scene, undecided: Undecided, ref: Ref, claim: str) -> bool:
    """Whether it may ask for something that overlaps a claim, as it is now."""
    assert scene.engine.settings is not None
    while not undecided.look_at([ref], scene.engine.settings):
        pass
    return ref in undecided.asking([claim])


def test_who_may_ask_for_a_host_stands_in_the_way_of_all_paths_on_it_and_the_other_way_round() -> None:
    scene = Scene(settings(), *service(annotations={"ome.io/ingress-path-template": "/x/{{.Name}}"}))
    undecided, ref = looking(scene)
    assert asks(scene, undecided, ref, "m.a.example.com/some/path")
    assert asks(scene, undecided, ref, "example.com/")
    assert asks(scene, undecided, ref, "example.com/x")
    assert asks(scene, undecided, ref, "example.com/x/m/below")
    assert not asks(scene, undecided, ref, "example.com/x/m2")
    assert not asks(scene, undecided, ref, "example.org/")


def test_a_service_that_has_changed_is_looked_at_again() -> None:
    scene = Scene(settings(), *service())
    undecided, ref = looking(scene)
    assert not asks(scene, undecided, ref, "other.test/")
    scene.patch(SERVICES, "a", "m", {"metadata": {"annotations": {"ome.io/ingress-domain-template": "other.test"}}})
    scene.deliver()
    assert asks(scene, undecided, ref, "other.test/")


def test_other_settings_make_all_of_them_be_looked_at_again() -> None:
    scene = Scene(settings(), *service())
    undecided, ref = looking(scene)
    assert not asks(scene, undecided, ref, "m.a.other.test/")
    scene.configure({"ingressDomain": "other.test"})
    assert asks(scene, undecided, ref, "m.a.other.test/")
    assert not asks(scene, undecided, ref, "m.a.example.com/")


def test_a_service_that_is_refused_or_gone_asks_for_nothing() -> None:
    scene = Scene(settings(), *service(spec={"engine": {"timeoutSeconds": -1}}))
    undecided, ref = looking(scene)
    assert not asks(scene, undecided, ref, "m.a.example.com/")
    assert not asks(scene, undecided, Ref(INFERENCE_SERVICE, "a", "gone"), "gone.a.example.com/")
