"""Ingresses before components that speak HTTP/2 or gRPC, and the headers that tell them whom a request is for."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from doors import make
from doorward.model import names
from doorward.model.door import Door, GRPCPort, PathDoor, Warning
from doorward.model.settings import Settings
from gateways import certificate
from opened import facts, render

CLASSES = {
    "nginx": "k8s.io/ingress-nginx",
    "f5": "nginx.org/ingress-controller",
    "traefik": "traefik.io/ingress-controller",
    "haproxy": "haproxy.org/ingress-controller/haproxy",
    "haproxy-ingress": "haproxy-ingress.github.io/controller",
    "contour": "projectcontour.io/contour/contour",
    "kong": "ingress-controllers.konghq.com/kong",
    "alb": "ingress.k8s.aws/alb",
    "gce": "k8s.io/ingress-gce",
    "istio": "istio.io/ingress-controller",
    "unknown": "example.com/other",
}


def speaking(*protocols: tuple[str, str], components: tuple[str, ...] = ("engine",), **changes: Any) -> Door:
    """A door whose components' ports have these names and ``appProtocol``, in the components' order."""
    door = make(components, **changes)
    told = dict(zip(components, protocols, strict=False))
    targets = tuple(
        msgspec.structs.replace(target, port_name=told[target.component][0], app_protocol=told[target.component][1])
        if target.component in told
        else target
        for target in door.targets
    )
    return msgspec.structs.replace(door, targets=targets)


def rendered(door: Door, name: str, *more: dict[str, Any]) -> tuple[dict[str, str], list[Warning]]:
    """What the first Ingress of a class bears, and what is said."""
    spec = {"controller": CLASSES[name]}
    ingress_class = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "IngressClass",
        "metadata": {"name": name},
        "spec": spec,
    }
    door = msgspec.structs.replace(door, ingress_class=name)
    rendering = render("k8s_ingress", door, facts(ingress_class, *more))
    said = [warning for warning in rendering.warnings if warning.reason != "BackendUnreachable"]
    return dict(rendering.objects[0]["metadata"].get("annotations", {})), said


GRPC, H2C, NAMED = ("grpc", ""), ("http", "kubernetes.io/h2c"), ("h2c-api", "")


@pytest.mark.parametrize(
    ("name", "protocol", "borne"),
    [
        ("nginx", GRPC, {"nginx.ingress.kubernetes.io/backend-protocol": "GRPC"}),
        ("nginx", H2C, {"nginx.ingress.kubernetes.io/backend-protocol": "GRPC"}),
        ("nginx", NAMED, {"nginx.ingress.kubernetes.io/backend-protocol": "GRPC"}),
        ("f5", GRPC, {"nginx.org/grpc-services": "m-engine"}),
        ("haproxy", H2C, {"haproxy.org/server-proto": "h2"}),
        ("haproxy-ingress", GRPC, {"haproxy-ingress.github.io/backend-protocol": "h2"}),
        ("alb", GRPC, {"alb.ingress.kubernetes.io/backend-protocol-version": "GRPC"}),
        ("alb", H2C, {"alb.ingress.kubernetes.io/backend-protocol-version": "HTTP2"}),
        ("contour", H2C, {}),
        ("istio", GRPC, {}),
        ("unknown", GRPC, {}),
    ],
)
def test_a_controller_is_told_to_speak_what_the_component_speaks(
    name: str, protocol: tuple[str, str], borne: dict[str, str]
) -> None:
    before, _ = rendered(speaking(), name)
    now, said = rendered(speaking(protocol), name)
    assert {key: value for key, value in now.items() if before.get(key) != value} == borne
    assert said == []


@pytest.mark.parametrize(
    ("name", "protocol", "remedy"),
    [
        ("traefik", GRPC, "service.serversscheme: h2c"),
        ("contour", GRPC, "projectcontour.io/upstream-protocol.h2c"),
        ("kong", GRPC, "konghq.com/protocol: grpc"),
        ("gce", H2C, "cloud.google.com/app-protocols"),
    ],
)
def test_where_the_services_own_annotation_counts_users_hear_which(
    name: str, protocol: tuple[str, str], remedy: str
) -> None:
    assert rendered(speaking(protocol), name)[0] == rendered(speaking(), name)[0]
    (warning,) = rendered(speaking(protocol), name)[1]
    assert warning.reason == "ProtocolUnsupported"
    assert "m-engine" in warning.message
    assert remedy in warning.message


@pytest.mark.parametrize("port", [("http", ""), ("http", "http"), ("http", "kubernetes.io/ws"), ("grpc-web", "")])
def test_a_component_that_speaks_http_1_changes_nothing(port: tuple[str, str]) -> None:
    for name in CLASSES:
        assert rendered(speaking(port), name) == rendered(speaking(), name)


def test_one_ingress_speaks_one_protocol_that_of_the_entry_and_users_hear_it() -> None:
    door = speaking(("http", ""), GRPC, components=("engine", "decoder"))
    borne, (warning,) = rendered(door, "nginx")
    assert "nginx.ingress.kubernetes.io/backend-protocol" not in borne
    assert "m-decoder" in warning.message
    both = speaking(GRPC, H2C, components=("engine", "decoder"))
    borne, said = rendered(both, "nginx")
    assert borne["nginx.ingress.kubernetes.io/backend-protocol"] == "GRPC"
    assert said == []
    assert rendered(door, "f5")[0]["nginx.org/grpc-services"] == "m-decoder"
    assert rendered(door, "f5")[1] == []


def test_the_users_own_protocol_wins() -> None:
    key = "nginx.ingress.kubernetes.io/backend-protocol"
    door = speaking(GRPC, annotations={key: "GRPCS"})
    assert rendered(door, "nginx")[0][key] == "GRPCS"


def test_before_knative_nothing_is_said_of_protocols_since_its_gateway_takes_either() -> None:
    door = speaking(GRPC, mode="Serverless")
    assert rendered(door, "nginx") == rendered(speaking(mode="Serverless"), "nginx")


def test_an_ingress_cant_tell_grpc_by_its_content_type_and_says_who_can() -> None:
    (target,) = make().targets
    grpc = GRPCPort(port=9000, target_port=9000, name="grpc")
    _, (warning,) = rendered(make(targets=(msgspec.structs.replace(target, grpc=grpc),)), "nginx")
    assert warning.reason == "ProtocolUnsupported"
    assert "istio and gateway_api" in warning.message


# -- headers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("f5", "nginx.org/proxy-set-headers", "OMe-Isvc-Name: m, OME-Isvc-Namespace: a"),
        ("haproxy", "haproxy.org/request-set-header", "OMe-Isvc-Name m\nOME-Isvc-Namespace a"),
        ("haproxy-ingress", "haproxy-ingress.github.io/headers", "OMe-Isvc-Name: m\nOME-Isvc-Namespace: a"),
    ],
)
def test_a_controller_that_can_sets_the_headers_that_outsiders_might_forge(name: str, key: str, value: str) -> None:
    assert rendered(make(), name)[0][key] == value
    assert key not in rendered(make(mode="Serverless"), name)[0]
    forged = make(annotations={key: "OMe-Isvc-Name other"}, settings=Settings(pass_annotations=(key,)))
    borne, (warning,) = rendered(forged, name)
    assert borne[key] == value
    assert warning.reason == "AnnotationHeldBack"


# -- certificates and redirects --------------------------------------------------------------------------------------


def test_contour_is_told_to_redirect_where_there_is_tls() -> None:
    key = "ingress.kubernetes.io/force-ssl-redirect"
    secure = make(scheme="https", annotations={"doorward.io/tls-secret": "star"})
    assert rendered(secure, "contour")[0][key] == "true"
    assert key not in rendered(make(), "contour")[0]
    assert key not in rendered(make(scheme="https"), "contour")[0]


@pytest.mark.parametrize(
    ("annotations", "secret"),
    [
        ({"doorward.io/tls-secret": "star"}, "star"),
        ({"cert-manager.io/cluster-issuer": "acme"}, "m-tls"),
    ],
)
def test_an_expired_certificate_is_named(annotations: dict[str, str], secret: str) -> None:
    door = make(scheme="https", annotations=annotations, path=PathDoor("example.com", "/m"))
    told = {warning.message: warning for warning in rendered(door, "nginx", certificate(secret, "a"))[1]}
    (message,) = [message for message in told if "expired" in message]
    assert told[message].reason == "CertificateExpired"
    assert told[message].condition
    assert f"a/{secret}" in message
    for other in (certificate(secret, "b"), certificate("other", "a"), certificate(secret, "a", reason="Renewing")):
        assert not any("expired" in warning.message for warning in rendered(door, "nginx", other)[1])
    plain = make(annotations=annotations)
    assert rendered(plain, "nginx", certificate(secret, "a"))[1] == []


def test_the_certificate_of_a_path_door_that_isnt_opened_is_nobodys_business() -> None:
    door = make(
        scheme="https", annotations={"cert-manager.io/cluster-issuer": "acme"}, path=PathDoor("example.com", "/m")
    )
    secret = f"m-path-{names.mark('a', 'm', '/m')}-tls"
    assert any("expired" in each.message for each in rendered(door, "nginx", certificate(secret, "a"))[1])
    assert not any("expired" in each.message for each in rendered(door, "contour", certificate(secret, "a"))[1])


def test_istios_ingresses_have_their_secrets_where_its_gateway_is() -> None:
    door = make(scheme="https", annotations={"doorward.io/tls-secret": "star"})
    (told,) = rendered(door, "istio", certificate("star", "istio-system"))[1]
    assert (told.reason, told.condition) == ("CertificateExpired", True)
    assert rendered(door, "istio", certificate("star", "a"))[1] == []


def test_what_cert_manager_writes_where_istio_does_not_look_is_told() -> None:
    asking = {"cert-manager.io/cluster-issuer": "acme"}
    (told,) = rendered(make(scheme="https", annotations=asking), "istio")[1]
    assert told.reason == "NoCertificate"
    assert "istio-system" in told.message
    assert "m-tls" in told.message
    door = make(scheme="https", annotations=asking, path=PathDoor("example.com", "/m"), mode="Serverless")
    assert [each.reason for each in rendered(door, "istio")[1]] == ["NoCertificate"]
    assert rendered(make(scheme="https", annotations=asking), "nginx")[1] == []
    assert rendered(make(scheme="https", annotations={**asking, "doorward.io/tls-secret": "star"}), "istio")[1] == []
    assert rendered(make(annotations=asking), "istio")[1] == []
