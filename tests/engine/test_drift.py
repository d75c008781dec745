"""Somebody's edit or deletion is put right; what the server makes of our writes is no drift; a writer who insists."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from doorward.cluster.embedded.faults import Request
from doorward.model.reference import JsonObject

from tests.engine.doors import DOORS, opened, settle, versions
from tests.engine.stage import Stage

INGRESS = "Ingress.networking.k8s.io"
VIRTUAL_SERVICE = "VirtualService.networking.istio.io"
ROUTE = "HTTPRoute.gateway.networking.k8s.io"

MAIN = {"istio": VIRTUAL_SERVICE, "nginx": INGRESS, "gateway_api": ROUTE, "loadbalancer": "Service"}


def edit(stage: Stage, kind: str, body: JsonObject, name: str = "m") -> None:
    stage.patch(kind, "a", name, body, field_manager="somebody")


def what_matters(obj: JsonObject) -> JsonObject:
    metadata = {k: obj["metadata"].get(k) for k in ("labels", "annotations", "ownerReferences")}
    return {"metadata": metadata, "spec": obj["spec"]}


EDITS: dict[str, tuple[str, JsonObject]] = {
    "a foreign rule": ("nginx", {"spec": {"rules": [{"host": "evil.example.com"}]}}),
    "a foreign tls block": ("nginx", {"spec": {"tls": [{"hosts": ["m.a.example.com"], "secretName": "evil"}]}}),
    "another class": ("nginx", {"spec": {"ingressClassName": "traefik"}}),
    "a lost label": ("nginx", {"metadata": {"labels": {"ome.io/inferenceservice": None}}}),
    "a changed label": ("istio", {"metadata": {"labels": {"app.kubernetes.io/managed-by": "somebody"}}}),
    "a stripped owner": ("istio", {"metadata": {"ownerReferences": None}}),
    "an owner that controls no more": ("istio", {"metadata": {"ownerReferences": [{"controller": False}]}}),
    "hosts": ("istio", {"spec": {"hosts": ["evil.example.com"]}}),
    "an extra field": ("istio", {"spec": {"exportTo": ["."]}}),
    "routes": ("gateway_api", {"spec": {"hostnames": ["evil.example.com"]}}),
    "a selector": ("loadbalancer", {"spec": {"selector": {"app": "evil"}}}),
    "an annotation that moves traffic": (
        "nginx",
        {"metadata": {"annotations": {"nginx.ingress.kubernetes.io/permanent-redirect": "http://evil.example.com"}}},
    ),
}


@pytest.mark.parametrize("what", EDITS)
def test_an_edit_is_put_right(what: str) -> None:
    door, body = EDITS[what]
    stage = opened(door)
    standing = stage.get(MAIN[door], "a", "m")
    before = what_matters(standing)
    for each in (body.get("metadata") or {}).get("ownerReferences") or ():
        body = {"metadata": {"ownerReferences": [{**standing["metadata"]["ownerReferences"][0], **each}]}}
    edit(stage, MAIN[door], body)
    assert what_matters(stage.get(MAIN[door], "a", "m")) != before
    settle(stage)
    assert what_matters(stage.get(MAIN[door], "a", "m")) == before


@pytest.mark.parametrize("door", DOORS)
def test_a_deletion_is_put_right(door: str) -> None:
    stage = opened(door)
    before = stage.ours()
    for each in before:
        kind, name = each.split("/")
        full = {k.split(".")[0]: k for k in (INGRESS, VIRTUAL_SERVICE, ROUTE)}.get(kind, kind)
        stage.delete(full, "a", name)
    settle(stage)
    assert stage.ours() == before
    assert stage.condition()["status"] == "True"


def test_what_others_may_write_is_left_alone() -> None:
    stage = opened("loadbalancer")
    cloud = {
        "metadata": {"annotations": {"cloud.example.com/id": "lb-1"}, "finalizers": ["service.kubernetes.io/lb"]},
        "spec": {"externalTrafficPolicy": "Local", "healthCheckNodePort": 31000, "allocateLoadBalancerNodePorts": True},
    }
    edit(stage, "Service", cloud)
    before = versions(stage)
    settle(stage)
    stage.start()
    settle(stage)
    assert versions(stage) == before


def test_a_repair_of_ports_leaves_the_node_ports_that_the_server_gave() -> None:
    stage = opened("loadbalancer")
    before = stage.get("Service", "a", "m")["spec"]["ports"]
    assert before[0]["nodePort"]
    edit(stage, "Service", {"spec": {"ports": [{**before[0], "name": "theirs"}]}})
    settle(stage)
    assert stage.get("Service", "a", "m")["spec"]["ports"] == before


def test_a_foreign_annotation_that_moves_nothing_stays() -> None:
    stage = opened("nginx")
    edit(stage, INGRESS, {"metadata": {"annotations": {"team.example.com/note": "hello"}, "labels": {"team": "x"}}})
    before = versions(stage)
    settle(stage)
    assert versions(stage) == before


def normalise(stage: Stage, kind: str, change: Any) -> None:
    def mutate(request: Request, obj: JsonObject) -> None:
        if request.resource.kind == kind and request.verb in ("create", "patch") and not request.subresource:
            change(obj)

    stage.store.faults.mutators.append(mutate)


def test_a_field_that_the_server_adds_does_not_loop() -> None:
    stage = opened("istio")
    normalise(stage, VIRTUAL_SERVICE, lambda obj: obj["spec"].setdefault("exportTo", ["*"]))
    edit(stage, VIRTUAL_SERVICE, {"spec": {"hosts": ["evil.example.com"]}})
    settle(stage)
    assert stage.get(VIRTUAL_SERVICE, "a", "m")["spec"]["exportTo"] == ["*"]
    before = versions(stage)
    stage.advance(600)
    assert versions(stage) == before
    assert stage.condition()["status"] == "True"


def test_a_write_that_does_not_stick_is_tried_three_times() -> None:
    stage = opened("nginx")

    def mutate(obj: JsonObject) -> None:
        obj["spec"]["ingressClassName"] = "other"

    normalise(stage, INGRESS, mutate)
    count = len(stage.performed)
    edit(stage, INGRESS, {"spec": {"ingressClassName": "other"}})
    settle(stage)
    stage.rest()
    writes = [a for a in stage.performed[count:] if a.verb in ("create", "patch") and a.ref.kind == INGRESS]
    assert len(writes) == 3
    condition = stage.condition()
    assert condition["reason"] == "NotSticking"
    assert "spec.ingressClassName" in condition["message"]


def test_a_writer_who_insists_is_met_with_growing_pauses() -> None:
    stage = opened("nginx")
    end = stage.clock.now + 1800
    while stage.clock.now < end:
        edit(stage, INGRESS, {"spec": {"ingressClassName": "other"}})
        settle(stage)
        stage.advance(1)
    repaired = [a.at for a in stage.performed if a.verb == "patch" and a.ref.kind == INGRESS]
    pauses = [b - a for a, b in pairwise(repaired)]
    assert len(repaired) < 40
    assert max(pauses) >= 120
    assert max(pauses) <= 302
    events = [o for o in stage.store.list(stage.resource("Event")).items if o["reason"] == "Contested"]
    assert events
    assert "somebody" in events[0]["message"]


def test_a_repair_that_was_only_decided_on_isnt_counted() -> None:
    stage = opened("nginx")
    edit(stage, INGRESS, {"spec": {"ingressClassName": "other"}})
    for number in range(10):  # each is looked at, and nothing goes out meanwhile
        stage.patch("InferenceService.ome.io", "a", "m", {"metadata": {"annotations": {"example.com/n": str(number)}}})
        stage.deliver()
    settle(stage)
    for _ in range(3):
        edit(stage, INGRESS, {"spec": {"ingressClassName": "other"}})
        settle(stage)
        assert stage.get(INGRESS, "a", "m")["spec"]["ingressClassName"] == "nginx"


def test_a_pause_between_repairs_delays_no_change_of_the_door() -> None:
    stage = opened("nginx")
    while "Ingress/m" in stage.ours():  # until its repairs pause
        stage.delete(INGRESS, "a", "m")
        settle(stage)
    annotations = {"ome.io/ingress-domain": "other.example.com"}
    stage.patch("InferenceService.ome.io", "a", "m", {"metadata": {"annotations": annotations}})
    settle(stage)
    assert "Ingress/m" in stage.ours()


def test_a_writer_who_gives_up_is_forgiven() -> None:
    stage = opened("nginx")
    for _ in range(10):
        edit(stage, INGRESS, {"spec": {"ingressClassName": "other"}})
        settle(stage)
        stage.advance(1)
    stage.advance(900)
    assert stage.get(INGRESS, "a", "m")["spec"]["ingressClassName"] == "nginx"
    edit(stage, INGRESS, {"spec": {"ingressClassName": "other"}})
    settle(stage)
    assert stage.get(INGRESS, "a", "m")["spec"]["ingressClassName"] == "nginx"


def test_what_we_set_goes_when_it_is_wanted_no_more_and_what_others_set_stays() -> None:
    stage = opened("nginx", doorward="passAnnotations: [team.example.com/a]")
    ours, theirs = "team.example.com/a", "team.example.com/b"
    edit(stage, INGRESS, {"metadata": {"annotations": {theirs: "x"}}})
    stage.patch("InferenceService.ome.io", "a", "m", {"metadata": {"annotations": {ours: "x", theirs: "y"}}})
    settle(stage)
    assert stage.get(INGRESS, "a", "m")["metadata"]["annotations"].items() >= {ours: "x", theirs: "x"}.items()
    stage.patch("InferenceService.ome.io", "a", "m", {"metadata": {"annotations": {ours: None}}})
    settle(stage)
    annotations = stage.get(INGRESS, "a", "m")["metadata"]["annotations"]
    assert ours not in annotations
    assert annotations[theirs] == "x"


def test_an_annotation_that_the_service_no_longer_passes_goes() -> None:
    stage = opened("nginx")
    key = "nginx.ingress.kubernetes.io/proxy-body-size"
    stage.patch("InferenceService.ome.io", "a", "m", {"metadata": {"annotations": {key: "8m"}}})
    settle(stage)
    assert stage.get(INGRESS, "a", "m")["metadata"]["annotations"][key] == "8m"
    stage.patch("InferenceService.ome.io", "a", "m", {"metadata": {"annotations": {key: None}}})
    settle(stage)
    assert stage.get(INGRESS, "a", "m")["metadata"]["annotations"][key] == "0"
    issuer = "cert-manager.io/cluster-issuer"
    https = {issuer: "letsencrypt", "ome.io/ingress-url-scheme": "https"}
    stage.patch("InferenceService.ome.io", "a", "m", {"metadata": {"annotations": https}})
    settle(stage)
    assert stage.get(INGRESS, "a", "m")["metadata"]["annotations"][issuer] == "letsencrypt"
    stage.patch("InferenceService.ome.io", "a", "m", {"metadata": {"annotations": dict.fromkeys(https)}})
    settle(stage)
    assert issuer not in stage.get(INGRESS, "a", "m")["metadata"]["annotations"]
