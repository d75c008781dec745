"""Servers of Istio's Gateway: redirects to those with TLS, and what the condition says where nobody takes a host."""

from __future__ import annotations

from typing import Any

import pytest
from doors import make
from doorward.model.door import Claim, Door, PathDoor
from doorward.model.settings import Settings
from evaluate import DEFAULT_GATEWAY, LOCAL_GATEWAY, route
from gateways import certificate
from gateways import istio_gateway as gateway
from opened import call, facts, open_door, owned, render


def http(*hosts: str, number: int = 80, protocol: str = "HTTP", **more: Any) -> dict[str, Any]:
    return {"port": {"number": number, "name": "http", "protocol": protocol}, "hosts": list(hosts or ("*",)), **more}


def https(*hosts: str, number: int = 443, mode: str = "SIMPLE") -> dict[str, Any]:
    tls = {"mode": mode, "credentialName": "star"}
    return {
        "port": {"number": number, "name": "https", "protocol": "HTTPS"},
        "hosts": list(hosts or ("*",)),
        "tls": tls,
    }


def door_of(components: tuple[str, ...] = ("engine",), **changes: Any) -> Door:
    return make(components, **{"backend": "istio", "scheme": "https", **changes})


def redirects(door: Door, *servers: dict[str, Any]) -> list[tuple[str, int, int | None]]:
    """Of each match that is redirected: the host's expression, the port on which, the port to which."""
    found = []
    for each in render("istio", door, facts(gateway(*servers))).objects:
        for rule in each["spec"]["http"]:
            if "redirect" in rule:
                assert (rule["redirect"]["scheme"], rule["redirect"]["redirectCode"]) == ("https", 308)
                found += [
                    (match["authority"]["regex"], match["port"], rule["redirect"].get("port"))
                    for match in rule["match"]
                ]
    return found


def said(door: Door, *servers: dict[str, Any]) -> dict[str, str]:
    found = render("istio", door, facts(gateway(*servers))).warnings
    assert all(warning.condition for warning in found)
    return {warning.reason: warning.message for warning in found}


HOST = r"m\.a\.example\.com(:\d+)?"


def test_with_tls_and_a_plain_server_plain_requests_are_sent_to_https() -> None:
    assert redirects(door_of(), http(), https()) == [(HOST, 80, None)]
    (object_,) = render("istio", door_of(), facts(gateway(http(), https()))).objects
    first, rest = object_["spec"]["http"]
    assert first["match"][0]["gateways"] == [DEFAULT_GATEWAY]
    assert first["match"][0]["scheme"] == {"exact": "http"}
    assert "redirect" not in rest


@pytest.mark.parametrize(
    ("scheme", "servers"),
    [
        ("http", (http(), https())),
        ("https", (http(),)),
        ("https", (https(),)),
        ("https", (http(), https("*.example.org"))),
        ("https", (http("*.example.org"), https())),
        ("https", (http(tls={"httpsRedirect": True}), https())),
        ("https", (http(), https(mode="PASSTHROUGH"))),
        ("https", (http(), https("other/*"))),
        ("https", (http(protocol="TCP"), https())),
        ("https", ()),
    ],
)
def test_otherwise_nothing_is_redirected(scheme: str, servers: tuple[dict[str, Any], ...]) -> None:
    assert redirects(door_of(scheme=scheme), *servers) == []


def test_each_host_is_redirected_where_it_is_served_and_to_where_it_has_tls() -> None:
    hosts = ("m.a.example.com", "m.a.example.org", "m.a.example.net")
    servers = (http(number=80), http("*.example.org", number=8080), https("a/*.example.com"))
    org = https("m.a.example.org", number=8443)
    assert redirects(door_of(hosts=hosts), *servers, org) == [
        (HOST, 80, None),
        (r"m\.a\.example\.org(:\d+)?", 80, 8443),
        (r"m\.a\.example\.org(:\d+)?", 8080, 8443),
    ]


def test_a_path_door_redirects_below_its_prefix_alone() -> None:
    door = door_of(hosts=(), path=PathDoor("example.com", "/models/m"), in_cluster="conflict")
    (object_,) = render("istio", door, facts(gateway(http(), https()))).objects
    assert [match["uri"] for match in object_["spec"]["http"][0]["match"]] == [
        {"exact": "/models/m"},
        {"prefix": "/models/m/"},
    ]


def test_behind_an_ingress_nothing_is_redirected_since_requests_come_by_the_local_gateway() -> None:
    door = make(mode="Serverless", scheme="https", backend="k8s_ingress")
    local = Settings().ingress_gateway
    for each in render("istio", door, facts(gateway(http(), https()))).objects:
        assert local not in each["spec"]["gateways"]
        assert all("redirect" not in rule for rule in each["spec"]["http"])


def test_a_redirect_claims_nothing_is_narrowed_with_its_hosts_and_leaves_requests_inside_alone() -> None:
    door = door_of(hosts=("m.a.example.com", "m.a.example.org"))
    cluster = facts(gateway(http(), https()))
    (object_,) = render("istio", door, cluster).objects
    placed = owned(object_, door)
    assert list(call("istio", "claims", manifest=placed)) == [
        Claim("m.a.example.com", "/", (DEFAULT_GATEWAY, LOCAL_GATEWAY)),
        Claim("m.a.example.org", "/", (DEFAULT_GATEWAY, LOCAL_GATEWAY)),
    ]
    narrowed = call("istio", "narrow", manifest=placed, hosts=["m.a.example.org"])
    assert narrowed["http"][0]["match"][0]["authority"] == {"regex": r"m\.a\.example\.org(:\d+)?"}
    inside = call("istio", "narrow", manifest=placed, hosts=[])
    assert all("redirect" not in rule for rule in inside["http"])
    objects = open_door(door, cluster)
    assert route(objects, "http://m.a.svc.cluster.local/", inside=True) == ("m-engine", "/")
    assert route(objects, "http://m.a.example.com/") == ("m-engine", "/")


def test_scheme_https_without_tls_for_a_host_is_said() -> None:
    told = said(door_of(), http())
    assert list(told) == ["NoTLSListener"]
    assert "m.a.example.com" in told["NoTLSListener"]
    assert list(said(door_of(), http(), https(mode="PASSTHROUGH"))) == ["NoTLSListener"]
    assert said(door_of(), http(), https()) == {}
    assert said(door_of(), https(mode="MUTUAL")) == {}


def test_scheme_http_with_tls_alone_is_said() -> None:
    assert "urlScheme" in said(door_of(scheme="http"), https())["NoListener"]
    assert said(door_of(scheme="http"), http()) == {}


@pytest.mark.parametrize(
    ("hosts", "heard"),
    [
        (("*",), True),
        (("*/*",), True),
        (("*/*.example.com",), True),
        (("a/*",), True),
        (("a/m.a.example.com",), True),
        (("b/*",), False),
        (("./*",), False),
        (("*.example.org",), False),
        (("example.com",), False),
    ],
)
def test_a_host_that_no_server_takes_from_this_namespace_is_named(hosts: tuple[str, ...], heard: bool) -> None:
    told = said(door_of(scheme="http"), http(*hosts))
    assert list(told) == ([] if heard else ["NoListener"])
    assert heard or "m.a.example.com" in told["NoListener"]


def test_the_gateways_own_namespace_is_a_dot() -> None:
    assert said(door_of(scheme="http", namespace="knative-serving"), http("./*")) == {}


def test_many_hosts_are_one_warning() -> None:
    hosts = tuple(f"m.a.d{number}.test" for number in range(20))
    assert "17 more" in said(door_of(hosts=hosts), http())["NoTLSListener"]


def test_a_gateway_that_isnt_known_says_nothing() -> None:
    assert render("istio", door_of()).warnings == ()


def expired(door: Door, server: dict[str, Any], *certificates: dict[str, Any]) -> list[str]:
    warnings = render("istio", door, facts(gateway(http(), server), *certificates)).warnings
    assert all(warning.condition for warning in warnings)
    return [warning.reason for warning in warnings]


@pytest.mark.parametrize("namespace", ["istio-system", "knative-serving"])
def test_an_expired_certificate_is_named_where_gateways_have_their_secrets(namespace: str) -> None:
    named = ["CertificateExpired"]
    assert expired(door_of(), https(), certificate("star", namespace)) == named
    assert expired(door_of(path=PathDoor("example.com", "/m")), https(), certificate("star", namespace)) == named
    for other in (certificate("other", namespace), certificate("star", namespace, reason="Renewing")):
        assert expired(door_of(), https(), other) == []
    assert expired(door_of(), https("*.example.org"), certificate("star", namespace)) == ["NoTLSListener"]
    assert expired(door_of(scheme="http"), https(), certificate("star", namespace)) == []


def test_a_certificate_of_another_namespace_is_looked_for_there_alone() -> None:
    server = https()
    server["tls"]["credentialName"] = "certs/star"
    assert expired(door_of(), server, certificate("star", "certs")) == ["CertificateExpired"]
    assert expired(door_of(), server, certificate("star", "istio-system")) == []


def test_each_certificate_of_a_server_is_looked_for() -> None:
    server = https()
    server["tls"] = {"mode": "SIMPLE", "credentialNames": ["rsa", "ecdsa"]}
    assert expired(door_of(), server, certificate("ecdsa", "istio-system")) == ["CertificateExpired"]


@pytest.mark.parametrize("name", ["sds://star", "builtin://", ""])
def test_what_no_secret_holds_has_no_certificate(name: str) -> None:
    server = https()
    server["tls"]["credentialName"] = name
    assert expired(door_of(), server, certificate("star", "istio-system")) == []
