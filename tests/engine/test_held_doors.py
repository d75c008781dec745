"""docs/changes.md, Held doors: a refusal never tears a standing door down; it is kept, repaired, and said so."""

from __future__ import annotations

import pytest
from doorward.cluster.embedded import Request
from doorward.model.reference import SERVICE, JsonObject

from tests.engine.scenes import HTTP_ROUTE, INGRESS, SERVICES, VIRTUAL_SERVICE, Scene, service
from tests.engine.stage import settings

Edit = JsonObject

REFUSALS: dict[str, tuple[str, str, Edit]] = {
    "mode": ("False", "InvalidDeploymentMode", {"metadata": {"annotations": {"ome.io/deployment-mode": "Raw"}}}),
    "template": ("False", "InvalidHost", {"metadata": {"annotations": {"ome.io/ingress-domain-template": "{{.Nam"}}}),
    "domain": ("False", "InvalidHost", {"metadata": {"annotations": {"ome.io/ingress-domain": "Not A Domain"}}}),
    "path": ("False", "InvalidPath", {"metadata": {"annotations": {"ome.io/ingress-path-template": "/a/../b"}}}),
    "backend": ("False", "UnknownBackend", {"metadata": {"annotations": {"doorward.io/backend": "nobody"}}}),
    "no engine": ("False", "EngineRequired", {"spec": {"engine": None, "router": {}}}),
    "engine to come": ("Unknown", "EngineNotReady", {"spec": {"engine": None, "runtime": {"name": "x"}}}),
    "a wrong type": ("False", "InvalidSpec", {"spec": {"engine": {"timeoutSeconds": "soon"}}}),
}
UNSUPPORTED: dict[str, Edit] = {
    "ingress": {"metadata": {"annotations": {"doorward.io/backend": "gateway_api"}}},
    "virtual service": {"metadata": {"annotations": {"doorward.io/backend": "gateway_api"}}},
}
DOORS: dict[str, tuple[bool, dict[str, str], JsonObject, str, Edit]] = {
    "ingress": (True, {}, {}, INGRESS, {"spec": {"ingressClassName": "theirs"}}),
    "virtual service": (False, {}, {}, VIRTUAL_SERVICE, {"spec": {"hosts": ["theirs.test"]}}),
    "http route": (
        True,
        {},
        {"enableGatewayAPI": True, "omeIngressGateway": "gw/shared"},
        HTTP_ROUTE,
        {"spec": {"hostnames": ["theirs.test"]}},
    ),
    "load balancer": (
        True,
        {"ome.io/disable-ingress": "true", "ome.io/service-type": "LoadBalancer"},
        {},
        SERVICE,
        {"spec": {"selector": {"app": "theirs"}}},
    ),
}


def shapes(scene: Scene) -> dict[str, JsonObject]:
    """What stands of ours, without what the server counts and assigns."""
    found = {}
    for obj in scene.objects():
        metadata = obj["metadata"]
        if "doorward.io/owner" not in (metadata.get("annotations") or {}):
            continue
        kept = {key: metadata.get(key) for key in ("name", "labels", "annotations", "ownerReferences")}
        assigned = ("clusterIP", "clusterIPs", "healthCheckNodePort")
        spec = {key: value for key, value in obj["spec"].items() if key not in assigned}
        spec["ports"] = [{k: v for k, v in port.items() if k != "nodePort"} for port in spec.get("ports", ())]
        found[f"{obj['kind']}/{metadata['name']}"] = {"metadata": kept, "spec": spec}
    return found


def held(
    raw: bool, annotations: dict[str, str], ingress: JsonObject, refusal: Edit
) -> tuple[Scene, dict[str, JsonObject]]:
    """A door that stood, and was then asked for in a way that is refused; and the shape in which it stood."""
    scene = Scene(settings(ingress), *service(raw=raw, annotations=annotations))
    before = shapes(scene)
    assert before
    scene.patch(SERVICES, "a", "m", refusal)
    scene.settle()
    return scene, before


@pytest.mark.parametrize("journal", [True, False], ids=["journal", "no journal"])
@pytest.mark.parametrize(("status", "reason", "refusal"), REFUSALS.values(), ids=REFUSALS)
@pytest.mark.parametrize(("raw", "annotations", "ingress", "kind", "edit"), DOORS.values(), ids=DOORS)
def test_a_refused_door_is_kept_and_repaired_and_says_why(
    raw: bool,
    annotations: dict[str, str],
    ingress: JsonObject,
    kind: str,
    edit: Edit,
    status: str,
    reason: str,
    refusal: Edit,
    journal: bool,
) -> None:
    closed = "ome.io/disable-ingress" in annotations
    scene, before = held(raw, annotations, ingress, refusal)
    if closed and reason in ("InvalidHost", "InvalidPath", "UnknownBackend"):
        assert shapes(scene) == before, "nothing of that matters to a door without ingress"
        return
    assert scene.verdict() == (status, reason)
    assert "(the door that stands is kept)" in scene.message()
    assert shapes(scene) == before
    scene = scene.again(journal=journal)
    assert scene.performed == []
    scene.patch(kind, "a", "m", edit)
    scene.settle()
    assert shapes(scene) == before
    if journal:
        scene.delete(kind, "a", "m")
        scene.settle()
        assert shapes(scene) == before
    assert scene.verdict() == (status, reason)


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_a_door_that_no_backend_supports_is_kept(name: str) -> None:
    raw, annotations, ingress, _, _ = DOORS[name]
    scene, before = held(raw, annotations, ingress, UNSUPPORTED[name])
    assert scene.verdict() == ("False", "BackendUnsupported")
    assert "(the door that stands is kept)" in scene.message()
    assert shapes(scene) == before


@pytest.mark.parametrize("kind", [INGRESS, SERVICE])
def test_what_is_deleted_of_a_held_door_is_made_anew_as_it_was(kind: str) -> None:
    scene, before = held(*DOORS["ingress"][:3], REFUSALS["mode"][2])
    scene.delete(kind, "a", "m")
    scene.settle()
    assert shapes(scene) == before


def test_what_is_deleted_of_a_held_door_while_nothing_runs_is_made_anew() -> None:
    scene, before = held(*DOORS["ingress"][:3], REFUSALS["mode"][2])
    scene.delete(INGRESS, "a", "m")
    after = scene.again()
    assert shapes(after) == before


def test_a_held_door_is_repaired_to_what_the_server_made_of_our_write() -> None:
    scene = Scene(settings(), *service(raw=True), start=False)

    def default(request: Request, obj: JsonObject) -> None:
        if obj.get("kind") == "Ingress":
            obj["spec"].setdefault("defaultBackend", {"service": {"name": "fallback", "port": {"number": 80}}})

    scene.store.faults.mutators.append(default)
    scene.start()
    scene.settle()
    scene.patch(SERVICES, "a", "m", REFUSALS["mode"][2])
    scene.settle()
    scene.store.faults.mutators.clear()
    scene.patch(INGRESS, "a", "m", {"spec": {"defaultBackend": None}})
    scene.settle()
    assert scene.get(INGRESS, "a", "m")["spec"]["defaultBackend"]["service"]["name"] == "fallback"


def test_labels_and_owner_of_a_held_door_are_repaired_too() -> None:
    scene, before = held(*DOORS["ingress"][:3], REFUSALS["mode"][2])
    edit = {
        "labels": {"app.kubernetes.io/managed-by": "theirs", "ome.io/inferenceservice": None},
        "ownerReferences": None,
    }
    scene.patch(INGRESS, "a", "m", {"metadata": edit})
    scene.settle()
    assert shapes(scene) == before


def test_foreign_labels_and_annotations_of_a_held_door_stay() -> None:
    scene, _ = held(*DOORS["ingress"][:3], REFUSALS["mode"][2])
    watched = scene.since()
    scene.patch(INGRESS, "a", "m", {"metadata": {"labels": {"team": "red"}, "annotations": {"note": "theirs"}}})
    scene.settle()
    assert watched.writes == []


def test_once_the_refusal_is_gone_the_door_is_what_it_is_asked_to_be() -> None:
    scene, _ = held(*DOORS["ingress"][:3], REFUSALS["mode"][2])
    notes = {"ome.io/deployment-mode": "RawDeployment", "ome.io/ingress-additional-domains": "b.test"}
    scene.edit(annotations=notes)
    assert scene.verdict() == ("True", "")
    assert [rule["host"] for rule in scene.get(INGRESS, "a", "m")["spec"]["rules"]] == ["m.a.example.com", "m.a.b.test"]


def test_a_refused_service_without_a_door_has_none_made() -> None:
    scene = Scene(settings(), *service(raw=True, annotations={"ome.io/deployment-mode": "Raw"}))
    assert scene.ours() == set()
    assert "kept" not in scene.message()


def test_a_kind_that_can_be_listed_no_more_holds_what_stands() -> None:
    scene = Scene(settings(), *service(raw=True))
    before = shapes(scene)
    scene.forbidden = {INGRESS}
    after = scene.again(journal=False)
    assert shapes(after) == before
    assert after.verdict() == ("False", "KindForbidden")


def test_a_held_door_still_goes_with_its_service() -> None:
    scene, _ = held(*DOORS["ingress"][:3], REFUSALS["mode"][2])
    scene.delete(SERVICES, "a", "m")
    scene.advance(30)
    assert scene.ours() == set()


# -- writes that don't stick -----------------------------------------------------------------------------------------


def stubborn(request: Request, obj: JsonObject) -> None:
    """Admission that has a class of its own for every Ingress."""
    if obj.get("kind") == "Ingress":
        obj["spec"]["ingressClassName"] = "house-rule"


def test_a_write_that_doesnt_stick_is_tried_three_times_and_then_told() -> None:
    scene = Scene(settings(), *service(raw=True), start=False)
    scene.store.faults.mutators.append(stubborn)
    scene.start()
    scene.settle()
    assert [a.verb for a in scene.performed if a.ref.kind == INGRESS] == ["create", "patch", "patch"]
    assert scene.verdict() == ("False", "NotSticking")
    assert "spec.ingressClassName" in scene.message()
    scene.advance(600)
    assert len([a for a in scene.performed if a.ref.kind == INGRESS]) == 3
    assert scene.again().performed == []


def test_a_write_that_sticks_again_ends_it() -> None:
    scene = Scene(settings(), *service(raw=True), start=False)
    scene.store.faults.mutators.append(stubborn)
    scene.start()
    scene.settle()
    scene.store.faults.mutators.clear()
    scene.edit(annotations={"ome.io/ingress-additional-domains": "b.test"})
    assert scene.verdict() == ("True", "")
    assert scene.get(INGRESS, "a", "m")["spec"]["ingressClassName"] == "istio"


@pytest.mark.parametrize(("raw", "annotations", "ingress", "kind", "edit"), DOORS.values(), ids=DOORS)
def test_a_server_that_adds_defaults_never_makes_a_loop(
    raw: bool, annotations: dict[str, str], ingress: JsonObject, kind: str, edit: Edit
) -> None:
    scene = Scene(settings(ingress), *service(raw=raw, annotations=annotations), start=False)

    def generous(request: Request, obj: JsonObject) -> None:
        metadata = obj["metadata"]
        metadata.setdefault("annotations", {}).setdefault("house/added", "yes")
        metadata.setdefault("labels", {}).setdefault("house", "yes")
        if obj.get("kind") == "VirtualService":
            obj["spec"].setdefault("exportTo", ["*"])
        if obj.get("kind") == "Ingress":
            obj["spec"].setdefault("defaultBackend", {"service": {"name": "house", "port": {"number": 80}}})

    scene.store.faults.mutators.append(generous)
    scene.start()
    scene.settle()
    before = scene.versions()
    scene.advance(600)
    assert scene.again().performed == []
    assert scene.versions() == before


@pytest.mark.parametrize("closes", ["disableIngressCreation", "cluster-local", "namespaceDomains"])
def test_a_refused_door_that_closes_is_still_reached_inside_by_path(closes: str) -> None:
    scene = Scene(*service("m", "engine", "decoder"))
    outside, inside = "http://m.a.example.com/v1/decoder/x", "http://m.a.svc.cluster.local/v1/decoder/x"
    assert (scene.reaches(outside), scene.reaches(inside, inside=True)) == ("m-decoder", "m-decoder")
    scene.edit(annotations={"ome.io/deployment-mode": "Raw"})
    if closes == "cluster-local":
        scene.edit(labels={"networking.knative.dev/visibility": "cluster-local"})
    elif closes == "namespaceDomains":
        scene.configure(doorward='namespaceDomains: {"*": ["nowhere.test"]}')
    else:
        scene.configure({"disableIngressCreation": True})
    assert not scene.reaches(outside)
    assert scene.reaches(inside, inside=True) == "m-decoder"
    before = scene.versions()
    scene.rest()
    assert scene.versions() == before
    scene.edit(annotations={"ome.io/deployment-mode": None})
    assert not scene.reaches(outside)
    assert scene.reaches(inside, inside=True) == "m-decoder"
