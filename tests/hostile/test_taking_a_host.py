"""A tenant wants the traffic of another's host, and may write whatever it likes in its own namespace.

``a/m`` is older than ``b/v``, which serves bank.example.com; ``a/m`` asks for it.  Nothing that is written in namespace
``a`` moves it: not while doorward watches, not while it is away, with its journal and without.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from doorward.model.reference import JsonObject

from tests.cases.evaluate import route
from tests.engine.doors import DOORS, GATEWAY, settle
from tests.engine.scenes import Scene
from tests.engine.stage import component_service, inference_service, settings

BANK = "bank.example.com"
ASKING = {"ome.io/ingress-domain-template": BANK}
KINDS = {
    "istio": "VirtualService.networking.istio.io",
    "nginx": "Ingress.networking.k8s.io",
    "gateway_api": "HTTPRoute.gateway.networking.k8s.io",
}
INGRESS = KINDS["nginx"]


def town(door: str = "nginx", attacker: str = "nginx", *, asks: bool = True) -> Scene:
    """``a/m``, the older, and ``b/v``, which serves the bank's host by ``door``."""
    scene = Scene(settings(GATEWAY), start=False)
    scene.create(inference_service("m", "a", annotations=DOORS[attacker], ready=("engine",)))
    scene.create(component_service("m", "engine", "a"))
    scene.clock.now += 60
    scene.create(inference_service("v", "b", annotations={**DOORS[door], **ASKING}, ready=("engine",)))
    scene.create(component_service("v", "engine", "b"))
    scene.start()
    settle(scene)
    assert served_by(scene) == "v-engine"
    if asks:
        scene.edit("m", "a", annotations=ASKING)
        settle(scene)
        assert scene.condition("m", "a")["reason"] == "HostConflict"
    return scene


def served_by(scene: Scene) -> str | None:
    """The component that the victim's own objects lead the bank's host to."""
    theirs = [o for o in scene.objects() if o["metadata"].get("namespace") == "b"]
    hit = route(theirs, f"http://{BANK}/")
    return hit[0] if hit else None


def forged(scene: Scene, kind: str = "nginx", name: str = "forged", **metadata: Any) -> JsonObject:
    """An object of namespace ``a`` that names the bank's host and bears the UID of ``a/m`` as its owner."""
    uid = scene.service("m", "a")["metadata"]["uid"]
    (theirs,) = (o for o in town(kind).objects() if o["metadata"].get("namespace") == "b" and named_in(o))
    annotations = {"doorward.io/owner": uid, "doorward.io/components": "engine"}
    return {
        "apiVersion": theirs["apiVersion"],
        "kind": theirs["kind"],
        "metadata": {"name": name, "namespace": "a", "annotations": annotations, **metadata},
        "spec": theirs["spec"],
    }


def named_in(obj: JsonObject) -> bool:
    return obj["kind"] in ("VirtualService", "Ingress", "HTTPRoute") and f'"{BANK}"' in json.dumps(obj["spec"])


def victims(scene: Scene) -> dict[str, str]:
    """The victim's objects, each with its resourceVersion."""
    return {
        f"{o['kind']}/{o['metadata']['name']}": o["metadata"]["resourceVersion"]
        for o in scene.objects()
        if o["metadata"].get("namespace") == "b" and o["kind"] != "Event"
    }


def specs(scene: Scene, namespace: str) -> dict[str, JsonObject]:
    objects = (o for o in scene.objects() if o["metadata"].get("namespace") == namespace and o["kind"] != "Event")
    return {o["metadata"]["uid"]: o["spec"] for o in objects}


def rest(scene: Scene) -> None:
    settle(scene)
    for _ in range(3):
        scene.advance(31)
        settle(scene)


@pytest.mark.parametrize("door", KINDS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_forged_owner_annotation_takes_no_standing_host(door: str, kind: str) -> None:
    scene = town(door)
    before = victims(scene)
    scene.create(forged(scene, kind))
    rest(scene)
    assert victims(scene) == before
    assert scene.condition("m", "a")["reason"] == "HostConflict"
    assert scene.condition("v", "b")["status"] == "True"
    assert not [o for o in scene.objects() if o["metadata"].get("namespace") == "a" and named_in(o)]


def test_a_host_edited_into_ones_own_door_takes_no_standing_host() -> None:
    scene = town(asks=False)
    before = victims(scene)
    spec = json.loads(json.dumps(scene.get(INGRESS, "a", "m")["spec"]).replace("m.a.example.com", BANK))
    scene.patch(INGRESS, "a", "m", {"spec": spec}, field_manager="doorward")
    scene.patch("InferenceService.ome.io", "a", "m", {"metadata": {"annotations": ASKING}})
    rest(scene)
    assert victims(scene) == before
    assert scene.condition("m", "a")["reason"] == "HostConflict"
    assert not named_in(scene.get(INGRESS, "a", "m")) if "Ingress/m" in scene.ours() else True


@pytest.mark.parametrize("journal", [True, False])
@pytest.mark.parametrize("door", KINDS)
@pytest.mark.parametrize("kind", KINDS)
def test_an_object_forged_while_doorward_is_away_takes_no_standing_host(door: str, kind: str, journal: bool) -> None:
    scene = town(door)
    before = victims(scene)
    scene.create(forged(scene, kind))
    after = scene.again(journal=journal)
    rest(after)
    assert served_by(after) == "v-engine"
    assert victims(after) == before
    assert after.condition("m", "a")["reason"] == "HostConflict"


@pytest.mark.parametrize("journal", [True, False])
def test_ones_own_door_edited_while_doorward_is_away_takes_no_standing_host(journal: bool) -> None:
    scene = town(asks=False)
    before = victims(scene)
    spec = json.loads(json.dumps(scene.get(INGRESS, "a", "m")["spec"]).replace("m.a.example.com", BANK))
    scene.patch(INGRESS, "a", "m", {"spec": spec}, field_manager="doorward")
    scene.patch("InferenceService.ome.io", "a", "m", {"metadata": {"annotations": ASKING}})
    after = scene.again(journal=journal)
    rest(after)
    assert victims(after) == before
    assert not [o for o in after.objects() if o["metadata"].get("namespace") == "a" and named_in(o)]


def test_an_object_that_is_made_to_be_adopted_takes_no_standing_host() -> None:
    scene = town(asks=False)
    scene.configure(GATEWAY, doorward="adopt: true")
    before = victims(scene)
    uid = scene.service("m", "a")["metadata"]["uid"]
    ingress = scene.get(INGRESS, "a", "m")
    reference = ingress["metadata"]["ownerReferences"]
    spec = json.loads(json.dumps(ingress["spec"]).replace("m.a.example.com", BANK))
    scene.delete(INGRESS, "a", "m")
    made = {**ingress, "metadata": {"name": "m", "namespace": "a", "ownerReferences": reference}, "spec": spec}
    assert reference[0]["uid"] == uid
    scene.create(made)
    scene.patch("InferenceService.ome.io", "a", "m", {"metadata": {"annotations": ASKING}})
    rest(scene)
    assert victims(scene) == before
    assert scene.condition("m", "a")["reason"] == "HostConflict"


def test_a_service_made_anew_takes_nothing_by_what_was_prepared_for_its_uid() -> None:
    scene = town()
    before = victims(scene)
    scene.create(inference_service("n", "a", annotations={**DOORS["nginx"], **ASKING}, ready=("engine",)))
    uid = scene.service("n", "a")["metadata"]["uid"]
    prepared = forged(scene)
    prepared["metadata"]["annotations"]["doorward.io/owner"] = uid
    scene.create(prepared)
    scene.create(component_service("n", "engine", "a"))
    rest(scene)
    assert victims(scene) == before
    assert scene.condition("n", "a")["reason"] == "HostConflict"


@pytest.mark.parametrize("door", KINDS)
def test_a_former_owner_takes_nothing_back_with_its_old_object(door: str) -> None:
    scene = town(door, asks=False)
    old = next(o for o in scene.objects() if o["metadata"].get("namespace") == "b" and named_in(o))
    scene.edit("v", "b", annotations={"ome.io/ingress-domain-template": "other.example.com"})
    scene.edit("m", "a", annotations=ASKING)
    rest(scene)
    assert scene.condition("m", "a")["status"] == "True"
    before = specs(scene, "a")
    scene.edit("v", "b", annotations=ASKING)
    scene.patch(KINDS[door], "b", "v", {"spec": old["spec"]}, field_manager="doorward")
    rest(scene)
    assert specs(scene, "a") == before
    assert scene.condition("v", "b")["reason"] == "HostConflict"


def test_between_newcomers_age_decides_and_no_forged_object() -> None:
    scene = Scene(settings(GATEWAY), start=False)
    for name, namespace in (("older", "b"), ("m", "a")):
        scene.create(inference_service(name, namespace, annotations={**DOORS["nginx"], **ASKING}))
        scene.create(component_service(name, "engine", namespace))
        scene.clock.now += 60
    scene.start()
    settle(scene)
    scene.create(forged(scene, kind="istio"))
    for name, namespace in (("m", "a"), ("older", "b")):
        body = {"status": {"conditions": [{"type": "EngineReady", "status": "True"}]}}
        scene.patch("InferenceService.ome.io", namespace, name, body, subresource="status")
    rest(scene)
    assert scene.condition("older", "b")["status"] == "True"
    assert scene.condition("m", "a")["reason"] == "HostConflict"


@pytest.mark.parametrize("name", ["v", "forged"])
def test_an_object_of_another_namespace_is_no_part_of_a_door(name: str) -> None:
    """Its annotation names the victim: nothing of it is taken into what doorward knows of the victim."""
    scene = town(asks=False)
    before = victims(scene)
    prepared = forged(scene, name=name)
    prepared["spec"]["ingressClassName"] = "traefik"
    prepared["metadata"]["annotations"]["doorward.io/owner"] = scene.service("v", "b")["metadata"]["uid"]
    prepared["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"] = "stolen"
    made = scene.create(prepared)
    rest(scene)
    assert scene.get(INGRESS, "a", name)["metadata"]["uid"] == made["metadata"]["uid"]
    assert scene.get(INGRESS, "a", name)["spec"] == made["spec"]
    assert victims(scene) == before
    # A held door is made anew as it was, not as the other object is.
    scene.edit("v", "b", annotations={"ome.io/deployment-mode": "Nonsense"})
    scene.delete(INGRESS, "b", "v")
    rest(scene)
    assert served_by(scene) == "v-engine"


@pytest.mark.parametrize("version", ["v1beta1", "v9"])
@pytest.mark.parametrize("when", ["live", "with a journal", "without", "listed before services"])
def test_an_object_in_the_name_of_an_older_service_elsewhere_takes_nothing(version: str, when: str) -> None:
    """It looks like what garbage collection is about to take; the service lives, in another namespace."""
    scene = Scene(settings(GATEWAY), start=False)
    scene.store.collecting = False
    scene.create(inference_service("w", "c", annotations=DOORS["nginx"], ready=("engine",)))
    scene.create(component_service("w", "engine", "c"))
    scene.clock.now += 60
    scene.create(inference_service("v", "b", annotations={**DOORS["nginx"], **ASKING}, ready=("engine",)))
    scene.create(component_service("v", "engine", "b"))
    scene.start()
    settle(scene)
    before = victims(scene)
    (theirs,) = (o for o in scene.objects() if o["metadata"].get("namespace") == "b" and named_in(o))
    uid = scene.service("w", "c")["metadata"]["uid"]
    owner = {"apiVersion": f"ome.io/{version}", "kind": "InferenceService", "name": "w", "uid": uid}
    metadata = {"annotations": {"doorward.io/owner": uid}, "ownerReferences": [owner]}
    scene.create({**theirs, "metadata": {"name": "forged", "namespace": "a", **metadata}})
    if when != "live":
        after = scene.reborn(journal=when == "with a journal")
        if when == "listed before services":
            after.engine.scopes = dict(reversed(after.engine.scopes.items()))
        after.start()
        scene = after
    scene.edit("w", "c", annotations=ASKING)
    rest(scene)
    assert victims(scene) == before
    assert scene.condition("w", "c")["reason"] == "HostConflict"


def test_a_door_opens_no_sooner_for_an_object_of_another_namespace() -> None:
    scene = town()
    scene.create(inference_service("late", "b", annotations=DOORS["nginx"]))
    scene.create(component_service("late", "engine", "b"))
    scene.settle()
    prepared = forged(scene)
    prepared["metadata"]["annotations"]["doorward.io/owner"] = scene.service("late", "b")["metadata"]["uid"]
    scene.create(prepared)
    rest(scene)
    assert scene.condition("late", "b")["reason"] == "EngineNotReady"
    assert "Ingress/late" not in scene.ours()
