"""What KServe's controller made before doorward came: left alone, taken over where that is asked for, never lost."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from doorward.model.reference import JsonObject

from tests.engine.stage import settings
from tests.sources.stage import INGRESS, KSERVE, OME, Sources, kserve, ome, part

SOURCES = Path(__file__).parents[2] / "docs" / "sources.md"
HTTP_ROUTE = "HTTPRoute.gateway.networking.k8s.io"
VIRTUAL_SERVICE = "VirtualService.networking.istio.io"
HOST = "m-a.example.com"
KSERVES_TEMPLATE = "{{ .Name }}-{{ .Namespace }}.{{ .IngressDomain }}"


def by_kserve(stage: Sources, kind: str, name: str = "m", host: str = HOST, service: str = "m") -> JsonObject:
    """An object that KServe's controller makes for one of its services."""
    uid = stage.get(KSERVE, "a", service)["metadata"]["uid"]
    backend = {"name": "m-predictor", "port": 80}
    specs: dict[str, JsonObject] = {
        INGRESS: {"ingressClassName": "nginx", "rules": [_rule(host), _rule(f"m-predictor-{host[2:]}")]},
        HTTP_ROUTE: {
            "parentRefs": [{"namespace": "kserve", "name": "gateway"}],
            "hostnames": [host],
            "rules": [{"backendRefs": [backend]}],
        },
        VIRTUAL_SERVICE: {
            "hosts": [f"{name}.a.svc.cluster.local", host],
            "gateways": ["knative-serving/knative-local-gateway", "knative-serving/knative-ingress-gateway"],
            "http": [{"route": [{"destination": {"host": "knative-local-gateway.istio-system.svc.cluster.local"}}]}],
        },
    }
    resource = stage.resource(kind)
    owner = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "name": service,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    metadata = {"name": name, "namespace": "a", "ownerReferences": [owner]}
    api_version = resource.api_version()
    return {"apiVersion": api_version, "kind": resource.name, "metadata": metadata, "spec": specs[kind]}


def _rule(host: str) -> JsonObject:
    service = {"service": {"name": "m-predictor", "port": {"number": 80}}}
    return {"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": service}]}}


def kserves(*kinds: str, **more: Any) -> Sources:
    """A service of KServe's, with what its controller made; doorward has been told of nothing yet."""
    stage = Sources(settings({"domainTemplate": KSERVES_TEMPLATE}), kserve(**more), part("m"))
    for kind in kinds:
        stage.create(by_kserve(stage, kind))
    stage.settle()
    return stage


def say(stage: Sources, ingress: JsonObject | None = None, doorward: str = "beside: [kserve]") -> None:
    told = settings({"domainTemplate": KSERVES_TEMPLATE, **(ingress or {})}, doorward=doorward)
    stage.patch("ConfigMap", "ome", "inferenceservice-config", {"data": told["data"]})
    stage.settle()


def standing(stage: Sources, kind: str, name: str = "m") -> JsonObject:
    return stage.get(kind, "a", name)


@pytest.mark.parametrize("kind", [INGRESS, HTTP_ROUTE, VIRTUAL_SERVICE])
def test_what_kserve_made_is_left_alone_while_its_controller_opens_doors(kind: str) -> None:
    stage = kserves(kind)
    before = standing(stage, kind)
    assert stage.told(KSERVE)["reason"] == "OpenedByAnother"
    stage.rest(60)
    assert standing(stage, kind) == before
    assert stage.ours() == set()


def test_an_object_of_kserves_under_a_name_that_the_door_needs_is_named_and_left_alone() -> None:
    stage = kserves(INGRESS)
    before = standing(stage, INGRESS)
    say(stage)
    told = stage.told(KSERVE)
    assert told["reason"] == "ObjectConflict"
    assert all(word in told["message"] for word in ("Ingress a/m", "InferenceService m"))
    assert standing(stage, INGRESS) == before


def test_the_door_opens_when_what_kserve_made_is_gone() -> None:
    stage = kserves(INGRESS)
    say(stage)
    stage.delete(INGRESS, "a", "m")
    stage.settle()
    assert stage.hosts() == {"m": [HOST]}
    assert standing(stage, INGRESS)["metadata"]["annotations"]["doorward.io/owner"]
    assert stage.told(KSERVE)["status"] == "True"


@pytest.mark.parametrize("kind", [HTTP_ROUTE, VIRTUAL_SERVICE])
def test_a_door_of_another_kind_opens_beside_what_kserve_made_for_the_same_service(kind: str) -> None:
    stage = kserves(kind)
    before = standing(stage, kind)
    say(stage)
    assert stage.hosts() == {"m": [HOST]}
    assert stage.told(KSERVE)["status"] == "True"
    assert standing(stage, kind) == before
    stage.delete(kind, "a", "m")
    stage.rest(60)
    assert stage.hosts() == {"m": [HOST]}


def test_a_host_that_kserve_serves_for_one_service_is_not_given_to_another() -> None:
    stage = kserves(INGRESS)
    stage.clock.now += 10
    for obj in ome("other", **{"ome.io/ingress-domain-template": HOST, "ome.io/ingress-class": "nginx"}):
        stage.create(obj)
    stage.settle()
    told = stage.told(OME, "other")
    assert (told["reason"], HOST in told["message"]) == ("HostConflict", True)
    stage.delete(INGRESS, "a", "m")
    stage.settle()
    assert stage.hosts() == {"other": [HOST]}


def test_what_kserve_makes_later_for_a_host_of_anothers_is_told_and_changes_nothing() -> None:
    stage = kserves()
    notes = {"ome.io/ingress-domain-template": HOST, "ome.io/ingress-class": "nginx"}
    for obj in ome("other", **notes):
        stage.create(obj)
    stage.settle()
    stage.create(by_kserve(stage, INGRESS))
    stage.settle()
    reasons = {each["reason"] for each in stage.store.list(stage.resource("Event"), "a").items}
    assert "HostShared" in reasons
    assert stage.hosts()["other"] == [HOST]


def documented() -> Iterator[JsonObject]:
    """The settings of each step of the way that the documentation tells, in their order."""
    section = SOURCES.read_text().partition("### Taking over what KServe made")[2].partition("\n## ")[0]
    for block in re.findall(r"```yaml\n(.*?)```", section, re.DOTALL):
        yield yaml.safe_load(block)


def follow(stage: Sources, step: JsonObject) -> None:
    assert (step["kind"], step["metadata"]["namespace"]) == ("ConfigMap", "kserve")
    before = dict.fromkeys(stage.get("ConfigMap", "ome", "inferenceservice-config")["data"])
    stage.patch("ConfigMap", "ome", "inferenceservice-config", {"data": {**before, **step["data"]}})
    stage.settle()


@pytest.mark.parametrize("kind", [INGRESS, HTTP_ROUTE])
def test_the_way_of_the_documentation_takes_doors_over_without_a_gap(kind: str) -> None:
    stage = kserves(kind)
    uid = standing(stage, kind)["metadata"]["uid"]
    stage.create(by_kserve(stage, HTTP_ROUTE, "m-predictor", "m-predictor-a.example.com"))
    left = standing(stage, HTTP_ROUTE, "m-predictor")
    first, last = documented()
    if kind == HTTP_ROUTE:
        ingress = yaml.safe_load(first["data"]["ingress"])
        gateway = {**ingress, "enableGatewayApi": True, "kserveIngressGateway": "kserve/gateway"}
        first["data"]["ingress"] = last["data"]["ingress"] = json.dumps(gateway)
    follow(stage, first)
    taken = standing(stage, kind)
    assert taken["metadata"]["uid"] == uid
    assert taken["metadata"]["annotations"]["doorward.io/owner"] == stage.get(KSERVE, "a", "m")["metadata"]["uid"]
    assert HOST in str(taken["spec"])
    assert standing(stage, HTTP_ROUTE, "m-predictor") == left
    stage.rest(60)
    assert HOST in str(standing(stage, kind)["spec"])
    stage.delete(HTTP_ROUTE, "a", "m-predictor")
    follow(stage, last)
    stage.rest(60)
    now = standing(stage, kind)
    assert (now["metadata"]["uid"], HOST in str(now["spec"])) == (uid, True)
    assert "adopt" not in last["data"]["doorward"]


def test_what_is_taken_over_is_served_at_every_step() -> None:
    stage = kserves(INGRESS)
    first, _ = documented()
    follow(stage, first)
    stage.rest(60)
    changes = [action for action in stage.performed if action.ref.kind == INGRESS]
    assert {action.verb for action in changes} == {"patch"}
    assert all(HOST in str(action.body["spec"]) for action in changes if action.body and "spec" in action.body)
    assert stage.hosts() == {"m": [HOST]}
    assert stage.told(KSERVE)["status"] == "True"
