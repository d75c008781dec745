"""Urgency by door: one that has begun is finished before the next begins, and nobody waits behind a cold start."""

from __future__ import annotations

from typing import Any

import pytest
from doorward.hosts import undecided
from doorward.model.action import Action
from doorward.model.event import Elapsed, Observed
from doorward.model.reference import JsonObject

from tests.engine.scenes import INGRESS, SERVICES, Scene, fleet, service, settings

SHARED = {"ome.io/ingress-domain-template": "shared.example.com"}
TIMEOUT = {"nginx.ingress.kubernetes.io/proxy-read-timeout": "60"}
ADDITIONAL = {"ome.io/ingress-additional-domains": "alt.example.com"}
KNATIVES = "younger-engine.a.alt.example.com"
ISTIO = {"doorward.io/backend": "istio"}
PATH = {**ISTIO, "ome.io/ingress-path-template": "/serving/{{.Namespace}}/{{.Name}}"}
CONTESTED = "younger.a.alt.example.com"
CLUSTER_LOCAL = {"networking.knative.dev/visibility": "cluster-local"}


def raw(annotations: dict[str, str]) -> dict[str, Any]:
    return {"raw": True, "annotations": annotations}


def cold(*objects: JsonObject) -> Scene:
    """Everything is listed, and the first door decided; the engine decides one at a time."""
    scene = Scene(settings(), *objects, start=False, budget=1)
    scene.start()
    return scene


def idle_before(*names: str) -> Scene:
    """The same, where service ``idle`` has its door, and is the first that is decided."""
    scene = Scene(settings(), *fleet("idle", annotations={"ome.io/ingress-class": "nginx"}))
    scene.clock.now += 60
    for obj in fleet(*names):
        scene.create(obj)
    after = scene.reborn(budget=1)
    after.start()
    return after


def turn(scene: Scene) -> None:
    """Decide one door."""
    scene.receive(Elapsed(at=scene.clock()))


def one_by_one(scene: Scene) -> list[Action]:
    """Perform what is the most urgent, action by action, until nothing is left."""
    done: list[Action] = []
    while True:
        actions = scene.engine.actions(1)
        for action in actions:
            scene.receive(scene.perform(action))
        done += actions
        if not actions:
            if scene.engine.wait() != 0.0:
                return done
            turn(scene)


def name(scene: Scene, action: Action) -> str:
    service = scene.engine.service(action.service)
    return str(service["metadata"]["name"]) if service else ""


def test_a_door_is_reported_before_the_next_one_begins() -> None:
    scene = cold(*fleet("m0", "m1", "m2", "m3"))
    while scene.engine.wait() == 0.0:
        turn(scene)
    assert [(name(scene, action), action.verb) for action in one_by_one(scene)] == [
        (service, verb) for service in ("m0", "m1", "m2", "m3") for verb in ("create", "create", "status")
    ]


def test_an_edit_passes_a_cold_start() -> None:
    scene = idle_before("m0", "m1", "m2", "m3")
    turn(scene)
    scene.patch(SERVICES, "a", "idle", {"metadata": {"annotations": TIMEOUT}})
    scene.deliver()
    assert scene.engine.wait() == 0.0
    assert [(name(scene, action), action.verb) for action in scene.engine.actions(1)] == [("idle", "patch")]


def test_an_edit_that_takes_a_host_passes_a_cold_start_in_which_nobody_earlier_may_ask_for_it() -> None:
    scene = idle_before("m0", "m1", "m2", "m3")
    turn(scene)
    scene.patch(SERVICES, "a", "idle", {"metadata": {"annotations": ADDITIONAL}})
    scene.deliver()
    assert scene.engine.wait() == 0.0
    assert [(name(scene, action), action.verb) for action in scene.engine.actions(1)] == [("idle", "patch")]


def test_doors_that_pass_a_cold_start_look_at_who_may_ask_for_their_hosts_a_few_at_a_time_and_in_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(undecided, "AT_A_TIME", 1)
    scene = idle_before("m0", "m1", "m2", "m3")
    scene.patch(SERVICES, "a", "idle", {"metadata": {"annotations": ADDITIONAL}})
    scene.patch(SERVICES, "a", "m3", {"metadata": {"annotations": ADDITIONAL}})
    scene.deliver()
    assert scene.engine.actions() == []
    order = []
    while scene.engine.wait() == 0.0:
        turn(scene)
        order += [name(scene, action) for action in scene.engine.actions()]
    first, second, *others = dict.fromkeys(order)
    assert {first, second} == {"idle", "m3"}
    assert others == ["m0", "m1", "m2"]


@pytest.mark.parametrize(
    ("earlier", "url"),
    [
        pytest.param(raw({"ome.io/ingress-domain-template": CONTESTED}), "/", id="by a template"),
        pytest.param(
            raw(
                {"ome.io/ingress-domain-template": "younger.a.x.test", "ome.io/ingress-domain": "x.test", **ADDITIONAL}
            ),
            "/",
            id="as an additional host",
        ),
        pytest.param(
            raw({**ISTIO, "ome.io/ingress-domain": CONTESTED, "ome.io/ingress-path-template": "/older"}),
            "/older/",
            id="below a path",
        ),
        pytest.param({"status": {"components": {"engine": {"url": f"http://{KNATIVES}"}}}}, "/", id="from Knative"),
    ],
)
def test_a_door_takes_no_host_for_which_an_earlier_one_may_ask_that_is_not_decided_yet(
    earlier: dict[str, Any], url: str
) -> None:
    scene = cold(*fleet("m0", "m1"), *service("older", **earlier))
    scene.clock.now += 60
    for obj in fleet("younger", annotations=ADDITIONAL):
        scene.create(obj)
    scene.deliver()
    one_by_one(scene)
    assert scene.reaches(f"http://{CONTESTED}{url}") == "older-engine"
    assert scene.reaches("http://younger.a.example.com/") == "younger-engine"


def test_a_door_passes_a_path_beside_its_own() -> None:
    scene = cold(*fleet("m0", "m1", annotations=PATH))
    for obj in fleet("n", annotations=PATH):
        scene.create(obj)
    scene.deliver()
    assert "n" in [name(scene, action) for action in scene.engine.actions()]


def test_a_backlog_waits_while_further_events_do_and_a_door_to_which_something_happened_does_not() -> None:
    scene = idle_before("m0", "m1", "m2", "m3")
    before = scene.engine.decided
    same = Observed(at=scene.clock(), kind="Service", object=scene.get("Service", "a", "m0-engine"))
    scene.engine.receive(same, more=True)
    assert scene.engine.decided == before
    scene.patch(SERVICES, "a", "idle", {"metadata": {"annotations": TIMEOUT}})
    edited = Observed(at=scene.clock(), kind=SERVICES, object=scene.get(SERVICES, "a", "idle"))
    scene.engine.receive(edited, more=True)
    assert scene.engine.decided == before + 1
    assert scene.engine.wait() == 0.0


def test_what_closes_passes_an_edit() -> None:
    scene = Scene(settings(), *fleet("m", "n"))
    scene.delete(INGRESS, "a", "m")
    scene.patch(SERVICES, "a", "n", {"metadata": {"labels": CLUSTER_LOCAL}})
    scene.deliver()
    assert [(name(scene, action), action.verb) for action in scene.engine.actions(1)] == [("n", "delete")]


def test_of_services_that_come_together_the_oldest_gets_the_host_whatever_their_names() -> None:
    scene = Scene(settings(), start=False, budget=1)
    for each in ("z", "y", "x"):
        for obj in fleet(each, annotations=SHARED):
            scene.create(obj)
        scene.clock.now += 60
    scene.start()
    one_by_one(scene)
    assert scene.reaches("http://shared.example.com/") == "z-engine"


def test_an_edit_takes_no_host_from_an_older_service_that_is_not_decided_yet() -> None:
    scene = cold(*fleet("m0", "m1"), *fleet("older", annotations=SHARED))
    scene.clock.now += 60
    for obj in fleet("younger", annotations=SHARED):
        scene.create(obj)
    scene.deliver()
    one_by_one(scene)
    assert scene.reaches("http://shared.example.com/") == "older-engine"
    assert scene.verdict("younger") == ("False", "HostConflict")


def test_a_host_that_closes_waits_for_no_older_service_whatever_comes_in_its_place() -> None:
    scene = Scene(settings(), *fleet("m", "n", "o"), budget=1)
    data = {"doorward": "namespaceDomains: {a: [other.test]}"}
    scene.patch("ConfigMap", "ome", "inferenceservice-config", {"data": data})
    scene.deliver()
    scene.engine.actions(0)
    annotations = {"ome.io/ingress-domain-template": "{{.Name}}.other.test"}
    scene.patch(SERVICES, "a", "o", {"metadata": {"annotations": annotations}})
    scene.deliver()
    assert ("o", "patch", INGRESS) in [(name(scene, a), a.verb, a.ref.kind) for a in scene.engine.actions(0)]
