"""Listeners of the Gateway: who takes a host, with TLS and without, and what the condition says where nobody does."""

from __future__ import annotations

from typing import Any

import pytest
from doors import GATEWAY, make
from doorward.model import names
from doorward.model.door import Claim, Door, PathDoor, Warning
from gateways import ALL, certificate, gateway, gateway_class, http, https, namespace
from opened import call, facts, owned, render

MARK = names.mark("a", "m")


def door_of(components: tuple[str, ...] = ("engine",), **changes: Any) -> Door:
    return make(components, **{"backend": "gateway_api", "settings": GATEWAY, **changes})


def warnings(door: Door, *cluster: dict[str, Any]) -> list[Warning]:
    return list(render("gateway_api", door, facts(*cluster)).warnings)


def said(door: Door, *cluster: dict[str, Any]) -> dict[str, str]:
    """Reason and message of what the condition says."""
    found = warnings(door, *cluster)
    assert all(warning.condition for warning in found)
    return {warning.reason: warning.message for warning in found}


def sections(door: Door, *cluster: dict[str, Any]) -> dict[str, list[str | None]]:
    objects = render("gateway_api", door, facts(*cluster)).objects
    return {
        each["metadata"]["name"]: [ref.get("sectionName") for ref in each["spec"]["parentRefs"]] for each in objects
    }


FROM = {"from": "Selector", "selector": {"matchLabels": {"doors": "yes"}}}


@pytest.mark.parametrize(
    ("listener", "why"),
    [
        (http(allowedRoutes={"namespaces": {"from": "Same"}}), "leave out this namespace"),
        (http(allowedRoutes={"namespaces": FROM}), "leave out this namespace"),
        (http(allowedRoutes={**ALL, "kinds": [{"kind": "GRPCRoute"}]}), "name no HTTPRoute"),
        ({"protocol": "TLS", "name": "http", "port": 443, "allowedRoutes": ALL}, "with protocol TLS"),
        (http(hostname="*.test"), "namespace a"),
    ],
)
def test_the_condition_says_why_no_listener_takes_a_host(listener: dict[str, Any], why: str) -> None:
    told = said(door_of(), gateway(listener), namespace())
    assert list(told) == ["NoListener"]
    assert "m.a.example.com" in told["NoListener"]
    assert told["NoListener"].endswith(why) or f"{why}, which takes none" in told["NoListener"]
    assert ("listener http" in told["NoListener"]) == (why != "namespace a")


def test_a_listener_set_is_named_where_it_may_be_the_one_that_has_the_host() -> None:
    told = said(door_of(), gateway(http(hostname="*.test"), attachedListenerSets=1))
    assert "ListenerSet" in told["NoListener"]
    assert "ListenerSet" not in said(door_of(), gateway(http(hostname="*.test")))["NoListener"]


EXPRESSIONS = [
    ({"key": "team", "operator": "In", "values": ["x", "y"]}, {"team": "x"}, {"team": "z"}),
    ({"key": "team", "operator": "NotIn", "values": ["z"]}, {}, {"team": "z"}),
    ({"key": "team", "operator": "Exists"}, {"team": ""}, {}),
    ({"key": "team", "operator": "DoesNotExist"}, {}, {"team": "x"}),
    ({"key": "team", "operator": "Near"}, None, {"team": "x"}),
]


@pytest.mark.parametrize(("expression", "admitted", "refused"), EXPRESSIONS)
def test_namespaces_are_chosen_by_their_labels(
    expression: dict[str, Any], admitted: dict[str, str] | None, refused: dict[str, str]
) -> None:
    allowed = {"namespaces": {"from": "Selector", "selector": {"matchExpressions": [expression]}}}
    shown = gateway(http(allowedRoutes=allowed))
    assert admitted is None or said(door_of(), shown, namespace(**admitted)) == {}
    assert list(said(door_of(), shown, namespace(**refused))) == ["NoListener"]


def test_a_selector_of_nothing_selects_nothing_and_an_empty_one_everything() -> None:
    nothing, everything = ({"namespaces": {"from": "Selector", **more}} for more in ({}, {"selector": {}}))
    assert list(said(door_of(), gateway(http(allowedRoutes=nothing)), namespace())) == ["NoListener"]
    assert said(door_of(), gateway(http(allowedRoutes=everything)), namespace()) == {}


def test_a_namespace_that_may_not_be_listed_is_taken_to_be_admitted() -> None:
    assert said(door_of(), gateway(http(allowedRoutes={"namespaces": FROM}))) == {}


def test_scheme_https_without_a_listener_with_tls_is_said() -> None:
    told = said(door_of(scheme="https"), gateway(http()))
    assert list(told) == ["NoTLSListener"]
    assert "m.a.example.com" in told["NoTLSListener"]
    assert said(door_of(scheme="https"), gateway(https())) == {}
    assert said(door_of(scheme="http"), gateway(http())) == {}


def test_scheme_http_with_listeners_of_tls_alone_is_said() -> None:
    told = said(door_of(), gateway(https()))
    assert list(told) == ["NoListener"]
    assert "urlScheme" in told["NoListener"]


def test_many_hosts_without_tls_are_one_warning() -> None:
    hosts = tuple(f"m.a.d{number}.test" for number in range(20))
    told = said(door_of(scheme="https", hosts=hosts), gateway(http()))
    assert "m.a.d0.test" in told["NoTLSListener"]
    assert "17 more" in told["NoTLSListener"]


def test_with_tls_and_plain_listeners_the_door_is_on_tls_and_plain_requests_are_sent_there() -> None:
    door = door_of(("engine", "decoder"), scheme="https", path=PathDoor("example.com", "/m"))
    cluster = gateway(http(), https(name="secure"))
    path = names.mark("a", "m", "/m")
    assert sections(door, cluster) == {
        "m": ["secure"],
        f"m-redirect-{MARK}": ["http"],
        f"m-path-{path}": ["secure"],
        f"m-path-redirect-{path}": ["http"],
    }
    _, redirect, _, of_path = render("gateway_api", door, facts(cluster)).objects
    assert redirect["spec"]["hostnames"] == ["m.a.example.com"]
    assert redirect["spec"]["rules"] == [
        {
            "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
            "filters": [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "statusCode": 301}}],
        }
    ]
    assert of_path["spec"]["rules"][0]["matches"] == [{"path": {"type": "PathPrefix", "value": "/m"}}]


@pytest.mark.parametrize(
    ("features", "port", "redirect"),
    [
        (None, 443, {"scheme": "https", "statusCode": 301}),
        (None, 8443, {"scheme": "https", "statusCode": 301, "port": 8443}),
        (["HTTPRouteSchemeRedirect"], 8443, {"scheme": "https", "statusCode": 301}),
        (
            ["HTTPRouteSchemeRedirect", "HTTPRoutePortRedirect", "HTTPRoute308RedirectStatusCode"],
            8443,
            {"scheme": "https", "statusCode": 308, "port": 8443},
        ),
    ],
)
def test_a_redirect_is_as_good_as_the_class_can(features: Any, port: int, redirect: dict[str, Any]) -> None:
    cluster = facts(gateway(http(), https(port=port)), gateway_class(features=features))
    made = render("gateway_api", door_of(scheme="https"), cluster).objects[1]
    assert made["spec"]["rules"][0]["filters"][0]["requestRedirect"] == redirect


def test_each_listener_that_has_a_host_is_named_and_no_other() -> None:
    hosts = ("m.a.example.com", "m.a.example.org")
    cluster = gateway(
        http(name="web"),
        https(name="com", hostname="*.example.com"),
        https(name="org", hostname="m.a.example.org"),
        https(name="net", hostname="*.example.net"),
        https(name="closed", allowedRoutes={"namespaces": {"from": "None"}}),
    )
    found = sections(door_of(scheme="https", hosts=hosts), cluster)
    assert found == {"m": ["com", "org"], f"m-redirect-{MARK}": ["web"]}


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "listeners",
    [(http(),), (https(),), (http(), https(hostname="*.example.net"))],
)
def test_otherwise_the_door_is_on_all_listeners(scheme: str, listeners: tuple[dict[str, Any], ...]) -> None:
    assert sections(door_of(scheme=scheme), gateway(*listeners)) == {"m": [None]}


def test_scheme_http_is_on_all_listeners_though_some_have_tls() -> None:
    assert sections(door_of(), gateway(http(), https())) == {"m": [None]}


def test_more_listeners_than_a_route_can_name_are_all_of_them() -> None:
    hosts = tuple(f"m.a.d{number}.test" for number in range(16))
    many = [https(name=f"s{number}-{each}", hostname=host) for number in range(3) for each, host in enumerate(hosts)]
    assert sections(door_of(scheme="https", hosts=hosts), gateway(http(), *many)) == {"m": [None]}


def test_draining_gateways_stay_beside_the_listeners() -> None:
    door = door_of(scheme="https", draining_parents=("old/gw", "ingress/ome"))
    route = render("gateway_api", door, facts(gateway(http(), https()))).objects[0]
    assert [(ref["namespace"], ref.get("sectionName")) for ref in route["spec"]["parentRefs"]] == [
        ("ingress", "https"),
        ("old", None),
    ]


def test_a_redirect_serves_the_same_hosts_so_that_it_is_narrowed_and_claimed_like_its_route() -> None:
    door = door_of(scheme="https", path=PathDoor("example.com", "/m"))
    for each in render("gateway_api", door, facts(gateway(http(), https()))).objects:
        host, prefix = ("example.com", "/m") if "path" in each["metadata"]["name"] else ("m.a.example.com", "/")
        placed = owned(each, door)
        assert list(call("gateway_api", "claims", manifest=placed)) == [Claim(host, prefix, ("ingress/ome",))]
        assert call("gateway_api", "narrow", manifest=placed, hosts=[]) is None


def standing(door: Door, cluster: dict[str, Any], told: dict[str, dict[str, str]]) -> Any:
    """``told``: what the Gateway says of each route, by listener."""
    observed = []
    for each in render("gateway_api", door, facts(cluster)).objects:
        parents = [
            {
                "parentRef": {"name": "ome", "namespace": "ingress", "sectionName": section},
                "conditions": [
                    {"type": type_, "status": status, "reason": "x", "observedGeneration": 1}
                    for type_ in ("Accepted", "ResolvedRefs")
                ],
            }
            for section, status in told.get(each["metadata"]["name"], {}).items()
        ]
        observed.append({**owned(each, door), "status": {"parents": parents}})
        observed[-1]["metadata"]["generation"] = 1
    return call("gateway_api", "status", door=door, observed=facts(*observed)).state


def test_every_listener_has_to_accept_and_the_redirect_too() -> None:
    door = door_of(scheme="https", hosts=("m.a.example.com", "m.a.example.org"))
    cluster = gateway(http(), https(name="com", hostname="*.example.com"), https(name="org", hostname="*.example.org"))
    redirect = f"m-redirect-{MARK}"
    good = {"m": {"com": "True", "org": "True"}, redirect: {"http": "True"}}
    assert standing(door, cluster, good) == "accepted"
    assert standing(door, cluster, {**good, "m": {"com": "True"}}) == "pending"
    assert standing(door, cluster, {**good, "m": {"com": "True", "org": "False"}}) == "refused"
    assert standing(door, cluster, {**good, redirect: {}}) == "pending"


def test_an_expired_certificate_is_named() -> None:
    cluster = gateway(https("star", name="s", hostname="*.example.com"), https("other", name="o", hostname="*.test"))
    door = door_of(scheme="https")
    told = said(door, cluster, certificate("star", "ingress"))
    assert list(told) == ["CertificateExpired"]
    assert "ingress/star" in told["CertificateExpired"]
    assert "02 Nov 2026" in told["CertificateExpired"]
    assert said(door, cluster, certificate("other", "ingress")) == {}
    assert said(door, cluster, certificate("star", "ingress", reason="Renewing")) == {}
    assert said(door, cluster, certificate("star", "ingress", status="True", reason="Ready")) == {}
    assert said(door, cluster) == {}


def test_a_certificate_of_another_namespace_is_looked_for_there() -> None:
    listener = https("star")
    listener["tls"]["certificateRefs"][0]["namespace"] = "certs"
    assert list(said(door_of(scheme="https"), gateway(listener), certificate("star", "certs"))) == [
        "CertificateExpired"
    ]


@pytest.mark.parametrize("reason", ["InvalidCertificateRef", "RefNotPermitted", "InvalidRouteKinds"])
def test_a_certificate_that_the_gateway_cant_use_is_named(reason: str) -> None:
    told = {"type": "ResolvedRefs", "status": "False", "reason": reason, "message": "no Secret star"}
    good = {"type": "ResolvedRefs", "status": "True", "reason": "ResolvedRefs"}
    broken = gateway(https(), listeners=[{"name": "https", "conditions": [told]}])
    found = said(door_of(scheme="https"), broken)
    if reason == "InvalidRouteKinds":
        assert found == {}
    else:
        assert list(found) == ["NoCertificate"]
        assert "listener https" in found["NoCertificate"]
        assert "no Secret star" in found["NoCertificate"]
    assert said(door_of(scheme="https"), gateway(https(), listeners=[{"name": "https", "conditions": [good]}])) == {}
    assert list(said(door_of(), broken)) == ["NoListener"]
