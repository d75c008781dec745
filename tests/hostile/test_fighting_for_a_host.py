"""Many services, or many objects, want one host: what that costs grows with their number, not with its square."""

from __future__ import annotations

import pytest

from tests.engine.doors import DOORS, GATEWAY, opened, settle
from tests.engine.scenes import Scene
from tests.engine.stage import component_service, inference_service, settings
from tests.engine.test_claims import foreign_ingress

MANY = 120
BANK = {"ome.io/ingress-domain-template": "bank.example.com"}


def fight(youngest_first: bool) -> Scene:
    scene = Scene(settings(GATEWAY), start=False)
    began = scene.clock.now
    for number in range(MANY):
        scene.clock.now = began + (MANY - number if youngest_first else number) * 60
        name = f"m{number:03}"
        scene.create(inference_service(name, annotations={**DOORS["nginx"], **BANK}, ready=("engine",)))
        scene.create(component_service(name, "engine"))
    scene.clock.now = began + MANY * 60
    scene.start()
    settle(scene)
    return scene


def owner_of(scene: Scene) -> str:
    (name,) = (o["metadata"]["name"] for o in scene.objects() if o["kind"] == "Ingress")
    return str(name)


@pytest.mark.parametrize("youngest_first", [True, False])
def test_services_that_want_one_host_are_decided_a_few_times_each(youngest_first: bool) -> None:
    scene = fight(youngest_first)
    oldest = f"m{MANY - 1:03}" if youngest_first else "m000"
    assert owner_of(scene) == oldest
    assert scene.engine.decided <= 5 * MANY

    before = scene.engine.decided
    scene.delete("InferenceService.ome.io", "a", oldest)
    settle(scene)
    assert owner_of(scene) == (f"m{MANY - 2:03}" if youngest_first else "m001")
    assert scene.engine.decided - before <= 5 * MANY


def test_one_more_that_wants_a_host_that_is_taken_wakes_nobody() -> None:
    scene = fight(youngest_first=False)
    before = scene.engine.decided
    scene.create(inference_service("late", annotations={**DOORS["nginx"], **BANK}, ready=("engine",)))
    scene.create(component_service("late", "engine"))
    settle(scene)
    assert scene.verdict("late") == ("False", "HostConflict")
    assert scene.engine.decided - before <= 4


def test_those_who_lost_a_host_are_told_of_its_new_owner() -> None:
    scene = fight(youngest_first=False)
    scene.delete("InferenceService.ome.io", "a", "m000")
    settle(scene)
    assert "InferenceService a/m001" in scene.message("m050")


def test_many_foreign_objects_with_ones_host_make_one_event() -> None:
    stage = opened("nginx")
    for number in range(MANY):
        stage.create(foreign_ingress("m.a.example.com", name=f"theirs-{number:03}"))
    settle(stage)
    told = [o for o in stage.store.list(stage.resource("Event")).items if o["reason"] == "HostShared"]
    assert len(told) == 1
    assert stage.condition()["status"] == "True"
