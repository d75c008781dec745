"""Traefik's guard is a Middleware: it is there before a door names it, and goes when none does any more."""

from __future__ import annotations

import msgspec
import pytest
from doorward.model import forward_auth
from doorward.model.door import Door
from doorward.model.reference import JsonObject

from tests.engine.scenes import HTTP_ROUTE, INGRESS, Scene, accept_route, service
from tests.engine.stage import settings
from tests.engine.test_guards import ASKING, AUTH, KEYS, WITH_SERVICE

MIDDLEWARE = forward_auth.MIDDLEWARE.kind
NAMED = "traefik.ingress.kubernetes.io/router.middlewares"
CONTROLLER = "traefik.io/gateway-controller"
CLASS: JsonObject = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "IngressClass",
    "metadata": {"name": "traefik"},
    "spec": {"controller": "traefik.io/ingress-controller"},
}
GATEWAY: JsonObject = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "Gateway",
    "metadata": {"name": "shared", "namespace": "gw"},
    "spec": {
        "gatewayClassName": "traefik",
        "listeners": [
            {"name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "All"}}},
        ],
    },
}
BY_ROUTE = {"enableGatewayAPI": True, "omeIngressGateway": "gw/shared"}


def gateway_class(controller: str = CONTROLLER) -> JsonObject:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GatewayClass",
        "metadata": {"name": "traefik"},
        "spec": {"controllerName": controller},
    }


def by_ingress(*objects: JsonObject, annotations: dict[str, str] | None = None, **more: str) -> Scene:
    config = settings({"ingressClassName": "traefik"}, doorward="\n".join([WITH_SERVICE, *more.values()]))
    return Scene(config, KEYS, *(objects or (CLASS,)), *service(raw=True, annotations=annotations))


def by_route(*objects: JsonObject, annotations: dict[str, str] | None = None, **ingress: object) -> Scene:
    config = settings({**BY_ROUTE, **ingress}, doorward=WITH_SERVICE)
    standing = objects or (gateway_class(), GATEWAY)
    return Scene(config, KEYS, *standing, *service(raw=True, annotations=annotations))


def guards(at: Scene) -> list[str]:
    """The names of the Middlewares that stand."""
    return [each["metadata"]["name"] for each in at.objects() if each["kind"] == "Middleware"]


def written(at: Scene, *kinds: str) -> list[tuple[str, str]]:
    return [(a.verb, a.ref.kind) for a in at.performed if a.ref.kind in kinds]


def annotation(at: Scene) -> str | None:
    value = at.get(INGRESS, "a", "m")["metadata"]["annotations"].get(NAMED)
    return str(value) if value is not None else None


def asks(at: Scene, name: str = "m") -> bool:
    """Whether every rule of an HTTPRoute has Traefik ask first, and leads on."""
    (guard,) = guards(at)
    first = {
        "type": "ExtensionRef",
        "extensionRef": {"group": "traefik.io", "kind": "Middleware", "name": guard},
    }
    rules = at.get(HTTP_ROUTE, "a", name)["spec"]["rules"]
    return all(rule["filters"][0] == first and rule["backendRefs"] for rule in rules)


# -- Ingresses -------------------------------------------------------------------------------------------------------


def test_an_ingress_opens_once_its_middleware_is_there() -> None:
    at = by_ingress(annotations=ASKING)
    assert written(at, MIDDLEWARE, INGRESS) == [("create", MIDDLEWARE), ("create", INGRESS)]
    (name,) = guards(at)
    assert annotation(at) == f"a-{name}@kubernetescrd"
    assert at.verdict() == ("True", "")


def test_the_middleware_names_the_door_and_hands_over_no_more_than_keys() -> None:
    at = by_ingress(annotations=ASKING)
    assert at.get(MIDDLEWARE, "a", guards(at)[0])["spec"] == {
        "forwardAuth": {
            "address": "http://doorward-authz.ome.svc.cluster.local:9191/door/traefik/a/m",
            "trustForwardHeader": False,
            "authRequestHeaders": ["Authorization", "X-Api-Key"],
            "authResponseHeaders": ["doorward-client"],
        }
    }


def test_a_door_that_asks_for_no_guard_has_none() -> None:
    at = by_ingress()
    assert guards(at) == []
    assert annotation(at) is None


def test_a_standing_door_gets_its_guard_at_once_and_the_guard_first() -> None:
    at = by_ingress()
    before = at.clock.now
    at.edit(annotations=ASKING)
    assert at.clock.now == before
    assert annotation(at) == f"a-{guards(at)[0]}@kubernetescrd"
    assert written(at, MIDDLEWARE, INGRESS)[-2:] == [("create", MIDDLEWARE), ("patch", INGRESS)]


def test_a_guard_that_is_taken_away_goes_after_the_ingress_that_named_it() -> None:
    at = by_ingress(annotations=ASKING)
    at.edit(annotations={AUTH: "none"})
    assert annotation(at) is None
    at.rest()
    assert guards(at) == []
    assert written(at, MIDDLEWARE, INGRESS)[-2:] == [("patch", INGRESS), ("delete", MIDDLEWARE)]


def test_the_guard_goes_after_its_door() -> None:
    at = by_ingress(annotations=ASKING)
    at.edit(annotations={"ome.io/disable-ingress": "true"})
    at.rest()
    assert at.ours() == {"Service/m"}
    assert written(at, MIDDLEWARE, INGRESS)[-2:] == [("delete", INGRESS), ("delete", MIDDLEWARE)]


def test_one_that_somebody_deletes_or_edits_is_put_right() -> None:
    at = by_ingress(annotations=ASKING)
    (name,) = guards(at)
    spec = at.get(MIDDLEWARE, "a", name)["spec"]
    at.patch(MIDDLEWARE, "a", name, {"spec": {"forwardAuth": {"address": "http://evil.example.com"}}})
    at.settle()
    assert at.get(MIDDLEWARE, "a", name)["spec"] == spec
    at.delete(MIDDLEWARE, "a", name)
    at.settle()
    assert at.get(MIDDLEWARE, "a", name)["spec"] == spec


def test_an_annotation_that_passes_takes_no_guard_away() -> None:
    passing = {"passes": f"passAnnotations: [{NAMED}]"}
    at = by_ingress(annotations={**ASKING, NAMED: "a-nothing@kubernetescrd"}, **passing)
    assert annotation(at) == f"a-{guards(at)[0]}@kubernetescrd"


def test_an_unknown_class_is_not_taken_for_traefik_s() -> None:
    at = by_ingress(KEYS | {"metadata": {"name": "others", "namespace": "a"}}, annotations=ASKING)
    assert "Ingress/m" not in at.ours()
    assert at.verdict() == ("False", "AuthUnsupported")
    assert "no IngressClass traefik" in at.message()


def test_where_the_cluster_has_no_middlewares_a_standing_door_is_closed() -> None:
    config = settings({"ingressClassName": "traefik"}, doorward=WITH_SERVICE)
    at = Scene(config, KEYS, CLASS, *service(raw=True), absent=[MIDDLEWARE])
    assert "Ingress/m" in at.ours()
    at.edit(annotations=ASKING)
    assert "Ingress/m" not in at.ours()
    assert at.verdict() == ("False", "KindNotServed")


# -- HTTPRoutes ------------------------------------------------------------------------------------------------------


def test_every_rule_of_a_route_asks_first() -> None:
    at = by_route(annotations=ASKING, pathTemplate="/models/{{.Name}}", additionalIngressDomains=["example.org"])
    routes = [each["metadata"]["name"] for each in at.objects() if each["kind"] == "HTTPRoute"]
    assert len(routes) == 2
    for name in routes:
        assert asks(at, name)
        accept_route(at, name, CONTROLLER)
    assert written(at, MIDDLEWARE, HTTP_ROUTE)[0] == ("create", MIDDLEWARE)
    assert at.verdict() == ("True", "")
    assert "SecurityPolicy/m" not in at.ours()


def test_a_standing_route_gets_its_guard_at_once_and_loses_it_first() -> None:
    at = by_route()
    accept_route(at, "m", CONTROLLER)
    before = at.clock.now
    at.edit(annotations=ASKING)
    assert at.clock.now == before
    assert asks(at)
    assert written(at, MIDDLEWARE, HTTP_ROUTE)[-2:] == [("create", MIDDLEWARE), ("patch", HTTP_ROUTE)]
    at.edit(annotations={AUTH: "none"})
    accept_route(at, "m", CONTROLLER)
    at.rest()
    assert guards(at) == []
    rules = at.get(HTTP_ROUTE, "a", "m")["spec"]["rules"]
    assert not [each for rule in rules for each in rule["filters"] if each["type"] == "ExtensionRef"]


OTHERS = {
    "another controller": (gateway_class("example.com/gateway"), GATEWAY),
    "one that calls itself alike": (gateway_class(f"{CONTROLLER}.evil/x"), GATEWAY),
    "no class": (GATEWAY,),
    "no gateway": (gateway_class(),),
}


@pytest.mark.parametrize("standing", OTHERS.values(), ids=OTHERS)
def test_a_gateway_that_is_not_known_for_traefik_s_is_not_relied_on(standing: tuple[JsonObject, ...]) -> None:
    at = by_route(*standing, annotations=ASKING)
    assert guards(at) == []
    assert not any(rule.get("backendRefs") for rule in at.get(HTTP_ROUTE, "a", "m")["spec"]["rules"])
    assert at.verdict() == ("False", "GuardPending")


def test_a_class_that_becomes_another_s_shuts_the_door() -> None:
    at = by_route(annotations=ASKING)
    at.patch(
        "GatewayClass.gateway.networking.k8s.io", "", "traefik", {"spec": {"controllerName": "example.com/gateway"}}
    )
    at.settle()
    assert not any(rule.get("backendRefs") for rule in at.get(HTTP_ROUTE, "a", "m")["spec"]["rules"])


# -- its name --------------------------------------------------------------------------------------------------------


def test_nobody_can_guess_the_name_of_a_guard_who_does_not_know_its_service() -> None:
    door = Door(namespace="a-b", name="m.x--y", uid="1", mode="RawDeployment", exposure="outside")
    name = forward_auth.name_of(door)
    assert name != forward_auth.name_of(msgspec.structs.replace(door, uid="2"))
    # What Traefik makes of it has to be what it is.
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert "--" not in name
    assert forward_auth.problem(door) == ""
    assert "a--b" in forward_auth.problem(msgspec.structs.replace(door, namespace="a--b"))
