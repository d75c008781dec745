"""A guard that is the gateway's: it is looked at before a door opens, and no door stands when it doesn't hold."""

from __future__ import annotations

import pytest
from doorward.model.authorization_policy import AUTHORIZATION_POLICY, problem, selects
from doorward.model.reference import JsonObject

from tests.engine.scenes import HTTP_ROUTE, VIRTUAL_SERVICE, Scene, accept_route, service
from tests.engine.stage import settings
from tests.engine.test_guards import ASKING, KEYS, WITH_SERVICE
from tests.engine.test_guards import CLASS as NGINX

POLICY = AUTHORIZATION_POLICY.kind
GATEWAY = "Gateway.networking.istio.io"
DOORWARD = f"{WITH_SERVICE}\nauthPolicy: istio-system/doorward"
SELECTOR = {"istio": "ingressgateway"}


def policy(namespace: str = "istio-system", **spec: object) -> JsonObject:
    whole = {"action": "CUSTOM", "provider": {"name": "doorward"}, "rules": [{}], **spec}
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "doorward", "namespace": namespace},
        "spec": {key: value for key, value in whole.items() if value is not None},
    }


def gateway(**selector: str) -> JsonObject:
    server = {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "knative-ingress-gateway", "namespace": "knative-serving"},
        "spec": {"selector": selector or SELECTOR, "servers": [server]},
    }


def local_gateway(**selector: str) -> JsonObject:
    """Knative's, nearly always of the same pods."""
    found = gateway(**selector)
    return {**found, "metadata": {**found["metadata"], "name": "knative-local-gateway"}}


def scene(
    *objects: JsonObject,
    raw: bool = False,
    annotations: dict[str, str] | None = None,
    doorward: str = DOORWARD,
    local: JsonObject | None = None,
    **ingress: object,
) -> Scene:
    backend = {"doorward.io/backend": "istio"} if raw else {}
    asked = {**backend, **(annotations or {})}
    config = settings(ingress, doorward=doorward)
    return Scene(config, KEYS, local or local_gateway(), *objects, *service(raw=raw, annotations=asked))


def is_open(at: Scene) -> bool:
    return bool(at.reaches("http://m.a.example.com/"))


@pytest.mark.parametrize("raw", [False, True], ids=["serverless", "raw"])
def test_a_door_opens_behind_its_gateway_s_guard(raw: bool) -> None:
    at = scene(policy(), gateway(), raw=raw, annotations=ASKING)
    assert is_open(at)
    assert at.verdict() == ("True", "")
    assert {o["kind"] for o in at.objects() if "AuthorizationPolicy" in o["kind"]} == {"AuthorizationPolicy"}
    assert not [a for a in at.performed if a.ref.kind == POLICY]


BROKEN: dict[str, tuple[list[JsonObject], str]] = {
    "none": ([gateway()], "there is no AuthorizationPolicy istio-system/doorward"),
    "no gateway": ([policy()], "isn't there"),
    "elsewhere": ([policy("a"), gateway()], "there is no AuthorizationPolicy"),
    "another action": ([policy(action="ALLOW", provider=None), gateway()], "action isn't CUSTOM"),
    "no rule": ([policy(rules=None), gateway()], "no rule of it covers host m.a.example.com"),
    "other hosts": (
        [policy(rules=[{"to": [{"operation": {"hosts": ["*.example.org"]}}]}]), gateway()],
        "no rule of it covers",
    ),
    "other pods": ([policy(selector={"matchLabels": {"istio": "other"}}), gateway()], "isn't for the pods"),
    "a Gateway of its own": (
        [
            policy(targetRefs=[{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "x"}]),
            gateway(),
        ],
        "isn't for the pods",
    ),
}


@pytest.mark.parametrize(("objects", "why"), BROKEN.values(), ids=BROKEN)
def test_a_guard_that_doesnt_hold_keeps_the_door_closed(objects: list[JsonObject], why: str) -> None:
    at = scene(*objects, annotations=ASKING)
    assert not is_open(at)
    assert at.verdict() == ("False", "AuthUnsupported")
    assert why in at.message()
    assert at.reaches("http://m.a.svc.cluster.local/", inside=True)


def test_without_the_setting_the_remedy_is_named() -> None:
    at = scene(policy(), gateway(), annotations=ASKING, doorward=WITH_SERVICE)
    assert not is_open(at)
    assert "authPolicy" in at.message()


def test_a_door_is_closed_when_its_gateway_s_guard_goes_and_opens_when_it_comes() -> None:
    at = scene(policy(), gateway(), annotations=ASKING)
    at.delete(POLICY, "istio-system", "doorward")
    at.settle()
    assert not is_open(at)
    at.create(policy())
    at.settle()
    assert is_open(at)
    at.patch(POLICY, "istio-system", "doorward", {"spec": {"rules": [{"from": [{"source": {"namespaces": ["x"]}}]}]}})
    at.settle()
    assert not is_open(at)


def test_a_standing_door_is_closed_where_its_gateway_has_no_guard() -> None:
    at = scene(gateway())
    assert is_open(at)
    at.edit(annotations=ASKING)
    assert not is_open(at)
    assert at.reaches("http://m.a.svc.cluster.local/", inside=True)


def test_in_raw_deployment_a_plain_service_is_as_ever() -> None:
    at = scene(policy(), gateway(), raw=True, annotations=ASKING)
    at.delete(POLICY, "istio-system", "doorward")
    at.settle()
    assert not is_open(at)
    assert "Service/m" in at.ours()


LOCAL_IS_OPEN: dict[str, tuple[JsonObject, JsonObject, str]] = {
    "other pods": (policy(selector={"matchLabels": SELECTOR}), local_gateway(istio="local"), "isn't for the pods of"),
    "no pods": (
        policy(),
        {**local_gateway(), "spec": {"servers": []}},
        "knative-local-gateway isn't there, or selects no",
    ),
    "the outside alone": (
        policy(rules=[{"to": [{"operation": {"hosts": ["m.a.example.com*"]}}]}]),
        local_gateway(),
        "no rule of it covers host m.a ",
    ),
    "the door alone": (
        policy(rules=[{"to": [{"operation": {"hosts": ["m.a.example.com*", "m.a*"]}}]}]),
        local_gateway(),
        "no rule of it covers host m-engine.a ",
    ),
}


@pytest.mark.parametrize(("guard", "local", "why"), LOCAL_IS_OPEN.values(), ids=LOCAL_IS_OPEN)
@pytest.mark.parametrize("backend", ["istio", "k8s_ingress"])
def test_a_serverless_door_opens_only_if_the_local_gateway_is_guarded_too(
    guard: JsonObject, local: JsonObject, why: str, backend: str
) -> None:
    asked = {**ASKING, "doorward.io/backend": backend}
    at = scene(guard, gateway(), NGINX, annotations=asked, local=local, ingressClassName="nginx")
    assert not is_open(at)
    assert at.verdict() == ("False", "AuthUnsupported")
    assert why in at.message()
    opened = scene(policy(), gateway(), NGINX, annotations=asked, ingressClassName="nginx")
    assert is_open(opened)
    assert opened.reaches("http://m.a.svc.cluster.local/", inside=True)


def test_in_raw_deployment_the_local_gateway_need_not_be_guarded() -> None:
    assert is_open(scene(policy(), gateway(), raw=True, annotations=ASKING, local=local_gateway(istio="local")))


# -- Ingresses of class istio ----------------------------------------------------------------------------------------

CLASS = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "IngressClass",
    "metadata": {"name": "istio"},
    "spec": {"controller": "istio.io/ingress-controller"},
}
BY_INGRESS = {"doorward.io/backend": "k8s_ingress", **ASKING}


@pytest.mark.parametrize("known", [CLASS, None], ids=["by its IngressClass", "by its name"])
def test_an_ingress_of_class_istio_opens_behind_the_guard_of_the_mesh_s_gateway(known: JsonObject | None) -> None:
    at = scene(
        policy(selector={"matchLabels": SELECTOR}), *([known] if known else []), raw=True, annotations=BY_INGRESS
    )
    assert is_open(at)
    assert at.verdict() == ("True", "")
    (ingress,) = [each for each in at.objects() if each["kind"] == "Ingress"]
    assert not [key for key in ingress["metadata"]["annotations"] if "auth" in key]
    at.delete(POLICY, "istio-system", "doorward")
    at.settle()
    assert not is_open(at)
    assert at.verdict() == ("False", "AuthUnsupported")
    at.create(policy())
    at.settle()
    assert is_open(at)


GATEWAY_IS_OPEN: dict[str, tuple[list[JsonObject], str, str]] = {
    "no setting": ([policy()], WITH_SERVICE, "authPolicy"),
    "none": ([], DOORWARD, "there is no AuthorizationPolicy istio-system/doorward"),
    "another action": ([policy(action="ALLOW", provider=None)], DOORWARD, "action isn't CUSTOM"),
    "other hosts": (
        [policy(rules=[{"to": [{"operation": {"hosts": ["*.example.org"]}}]}])],
        DOORWARD,
        "no rule of it covers host m.a.example.com",
    ),
    "other pods": ([policy(selector={"matchLabels": {"istio": "other"}})], DOORWARD, "(istio=ingressgateway)"),
    "a Gateway of its own": (
        [policy(targetRefs=[{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "x"}])],
        DOORWARD,
        "isn't for the pods",
    ),
}


@pytest.mark.parametrize(("objects", "doorward", "why"), GATEWAY_IS_OPEN.values(), ids=GATEWAY_IS_OPEN)
def test_an_ingress_of_class_istio_stays_closed_where_its_gateway_asks_nobody(
    objects: list[JsonObject], doorward: str, why: str
) -> None:
    at = scene(*objects, CLASS, raw=True, annotations=BY_INGRESS, doorward=doorward)
    assert not is_open(at)
    assert at.verdict() == ("False", "AuthUnsupported")
    assert why in at.message()


# -- which hosts a policy covers -------------------------------------------------------------------------------------

HOST = "m.a.example.com"
COVERING: list[list[JsonObject]] = [
    [{}],
    [{"to": [{"operation": {"hosts": ["*"]}}]}],
    [{"to": [{"operation": {"hosts": [HOST, f"{HOST}:*"]}}]}],
    [{"to": [{"operation": {"hosts": ["M.A.example.com*"]}}]}],
    [{"to": [{"operation": {"notHosts": ["shop.example.com", "shop.example.com:*", "*.example.org"]}}]}],
    [{"from": [{"source": {"namespaces": ["x"]}}]}, {}],
    [{"to": [{"operation": {"paths": ["/x"]}}, {"operation": {"hosts": ["*"]}}]}],
]
GAPING: list[list[JsonObject]] = [
    [],
    [{"from": [{"source": {"notIpBlocks": ["10.0.0.0/8"]}}]}],
    [{"when": [{"key": "request.headers[x]", "values": ["y"]}]}],
    [{"to": [{"operation": {"hosts": [HOST]}}]}],
    [{"to": [{"operation": {"hosts": [f"{HOST}:*"]}}]}],
    [{"to": [{"operation": {"hosts": ["*.example.com"]}}]}],
    [{"to": [{"operation": {"hosts": [HOST, f"{HOST}:80"]}}]}],
    [{"to": [{"operation": {"hosts": ["*"], "methods": ["GET"]}}]}],
    [{"to": [{"operation": {"notPaths": ["/health"]}}]}],
    [{"to": [{"operation": {"notHosts": [f"{HOST}:*"]}}]}],
    [{"to": [{"operation": {"notHosts": [f"{HOST}:8080"]}}]}],
    [{"to": [{"operation": {"notHosts": ["*:8080"]}}]}],
    [{"to": [{"operation": {"notHosts": ["*.example.com"]}}]}],
    [{"to": [{"operation": {"notHosts": ["m.*"]}}]}],
    [{"to": [{"operation": {"notHosts": ["*"]}}]}],
]


@pytest.mark.parametrize("rules", COVERING)
def test_a_policy_that_covers_a_host_with_every_port_guards_it(rules: list[JsonObject]) -> None:
    assert problem(policy(rules=rules), [HOST]) == ""


@pytest.mark.parametrize("rules", GAPING)
def test_a_policy_that_somebody_gets_past_guards_nothing(rules: list[JsonObject]) -> None:
    assert HOST in problem(policy(rules=rules), [HOST])


def test_a_policy_is_for_pods_that_have_all_of_its_labels() -> None:
    labels = {"istio": "ingressgateway", "app": "x"}
    assert selects(policy(), labels)
    assert selects(policy(selector={"matchLabels": SELECTOR}), labels)
    assert not selects(policy(selector={"matchLabels": {**labels, "y": "z"}}), labels)


# -- HTTPRoutes on an Istio gateway ----------------------------------------------------------------------------------

ROUTED = {"enableGatewayAPI": True, "omeIngressGateway": "istio-system/shared"}
TARGET = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "shared"}


def routed(*objects: JsonObject) -> Scene:
    config = settings(ROUTED, doorward=DOORWARD)
    return Scene(config, KEYS, *objects, *service(raw=True, annotations=ASKING))


def accept(at: Scene, controller: str) -> None:
    accept_route(at, "m", controller)


def leads_on(at: Scene) -> bool:
    return all(rule.get("backendRefs") for rule in at.get(HTTP_ROUTE, "a", "m")["spec"]["rules"])


def test_a_route_leads_on_once_istio_has_its_gateway() -> None:
    at = routed(policy(targetRefs=[TARGET]))
    assert "SecurityPolicy/m" not in at.ours()
    assert not leads_on(at)
    assert at.verdict() == ("False", "GuardPending")
    accept(at, "example.com/other")
    assert not leads_on(at)
    accept(at, "istio.io/gateway-controller")
    assert leads_on(at)
    accept(at, "istio.io/gateway-controller")
    assert at.verdict() == ("True", "")


@pytest.mark.parametrize(
    "spec",
    [{}, {"targetRefs": [{**TARGET, "name": "other"}]}],
    ids=["everything", "another gateway"],
)
def test_a_policy_for_something_else_opens_no_route(spec: JsonObject) -> None:
    at = routed(policy(**spec))
    accept(at, "istio.io/gateway-controller")
    assert not leads_on(at)


def test_a_policy_of_the_gateway_that_covers_too_little_is_refused() -> None:
    at = routed(policy(targetRefs=[TARGET], rules=[{"to": [{"operation": {"hosts": ["*.example.com"]}}]}]))
    assert "HTTPRoute/m" not in at.ours()
    assert at.verdict() == ("False", "AuthUnsupported")


def test_virtual_services_are_written_as_ever() -> None:
    at = scene(policy(), gateway(), annotations=ASKING)
    spec = at.get(VIRTUAL_SERVICE, "a", "m")["spec"]
    assert spec == scene(policy(), gateway()).get(VIRTUAL_SERVICE, "a", "m")["spec"]
