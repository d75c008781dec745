"""What a door says of the Gateway that it attaches to, before and after the Gateway answers."""

from __future__ import annotations

from typing import Any

from doorward.model.reference import JsonObject

from tests.engine.scenes import HTTP_ROUTE, Scene, service
from tests.engine.stage import settings

ALL = {"namespaces": {"from": "All"}}
API = "gateway.networking.k8s.io/v1"


def gateway(*listeners: JsonObject) -> JsonObject:
    named = [{"name": each["protocol"].lower(), "port": 80, **each} for each in listeners]
    metadata = {"name": "ome", "namespace": "ingress"}
    spec = {"gatewayClassName": "shared", "listeners": named}
    return {"apiVersion": API, "kind": "Gateway", "metadata": metadata, "spec": spec}


def gateway_class(controller: str = "example.com/gateway", features: tuple[str, ...] = ()) -> JsonObject:
    listed = [{"name": feature} for feature in features]
    status = {"conditions": [], "supportedFeatures": listed} if listed else {}
    spec = {"controllerName": controller}
    return {"apiVersion": API, "kind": "GatewayClass", "metadata": {"name": "shared"}, "spec": spec, "status": status}


HTTP = {"protocol": "HTTP", "allowedRoutes": ALL}
HTTPS = {
    "protocol": "HTTPS",
    "port": 443,
    "allowedRoutes": ALL,
    "tls": {"mode": "Terminate", "certificateRefs": [{"name": "star"}]},
}


def scene(*objects: JsonObject, scheme: str = "http", **more: Any) -> Scene:
    ingress = {"enableGatewayAPI": True, "omeIngressGateway": "ingress/ome", "urlScheme": scheme}
    return Scene(settings(ingress), *objects, *service(raw=True), **more)


def answer(scene: Scene, status: str = "True") -> None:
    """The Gateway's answer to every route of the door, for each parent that it names."""
    for route in [each for each in scene.objects() if each["kind"] == "HTTPRoute"]:
        told = [
            {
                "type": type_,
                "status": status,
                "reason": "NotAllowedByListeners" if status == "False" else type_,
                "message": "",
                "observedGeneration": route["metadata"]["generation"],
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
            for type_ in ("Accepted", "ResolvedRefs")
        ]
        parents = [
            {"parentRef": parent, "controllerName": "example.com/gateway", "conditions": told}
            for parent in route["spec"]["parentRefs"]
        ]
        name = route["metadata"]["name"]
        scene.patch(HTTP_ROUTE, "a", name, {"status": {"parents": parents}}, subresource="status")
    scene.settle()


def test_the_condition_says_that_no_listener_takes_the_host_before_the_gateway_does() -> None:
    closed = scene(gateway({"protocol": "HTTP"}))
    assert closed.verdict() == ("False", "NoListener")
    assert "leave out this namespace" in closed.message()
    assert "NoListener" in closed.reasons()
    answer(closed, "False")
    assert closed.verdict() == ("False", "RouteNotAccepted")
    assert "leave out this namespace" in closed.message()


def test_what_the_gateway_accepts_stands_and_the_condition_still_names_the_host() -> None:
    closed = scene(gateway({"protocol": "HTTP"}))
    answer(closed)
    assert closed.verdict()[0] == "True"
    assert "m.a.example.com" in closed.message()


def test_a_listener_that_opens_to_the_namespace_ends_what_is_said() -> None:
    closed = scene(gateway({"protocol": "HTTP"}))
    closed.patch(
        "Gateway.gateway.networking.k8s.io",
        "ingress",
        "ome",
        {"spec": {"listeners": [{"name": "http", "port": 80, **HTTP}]}},
    )
    closed.settle()
    assert closed.verdict() == ("False", "RouteNotAccepted")
    answer(closed)
    assert closed.verdict() == ("True", "")
    assert closed.message() == ""


def test_a_door_of_https_without_tls_stands_and_says_so() -> None:
    plain = scene(gateway(HTTP), scheme="https")
    answer(plain)
    assert plain.verdict()[0] == "True"
    assert "HTTPS" in plain.message()
    assert "NoTLSListener" in plain.reasons()


def test_a_class_that_comes_to_list_timeouts_is_told_that_there_is_none() -> None:
    listing = scene(gateway(HTTP), gateway_class())
    (rule,) = listing.get(HTTP_ROUTE, "a", "m")["spec"]["rules"]
    assert "timeouts" not in rule
    features = {"status": {"supportedFeatures": [{"name": "HTTPRouteRequestTimeout"}]}}
    listing.patch("GatewayClass.gateway.networking.k8s.io", "", "shared", features, subresource="status")
    listing.settle()
    (rule,) = listing.get(HTTP_ROUTE, "a", "m")["spec"]["rules"]
    assert rule["timeouts"] == {"request": "0s"}


def test_a_feature_that_is_lost_is_told_once_in_an_event() -> None:
    gke = scene(gateway(HTTP), gateway_class("networking.gke.io/gateway"))
    gke.edit(annotations={"x": "y"})
    assert gke.reasons().count("FeatureUnsupported") == 1
    answer(gke)
    assert gke.message() == ""


def test_with_tls_and_plain_listeners_both_routes_stand_and_going_back_to_http_takes_the_redirect_away() -> None:
    secure = scene(gateway(HTTP, HTTPS), scheme="https")
    routes = sorted(name for name in secure.ours() if name.startswith("HTTPRoute/"))
    assert len(routes) == 2
    answer(secure)
    assert secure.verdict() == ("True", "")
    assert secure.url() == "https://m.a.example.com"
    secure.edit(annotations={"ome.io/ingress-url-scheme": "http"})
    answer(secure)
    secure.advance(11)
    assert [name for name in secure.ours() if name.startswith("HTTPRoute/")] == ["HTTPRoute/m"]
    assert secure.get(HTTP_ROUTE, "a", "m")["spec"]["parentRefs"][0].get("sectionName") is None


def test_an_expired_certificate_is_named_in_the_condition_of_a_door_that_stands() -> None:
    told = {"type": "Ready", "status": "False", "reason": "Expired", "message": "Certificate expired on Monday"}
    expired = {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"name": "star", "namespace": "ingress"},
        "spec": {"secretName": "star"},
        "status": {"conditions": [told]},
    }
    secure = scene(gateway(HTTP, HTTPS), expired, scheme="https")
    answer(secure)
    assert secure.verdict()[0] == "True"
    assert "ingress/star has expired" in secure.message()
    renewed = {"status": {"conditions": [{"type": "Ready", "status": "True", "reason": "Ready"}]}}
    secure.patch("Certificate.cert-manager.io", "ingress", "star", renewed, subresource="status")
    secure.settle()
    assert secure.message() == ""


def test_routes_that_come_and_go_on_a_gateway_decide_no_door_anew() -> None:
    busy = scene(gateway(HTTP), gateway_class())
    answer(busy)
    since = busy.since()
    listener = {"name": "http", "attachedRoutes": 7, "conditions": [], "supportedKinds": []}
    status = {"status": {"listeners": [listener]}}
    busy.patch("Gateway.gateway.networking.k8s.io", "ingress", "ome", status, subresource="status")
    busy.settle()
    decided = since.decided
    status["status"]["listeners"][0]["attachedRoutes"] = 8
    busy.patch("Gateway.gateway.networking.k8s.io", "ingress", "ome", status, subresource="status")
    busy.settle()
    assert since.decided == decided


def test_where_classes_certificates_and_namespaces_cant_be_seen_doors_open_as_ever() -> None:
    kinds = ("Certificate.cert-manager.io", "GatewayClass.gateway.networking.k8s.io")
    bare = scene(gateway(HTTP), absent=kinds, forbidden=("Namespace",))
    answer(bare)
    assert bare.verdict() == ("True", "")


def test_a_gateway_in_a_namespace_that_is_not_looked_at_is_told_of_once() -> None:
    blind = scene(gateway(HTTP), namespaces=("a",))
    answer(blind)
    ((reason, message),) = blind.told()
    assert reason == "OutOfSight"
    assert message.startswith("Gateway ingress/ome is in a namespace that isn't looked at")
    assert "one --namespace more" in message
    assert blind.verdict() == ("True", "")
    assert blind.again().reasons() == ["OutOfSight"]


def test_a_gateway_that_is_not_there_is_not_out_of_sight() -> None:
    for namespaces in ((), ("a", "ingress")):
        assert scene(namespaces=namespaces).reasons() == []
