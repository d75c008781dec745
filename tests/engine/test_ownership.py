"""Nothing that isn't ours is written or deleted; what OME made is adopted, and OME itself is lived with."""

from __future__ import annotations

from typing import Any

import pytest
from doorward.model.reference import JsonObject

from tests.engine.doors import DOORS, GATEWAY, accept_routes, add, opened, reaches, settle, versions
from tests.engine.stage import Stage, inference_service, settings

INGRESS = "Ingress.networking.k8s.io"
VIRTUAL_SERVICE = "VirtualService.networking.istio.io"
ROUTE = "HTTPRoute.gateway.networking.k8s.io"
API = {
    INGRESS: "networking.k8s.io/v1",
    VIRTUAL_SERVICE: "networking.istio.io/v1",
    ROUTE: "gateway.networking.k8s.io/v1",
    "Service": "v1",
}
MAIN = {"istio": VIRTUAL_SERVICE, "nginx": INGRESS, "gateway_api": ROUTE}
SPECS: dict[str, JsonObject] = {
    INGRESS: {
        "ingressClassName": "nginx",
        "rules": [
            {
                "host": "m.a.example.com",
                "http": {
                    "paths": [
                        {
                            "path": "/",
                            "pathType": "Prefix",
                            "backend": {"service": {"name": "m-engine", "port": {"number": 80}}},
                        }
                    ]
                },
            }
        ],
    },
    VIRTUAL_SERVICE: {
        "hosts": ["m.a.svc.cluster.local", "m.a.example.com"],
        "gateways": ["knative-serving/knative-local-gateway", "mesh", "knative-serving/knative-ingress-gateway"],
        "http": [
            {
                "match": [
                    {
                        "authority": {"regex": r"^m\.a\.example\.com(?::\d{1,5})?$"},
                        "gateways": ["knative-serving/knative-ingress-gateway"],
                    }
                ],
                "route": [
                    {
                        "destination": {
                            "host": "knative-local-gateway.istio-system.svc.cluster.local",
                            "port": {"number": 80},
                        },
                        "weight": 100,
                    }
                ],
                "headers": {"request": {"set": {"Host": "m-engine.a.svc.cluster.local"}}},
            }
        ],
    },
    ROUTE: {
        "hostnames": ["m.a.example.com"],
        "parentRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "namespace": "infra", "name": "ome"}],
        "rules": [{"backendRefs": [{"kind": "Service", "name": "m-engine", "port": 80}]}],
    },
    "Service": {"type": "ExternalName", "externalName": "knative-local-gateway.istio-system.svc.cluster.local"},
}


def made_by_ome(stage: Stage, kind: str) -> JsonObject:
    """An object as OME's built-in ingress makes it: controlled by the service, without our annotation."""
    service = stage.service()
    owner = {
        "apiVersion": "ome.io/v1beta1",
        "kind": "InferenceService",
        "name": "m",
        "uid": service["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {
        "apiVersion": API[kind],
        "kind": kind.split(".")[0],
        "metadata": {"name": "m", "namespace": "a", "ownerReferences": [owner]},
        "spec": SPECS[kind],
    }


def written(stage: Stage, kind: str) -> JsonObject:
    """An object without what its controller reports, and what counts that."""
    obj = stage.get(kind, "a", "m")
    metadata = {k: v for k, v in obj["metadata"].items() if k not in ("resourceVersion", "managedFields")}
    return {"metadata": metadata, "spec": obj["spec"]}


def prepared(door: str, **more: Any) -> Stage:
    stage = Stage()
    stage.create(settings(GATEWAY, **more))
    add(stage, door)
    return stage


@pytest.mark.parametrize("door", MAIN)
def test_somebody_elses_object_under_our_name_is_a_conflict(door: str) -> None:
    stage = prepared(door)
    kind = MAIN[door]
    theirs = {"apiVersion": API[kind], "kind": kind.split(".")[0], "metadata": {"name": "m", "namespace": "a"}}
    stage.create({**theirs, "spec": {**SPECS[kind]}})
    before = written(stage, kind)
    stage.start()
    settle(stage)
    stage.rest()
    condition = stage.condition()
    assert (condition["status"], condition["reason"]) == ("False", "ObjectConflict")
    assert f"{kind.split('.')[0]} a/m" in condition["message"]
    assert written(stage, kind) == before
    stage.delete(kind, "a", "m")
    settle(stage)
    assert stage.condition()["status"] == "True"


@pytest.mark.parametrize("door", MAIN)
def test_an_object_that_appears_between_look_and_write_is_left_alone(door: str) -> None:
    stage = prepared(door)
    kind = MAIN[door]
    stage.start()
    actions = stage.engine.actions()
    theirs = {"apiVersion": API[kind], "kind": kind.split(".")[0], "metadata": {"name": "m", "namespace": "a"}}
    stage.create({**theirs, "spec": SPECS[kind]})
    before = written(stage, kind)
    for action in actions:
        stage.receive(stage.perform(action))
    settle(stage)
    assert written(stage, kind) == before
    assert stage.condition()["reason"] == "ObjectConflict"


def test_an_object_that_is_replaced_between_look_and_delete_is_left_alone() -> None:
    stage = opened("nginx")
    off = {"metadata": {"annotations": {"ome.io/ingress-disable-creation": "true"}}}
    stage.patch("InferenceService.ome.io", "a", "m", off)
    stage.deliver()
    (removal,) = (a for a in stage.engine.actions() if a.verb == "delete")
    stage.delete(INGRESS, "a", "m")
    metadata = {"name": "m", "namespace": "a"}
    stage.create({"apiVersion": API[INGRESS], "kind": "Ingress", "metadata": metadata, "spec": SPECS[INGRESS]})
    before = stage.get(INGRESS, "a", "m")
    stage.receive(stage.perform(removal))
    settle(stage)
    stage.rest()
    assert stage.get(INGRESS, "a", "m") == before


def test_an_object_that_loses_our_annotation_is_not_ours_any_more() -> None:
    stage = opened("nginx")
    stage.patch(INGRESS, "a", "m", {"metadata": {"annotations": {"doorward.io/owner": None}}})
    before = stage.get(INGRESS, "a", "m")
    settle(stage)
    stage.rest()
    assert stage.get(INGRESS, "a", "m") == before
    assert stage.condition()["reason"] == "ObjectConflict"


def test_an_object_of_a_former_uid_is_waited_for() -> None:
    stage = opened("nginx")
    stage.store.collecting = False
    stage.delete("InferenceService.ome.io", "a", "m")
    add_again(stage)
    settle(stage)
    stage.rest()
    assert stage.condition()["reason"] == "WaitingForCollection"
    former = stage.get(INGRESS, "a", "m")
    assert former["metadata"]["annotations"]["doorward.io/owner"] != stage.service()["metadata"]["uid"]
    stage.store.collecting = True
    stage.store.collect()
    settle(stage)
    assert stage.condition()["status"] == "True"
    assert (
        stage.get(INGRESS, "a", "m")["metadata"]["annotations"]["doorward.io/owner"]
        == (stage.service()["metadata"]["uid"])
    )


def add_again(stage: Stage) -> None:
    stage.create(inference_service(annotations=DOORS["nginx"], ready=("engine",)))


@pytest.mark.parametrize("door", MAIN)
def test_adoption_takes_over_without_a_moment_of_outage(door: str) -> None:
    stage = prepared(door, doorward="adopt: true\n")
    stage.create(made_by_ome(stage, MAIN[door]))
    url = "http://m.a.example.com/v1/models"
    assert reaches(stage, url) == "m-engine"
    original = stage.get(MAIN[door], "a", "m")["metadata"]["uid"]
    stage.start()
    for _ in range(50):
        for action in stage.engine.actions():
            stage.receive(stage.perform(action))
            assert reaches(stage, url) == "m-engine", action
        stage.deliver()
    accept_routes(stage)
    settle(stage)
    stage.rest()
    taken = stage.get(MAIN[door], "a", "m")
    assert taken["metadata"]["uid"] == original
    assert taken["metadata"]["annotations"]["doorward.io/owner"] == stage.service()["metadata"]["uid"]
    assert stage.condition()["status"] == "True"
    assert reaches(stage, url) == "m-engine"


@pytest.mark.parametrize("door", MAIN)
def test_without_adopt_what_ome_made_is_a_conflict(door: str) -> None:
    stage = prepared(door)
    stage.create(made_by_ome(stage, MAIN[door]))
    before = written(stage, MAIN[door])
    stage.start()
    settle(stage)
    assert stage.condition()["reason"] == "ObjectConflict"
    assert written(stage, MAIN[door]) == before


def test_omes_service_of_the_same_name_is_the_door_and_is_never_written() -> None:
    stage = prepared("istio")
    stage.create(made_by_ome(stage, "Service"))
    before = stage.get("Service", "a", "m")
    stage.start()
    settle(stage)
    assert stage.condition()["status"] == "True"
    assert stage.service()["status"]["address"]["url"] == "http://m.a.svc.cluster.local"
    assert stage.get("Service", "a", "m") == before
    stage.delete("InferenceService.ome.io", "a", "m")


BESIDE = (
    "ingress: {disableIngressCreation: false}\ndoorService: '{{.Name}}-door'\nconditionType: doorward.io/DoorReady\n"
)


def ome_reconciles(stage: Stage) -> None:
    """What OME's controller does at each of its reconciles with its own ingress switched off."""
    service = stage.service()
    kept = [c for c in service["status"].get("conditions", []) if c["type"] != "IngressReady"]
    ready = {"type": "IngressReady", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    status = {
        "url": "http://m.a.example.com:80",
        "address": {"url": "http://m.a.svc.cluster.local:80"},
        "conditions": [*kept, ready],
    }
    stage.patch("InferenceService.ome.io", "a", "m", {"status": status}, subresource="status", field_manager="ome")


def test_beside_omes_controller_there_is_no_fight() -> None:
    stage = Stage()
    stage.create(settings({**GATEWAY, "disableIngressCreation": True}, doorward=BESIDE))
    add(stage, "nginx")
    stage.create({**made_by_ome(stage, "Service"), "spec": {"selector": {"x": "y"}, "ports": [{"port": 80}]}})
    omes = stage.get("Service", "a", "m")
    ome_reconciles(stage)
    stage.start()
    settle(stage)
    assert stage.ours() == {"Ingress/m", "Service/m-door"}
    assert stage.condition(type_="doorward.io/DoorReady")["status"] == "True"
    assert "http://m.a.example.com" in stage.condition(type_="doorward.io/DoorReady")["message"]
    for _ in range(20):
        ome_reconciles(stage)
        before = versions(stage)
        settle(stage)
        assert versions(stage) == before, "doorward answers OME's writes"
        stage.advance(1)
    assert stage.service()["status"]["url"] == "http://m.a.example.com:80"
    assert stage.get("Service", "a", "m") == omes


def test_repeated_reconciles_never_flap_the_virtual_service() -> None:
    stage = opened("istio")
    before = versions(stage)
    for _ in range(5):
        stage.start()
        settle(stage)
        stage.advance(60)
    assert versions(stage) == before
