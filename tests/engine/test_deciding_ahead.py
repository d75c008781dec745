"""Deciding ahead of writing: a backlog that can only open waits for room, and what may close doesn't."""

from __future__ import annotations

from doorward.model.event import Elapsed
from doorward.model.reference import JsonObject

from tests.engine.scenes import INGRESS, SERVICES, Scene, fleet, settings

NAMES = ("m0", "m1", "m2", "m3", "m4", "m5")
ROOM = 4
MOST = ROOM - 1 + 2
"""Writes that wait at most: the last door that is decided brings two."""
CLUSTER_LOCAL = {"networking.knative.dev/visibility": "cluster-local"}


def cold(*objects: JsonObject) -> Scene:
    """Everything is listed; one door is decided at a time, and four writes may wait."""
    scene = Scene(settings(), *objects, start=False, budget=1, ahead=ROOM)
    scene.start()
    return scene


def decide(scene: Scene) -> None:
    """Let time go on until nothing more is to be decided at once."""
    while scene.engine.wait() == 0.0:
        scene.receive(Elapsed(at=scene.clock()))


def restarted(*, youngest: bool) -> Scene:
    """A process that comes to a door, ``idle``, and to others that nobody has opened yet, all older or all younger."""
    scene = Scene(settings())
    for names in (NAMES, ("idle",)) if youngest else (("idle",), NAMES):
        for obj in fleet(*names, ready=names is not NAMES):
            scene.create(obj)
        scene.clock.now += 60
    scene.deliver()
    scene.settle()
    assert scene.verdict("idle")[0] == "True"
    for name in NAMES:
        status = {"conditions": [{"type": "EngineReady", "status": "True"}]}
        scene.patch(SERVICES, "a", name, {"status": status}, subresource="status")
    return scene.reborn(budget=1, ahead=ROOM)


def test_no_more_doors_are_decided_than_can_be_written() -> None:
    scene = cold(*fleet(*NAMES))
    decide(scene)
    assert ROOM <= scene.engine.unissued <= MOST
    assert scene.engine.undecided == len(NAMES) - scene.engine.decided > 0
    assert scene.engine.wait() is None


def test_what_is_handed_out_makes_room_for_the_next_door() -> None:
    scene = cold(*fleet(*NAMES))
    decide(scene)
    before = scene.engine.decided
    assert scene.engine.actions(2)
    decide(scene)
    assert scene.engine.decided > before
    assert scene.engine.unissued <= MOST


def test_all_doors_open_in_the_end() -> None:
    scene = cold(*fleet(*NAMES))
    scene.settle()
    assert {scene.verdict(name)[0] for name in NAMES} == {"True"}
    assert scene.engine.undecided == 0


def test_an_edit_is_decided_though_a_backlog_waits_for_room() -> None:
    scene = cold(*fleet(*NAMES))
    decide(scene)
    before = scene.engine.decided
    scene.patch(SERVICES, "a", NAMES[-1], {"metadata": {"labels": CLUSTER_LOCAL}})
    scene.deliver()
    decide(scene)
    assert scene.engine.decided == before + 1


def test_a_door_that_settings_close_waits_for_no_room() -> None:
    scene = Scene(settings(), *fleet("idle"), budget=1, ahead=ROOM)
    for obj in fleet(*NAMES):
        scene.create(obj)
    scene.deliver()
    decide(scene)
    scene.patch("ConfigMap", "ome", "inferenceservice-config", {"data": {"doorward": "namespaceDomains: {a: [b.c]}"}})
    scene.deliver()
    decide(scene)
    closing = [action for action in scene.engine.actions(0) if action.ref.name == "idle"]
    assert [(action.verb, action.ref.kind) for action in closing] == [("delete", INGRESS)]


def test_a_door_that_stood_before_the_process_started_is_looked_at_whatever_the_room() -> None:
    scene = restarted(youngest=True)
    scene.patch(INGRESS, "a", "idle", {"spec": {"rules": [{"host": "somebody.test"}]}})
    scene.start()
    decide(scene)
    assert ("patch", INGRESS, "idle") in [(a.verb, a.ref.kind, a.ref.name) for a in scene.engine.actions()]


def test_a_backlog_waits_again_once_what_may_close_is_decided() -> None:
    scene = restarted(youngest=False)
    scene.start()
    decide(scene)
    assert scene.engine.undecided > 0
    assert scene.engine.unissued <= MOST


def test_a_backlog_waits_again_once_something_has_happened_to_what_may_close() -> None:
    scene = restarted(youngest=True)
    scene.start()
    scene.patch(SERVICES, "a", "idle", {"metadata": {"labels": CLUSTER_LOCAL}})
    scene.deliver()
    decide(scene)
    assert scene.engine.undecided > 0
    assert scene.engine.unissued <= MOST


def test_a_door_that_is_put_off_behind_older_ones_has_these_decided_whatever_the_room() -> None:
    shared = {"ome.io/ingress-domain-template": "shared.example.com"}
    scene = cold(*fleet(*NAMES), *fleet("older", annotations=shared))
    scene.clock.now += 60
    for obj in fleet("younger", annotations=shared):
        scene.create(obj)
    scene.deliver()
    decide(scene)
    assert scene.engine.undecided == 0
    scene.settle()
    assert scene.reaches("http://shared.example.com/") == "older-engine"
