"""Echoes: a watch tells of our own write before its answer comes, and nothing is decided because of that."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from doorward.model.action import Action
from doorward.model.event import Applied, Unknown
from msgspec.structs import replace

from tests.engine.scenes import INGRESS, SERVICES, Scene, opened, service, settings

NGINX = {"ome.io/ingress-class": "nginx"}
TIMEOUT = {"nginx.ingress.kubernetes.io/proxy-read-timeout": "60"}
ELSEWHERE = {"spec": {"rules": [{"host": "somebody.test"}]}}
CLUSTER_LOCAL = {"networking.knative.dev/visibility": "cluster-local"}


def opens() -> Scene:
    scene = Scene(settings())
    for obj in reversed(service(raw=True)):
        scene.create(obj)
    return scene


def changes() -> Scene:
    scene = opened(annotations=NGINX)
    scene.patch(SERVICES, "a", "m", {"metadata": {"annotations": TIMEOUT}})
    return scene


def closes() -> Scene:
    scene = opened()
    scene.patch(SERVICES, "a", "m", {"metadata": {"labels": CLUSTER_LOCAL}})
    return scene


def settle(scene: Scene, *, echoes: bool) -> int:
    """Perform all that is to be done; with echoes the watches tell of each write before its answer comes, without
    them afterwards.  Gives how many doors were decided."""
    scene.deliver()
    before = scene.engine.decided
    while actions := scene.engine.actions():
        for action in actions:
            outcome = scene.perform(action)
            if echoes:
                scene.deliver()
            scene.receive(outcome)
            scene.deliver()
    return scene.engine.decided - before


def next_action(scene: Scene, verb: str) -> Action:
    """Perform all that is to be done until nothing but this is under way."""
    scene.deliver()
    while True:
        *others, last = scene.engine.actions(1)
        for action in others:
            scene.receive(scene.perform(action))
        if last.verb == verb:
            return last
        scene.receive(scene.perform(last))
        scene.deliver()


@pytest.mark.parametrize("begin", [opens, changes, closes])
def test_watches_that_tell_of_each_write_before_its_answer_comes_have_no_door_decided_more_often(
    begin: Callable[[], Scene],
) -> None:
    late, early = begin(), begin()
    assert settle(early, echoes=True) == settle(late, echoes=False)
    assert early.verdict() == late.verdict()
    assert early.ours() == late.ours()


@pytest.mark.parametrize("begin", [opens, closes])
def test_a_status_that_comes_back_as_it_went_out_has_nothing_decided(begin: Callable[[], Scene]) -> None:
    scene = begin()
    outcome = scene.perform(next_action(scene, "status"))
    before = scene.engine.decided
    scene.receive(outcome)
    scene.deliver()
    assert scene.engine.decided == before
    assert scene.engine.idle


def test_a_service_that_comes_back_as_another_than_it_went_out_is_decided_at_once() -> None:
    scene = opens()
    outcome = scene.perform(next_action(scene, "status"))
    assert isinstance(outcome, Applied)
    assert outcome.object
    before = scene.engine.decided
    metadata = {**outcome.object["metadata"], "labels": CLUSTER_LOCAL}
    scene.receive(replace(outcome, object={**outcome.object, "metadata": metadata}))
    assert scene.engine.decided == before + 1


def test_an_object_that_somebody_changed_before_the_answer_to_its_creation_is_looked_at_at_once() -> None:
    scene = opens()
    action = next_action(scene, "create")
    scene.perform(action)
    before = scene.engine.decided
    scene.patch(action.ref.kind, "a", "m", {"spec": {"externalName": "somebody.test"}})
    scene.deliver()
    assert scene.engine.decided == before + 1


def test_an_object_that_somebody_changed_before_we_do_is_looked_at_at_once() -> None:
    scene = changes()
    assert next_action(scene, "patch").ref.kind == INGRESS
    before = scene.engine.decided
    scene.patch(INGRESS, "a", "m", ELSEWHERE)
    scene.deliver()
    assert scene.engine.decided == before + 1


def test_an_object_that_somebody_changed_after_we_did_is_looked_at_before_our_answer_comes() -> None:
    scene = changes()
    scene.perform(next_action(scene, "patch"))
    scene.deliver()
    before = scene.engine.decided
    scene.patch(INGRESS, "a", "m", {"metadata": {"labels": {"team": "x"}}})
    scene.deliver()
    assert scene.engine.decided == before + 1


def test_an_edit_that_comes_with_our_own_status_is_decided_at_once() -> None:
    scene = opens()
    scene.perform(next_action(scene, "status"))
    before = scene.engine.decided
    scene.patch(SERVICES, "a", "m", {"metadata": {"labels": CLUSTER_LOCAL}})
    scene.deliver()
    assert scene.engine.decided == before + 1
    assert [(action.verb, action.ref.kind) for action in scene.engine.actions(0)] == [("delete", INGRESS)]


def test_an_edit_that_comes_before_our_status_is_decided_at_once() -> None:
    scene = opens()
    next_action(scene, "status")
    before = scene.engine.decided
    scene.patch(SERVICES, "a", "m", {"metadata": {"labels": CLUSTER_LOCAL}})
    scene.deliver()
    assert scene.engine.decided == before + 1


def test_a_write_whose_answer_is_lost_after_its_echo_is_followed_up() -> None:
    scene = opens()
    action = next_action(scene, "create")
    scene.perform(action)
    scene.deliver()
    scene.receive(Unknown(at=scene.clock(), action=action.id, message="no answer"))
    scene.settle()
    assert scene.verdict()[0] == "True"
