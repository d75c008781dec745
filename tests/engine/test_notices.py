"""Kubernetes Events: what doesn't fit into a condition is told once, however often it is decided."""

from __future__ import annotations

import pytest
from doorward.cluster.embedded import Request
from doorward.cluster.protocol import ApiError
from doorward.model.event import Observed
from doorward.model.reference import EVENT, SERVICE, JsonObject

from tests.engine.scenes import SERVICES, Scene, opened, service
from tests.engine.stage import settings

OFF = {"ome.io/disable-ingress": "true"}
MORE = "ome.io/ingress-additional-domains"
BAD = {MORE: "no_good.test"}
GATEWAY_API = {"enableGatewayAPI": True, "omeIngressGateway": "gw/shared"}

GATEWAY: JsonObject = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "Gateway",
    "metadata": {"name": "shared", "namespace": "gw"},
    "spec": {
        "gatewayClassName": "x",
        "listeners": [
            {
                "name": "http",
                "port": 80,
                "protocol": "HTTP",
                "hostname": "*.other.test",
                "allowedRoutes": {"namespaces": {"from": "All"}},
            }
        ],
    },
}
SOMEBODYS: JsonObject = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "m", "namespace": "a"},
    "spec": {"selector": {"app": "x"}, "ports": [{"port": 80}]},
}
WARNED: dict[str, tuple[str, list[JsonObject]]] = {
    "InvalidHost": ("InvalidHost", service(raw=True, annotations=BAD)),
    "InvalidServiceType": ("InvalidServiceType", service(raw=True, annotations={"ome.io/service-type": "Magic"})),
    "NoPathRouting": ("NoPathRouting", service("m", "engine", "decoder", raw=True)),
    "NoScaleFromZero": ("NoScaleFromZero", service(annotations={**OFF, "ome.io/service-type": "NodePort"})),
    "ObjectConflict": ("ObjectConflict", [SOMEBODYS, *service(raw=True)]),
    "PathTemplateUnsupported": (
        "PathTemplateUnsupported",
        service(raw=True, annotations={"ome.io/ingress-path-template": "/m", "ome.io/ingress-class": "traefik"}),
    ),
    "RegexHost": (
        "RegexHost",
        service(raw=True, annotations={"ome.io/ingress-path-template": "/m", "ome.io/ingress-class": "nginx"}),
    ),
    "NoCertificate": ("NoCertificate", service(raw=True, annotations={"ome.io/ingress-url-scheme": "https"})),
    "NoListener": ("NoListener", [GATEWAY, *service(raw=True)]),
}


def warned(name: str) -> tuple[str, Scene]:
    reason, objects = WARNED[name]
    return reason, Scene(settings(GATEWAY_API if name == "NoListener" else {}), *objects)


@pytest.mark.parametrize("name", WARNED)
def test_a_warning_is_told_once(name: str) -> None:
    reason, scene = warned(name)
    assert scene.reasons() == [reason]
    scene.edit(labels={"team": "red"})
    scene.advance(3600)
    assert [a.verb for a in scene.performed].count("event") == 1
    for journal in (True, False):
        assert scene.again(journal=journal).performed == []


@pytest.mark.parametrize("name", WARNED)
def test_it_says_whom_it_is_about_and_is_one_that_kubectl_shows(name: str) -> None:
    _, scene = warned(name)
    (event,) = scene.store.list(scene.resource(EVENT)).items
    about = event["involvedObject"]
    assert (about["kind"], about["namespace"], about["name"]) == ("InferenceService", "a", "m")
    assert about["uid"] == scene.service()["metadata"]["uid"]
    assert event["type"] == "Warning"
    assert event["source"]["component"] == "doorward"
    assert event["metadata"]["namespace"] == "a"
    assert 0 < len(event["message"]) <= 1024


def test_another_warning_of_the_same_kind_is_told_too() -> None:
    scene = opened(annotations=BAD)
    scene.edit(annotations={MORE: "no_good.test,no_better.test"})
    assert scene.reasons() == ["InvalidHost", "InvalidHost"]


def test_what_came_up_while_nothing_ran_is_told() -> None:
    scene = opened()
    scene.patch(SERVICES, "a", "m", {"metadata": {"annotations": BAD}})
    after = scene.again()
    assert after.reasons() == ["InvalidHost"]


def test_a_warning_isnt_lost_when_more_happens_before_it_is_handed_out() -> None:
    scene = opened()
    scene.patch(SERVICES, "a", "m", {"metadata": {"annotations": BAD}})
    scene.deliver()
    scene.patch(SERVICES, "a", "m", {"metadata": {"labels": {"team": "red"}}})
    scene.deliver()
    scene.settle()
    assert scene.reasons() == ["InvalidHost"]


def test_a_warning_isnt_lost_when_the_process_ends_before_it_is_handed_out() -> None:
    scene = opened()
    scene.patch(SERVICES, "a", "m", {"metadata": {"annotations": BAD}})
    scene.deliver()
    assert scene.again().reasons() == ["InvalidHost"]


def test_an_event_that_is_refused_stands_in_nobodys_way() -> None:
    scene = Scene(settings(), *service("m", "engine", "decoder", raw=True), start=False)

    def refuse(request: Request) -> None:
        if request.resource.kind == EVENT:
            raise ApiError(403, "Forbidden", "no events here")

    scene.store.faults.before.append(refuse)
    scene.start()
    scene.advance(600)
    assert scene.verdict() == ("True", "")
    assert [a.verb for a in scene.performed].count("event") <= 2


def test_conditions_are_told_by_the_condition_and_not_by_events() -> None:
    scene = Scene(settings(), *service(raw=True, annotations={"ome.io/deployment-mode": "Raw"}))
    assert scene.verdict() == ("False", "InvalidDeploymentMode")
    assert scene.told() == []


def test_a_long_name_gives_an_event_that_the_server_takes() -> None:
    name = "m" * 200
    scene = Scene(settings(), service(name, raw=True, spec={"engine": {}}, annotations=BAD)[0])
    assert scene.reasons(about=name) == ["InvalidHost"]


def test_an_event_about_an_event_is_never_made() -> None:
    scene = opened(annotations=BAD)
    watched = scene.since()
    scene.receive(Observed(at=scene.clock(), kind=SERVICE, object=scene.get(SERVICE, "a", "m")))
    assert (watched.decided, watched.writes) == (0, [])
