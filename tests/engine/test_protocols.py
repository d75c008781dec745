"""What a component's port speaks goes with it through every door, and gRPC may have a port of its own."""

from __future__ import annotations

from typing import Any

import pytest
from doorward.model.reference import SERVICE, JsonObject

from tests.engine.scenes import HTTP_ROUTE, INGRESS, VIRTUAL_SERVICE, Scene, service
from tests.engine.stage import settings

HTTP = {"name": "http", "port": 80, "targetPort": 8080}
GRPC = {"name": "grpc", "port": 9000, "targetPort": 9001}
OWN_DOOR = {"doorward.io/grpc": "true"}


def scene(
    *ports: JsonObject, annotations: dict[str, str] | None = None, raw: bool = True, ingress: Any = None, **keys: str
) -> Scene:
    """A service whose engine's Service has these ports."""
    made, engine = service(raw=raw, annotations=annotations)
    engine["spec"]["ports"] = list(ports)
    return Scene(settings(ingress, **keys), made, engine)


def ports(scene: Scene, name: str = "m") -> list[JsonObject]:
    found = scene.get(SERVICE, "a", name)["spec"]["ports"]
    return [{key: value for key, value in port.items() if key != "nodePort"} for port in found]


@pytest.mark.parametrize("outside", [{}, {"ome.io/service-type": "LoadBalancer", "ome.io/disable-ingress": "true"}])
@pytest.mark.parametrize(
    ("port", "name", "app_protocol"),
    [
        ({"name": "grpc"}, "grpc", None),
        ({"name": "grpc-api"}, "grpc-api", None),
        ({"name": "h2c"}, "h2c", None),
        ({"name": "http2-x"}, "http2-x", None),
        ({"name": "http", "appProtocol": "kubernetes.io/h2c"}, "http", "kubernetes.io/h2c"),
        ({"name": "web", "appProtocol": "grpc"}, "http", "grpc"),
        ({"name": "web"}, "http", None),
        ({"name": "http-api"}, "http", None),
    ],
)
def test_the_entrys_protocol_carries_over_to_the_in_cluster_door_and_the_load_balancer(
    port: JsonObject, name: str, app_protocol: str | None, outside: dict[str, str]
) -> None:
    (only,) = ports(scene({**port, "port": 9000, "targetPort": 9001}, annotations=outside))
    assert (only["name"], only.get("appProtocol")) == (name, app_protocol)
    assert (only["port"], only["targetPort"]) == (80, 9001)


def test_a_protocol_that_is_given_or_taken_back_is_followed() -> None:
    followed = scene({**HTTP, "appProtocol": "kubernetes.io/h2c"})
    followed.patch(SERVICE, "a", "m-engine", {"spec": {"ports": [HTTP]}})
    followed.settle()
    assert "appProtocol" not in ports(followed)[0]
    followed.patch(SERVICE, "a", "m-engine", {"spec": {"ports": [{**HTTP, "name": "grpc"}]}})
    followed.settle()
    assert ports(followed)[0]["name"] == "grpc"
    quiet = followed.since()
    followed.edit(annotations={"x": "y"})
    assert quiet.writes == []


def test_the_ingress_follows_too() -> None:
    nginx = scene({**HTTP, "appProtocol": "kubernetes.io/h2c"}, annotations={"ome.io/ingress-class": "nginx"})
    key = "nginx.ingress.kubernetes.io/backend-protocol"
    assert nginx.get(INGRESS, "a", "m")["metadata"]["annotations"][key] == "GRPC"
    nginx.patch(SERVICE, "a", "m-engine", {"spec": {"ports": [HTTP]}})
    nginx.settle()
    assert key not in nginx.get(INGRESS, "a", "m")["metadata"]["annotations"]


def test_in_serverless_the_way_to_knatives_gateway_is_as_ever() -> None:
    knative = scene({"name": "http2", "port": 80}, raw=False)
    (port,) = ports(knative)
    assert port["name"] == "http"


@pytest.mark.parametrize(
    ("annotations", "setting", "own"),
    [
        (OWN_DOOR, "", True),
        ({}, "grpc: true", True),
        ({"doorward.io/grpc": "false"}, "grpc: true", False),
        ({}, "", False),
    ],
)
def test_grpc_has_its_own_port_where_annotation_or_setting_says_so(
    annotations: dict[str, str], setting: str, own: bool
) -> None:
    keys = {"doorward": setting} if setting else {}
    found = ports(scene(HTTP, GRPC, annotations=annotations, **keys))
    assert [port["name"] for port in found] == (["http", "grpc"] if own else ["http"])
    if own:
        assert (found[1]["port"], found[1]["targetPort"]) == (9000, 9001)


GATEWAY = {"enableGatewayAPI": True, "omeIngressGateway": "ingress/ome"}


def test_an_http_route_tells_grpc_by_its_content_type() -> None:
    route = scene(HTTP, GRPC, annotations=OWN_DOOR, ingress=GATEWAY).get(HTTP_ROUTE, "a", "m")
    grpc, rest = route["spec"]["rules"]
    assert [match["headers"] for match in grpc["matches"]] == [
        [{"type": "Exact", "name": "content-type", "value": value}]
        for value in ("application/grpc", "application/grpc+proto", "application/grpc+json")
    ]
    assert {match["path"]["value"] for match in grpc["matches"]} == {"/"}
    assert (grpc["backendRefs"][0]["name"], grpc["backendRefs"][0]["port"]) == ("m-engine", 9000)
    assert grpc["filters"] == rest["filters"]
    assert "headers" not in rest["matches"][0]
    assert rest["backendRefs"][0]["port"] == 80


def test_a_virtual_service_tells_grpc_by_its_content_type() -> None:
    istio = scene(HTTP, GRPC, annotations={**OWN_DOOR, "doorward.io/backend": "istio"})
    grpc, rest = istio.get(VIRTUAL_SERVICE, "a", "m")["spec"]["http"]
    assert {str(match.pop("headers")) for match in grpc["match"]} == {
        "{'content-type': {'prefix': 'application/grpc'}}"
    }
    assert grpc["match"] == rest["match"]
    assert grpc["route"][0]["destination"]["port"] == {"number": 9000}
    assert rest["route"][0]["destination"]["port"] == {"number": 80}
    assert istio.verdict() == ("True", "")


@pytest.mark.parametrize("backend", ["istio", "gateway_api"])
def test_without_a_port_for_grpc_users_hear_it_and_the_door_is_as_ever(backend: str) -> None:
    with_it = scene(HTTP, annotations={**OWN_DOOR, "doorward.io/backend": backend}, ingress=GATEWAY)
    without = scene(HTTP, annotations={"doorward.io/backend": backend}, ingress=GATEWAY)
    kind = VIRTUAL_SERVICE if backend == "istio" else HTTP_ROUTE
    assert with_it.get(kind, "a", "m")["spec"] == without.get(kind, "a", "m")["spec"]
    assert with_it.reasons().count("NoGRPCPort") == 1
    assert "NoGRPCPort" not in without.reasons()


def test_an_ingress_serves_what_it_can_and_says_who_can_more() -> None:
    nginx = scene(HTTP, GRPC, annotations={**OWN_DOOR, "ome.io/ingress-class": "nginx"})
    assert "ProtocolUnsupported" in nginx.reasons()
    assert nginx.verdict()[0] == "True"


def test_a_switch_that_cant_be_read_is_named() -> None:
    assert "InvalidFlag" in scene(HTTP, GRPC, annotations={"doorward.io/grpc": "yes"}).reasons()


def test_taking_grpc_back_leaves_the_hosts_alone() -> None:
    istio = scene(HTTP, GRPC, annotations={**OWN_DOOR, "doorward.io/backend": "istio"})
    istio.edit(annotations={"doorward.io/grpc": None})
    (rest,) = istio.get(VIRTUAL_SERVICE, "a", "m")["spec"]["http"]
    assert rest["route"][0]["destination"]["port"] == {"number": 80}
    assert istio.reaches("http://m.a.example.com/") == "m-engine"
