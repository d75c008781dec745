"""HTTPRoutes hold what the class of the Gateway can do, and say what is lost by what it can't."""

from __future__ import annotations

from typing import Any

import pytest
from doors import GATEWAY, make
from doorward.model.door import Door, PathDoor, Rendering
from doorward.model.settings import Settings
from gateways import gateway, gateway_class, http, https
from opened import facts, render

TIMEOUT, REWRITE = "HTTPRouteRequestTimeout", "HTTPRoutePathRewrite"


def door_of(components: tuple[str, ...] = ("engine",), **changes: Any) -> Door:
    return make(components, **{"backend": "gateway_api", "settings": GATEWAY, **changes})


def rendered(door: Door, gateway_class: dict[str, Any] | None) -> Rendering:
    return render("gateway_api", door, facts(gateway(http()), *([gateway_class] if gateway_class else [])))


def timeouts(rendering: Rendering) -> list[Any]:
    return [rule.get("timeouts", {}).get("request") for each in rendering.objects for rule in each["spec"]["rules"]]


def lost(rendering: Rendering) -> str:
    assert {warning.reason for warning in rendering.warnings} <= {"FeatureUnsupported"}
    return "; ".join(warning.message for warning in rendering.warnings)


def test_a_class_that_lists_timeouts_is_told_that_there_is_none() -> None:
    listing = gateway_class(features=["HTTPRoute", TIMEOUT])
    assert timeouts(rendered(door_of(), listing)) == ["0s"]
    assert timeouts(rendered(door_of(timeouts={"engine": 300}), listing)) == ["300s"]


def test_a_list_of_before_v1_2_is_read_too() -> None:
    old = gateway_class(features=[])
    old["status"] = {"supportedFeatures": ["HTTPRoute", TIMEOUT]}
    assert timeouts(rendered(door_of(), old)) == ["0s"]


def test_without_a_list_a_timeout_is_written_only_where_one_is_asked_for() -> None:
    for known in (None, gateway_class(), gateway_class(features=[])):
        assert timeouts(rendered(door_of(), known)) == [None]
        door = door_of(("engine", "decoder"), timeouts={"decoder": 300})
        assert timeouts(rendered(door, known)) == ["300s", None]
        assert lost(rendered(door, known)) == ""


def test_the_settings_timeout_is_asked_for_too() -> None:
    door = door_of(settings=Settings(ome_ingress_gateway="ingress/ome", request_timeout_seconds=60))
    assert timeouts(rendered(door, None)) == ["60s"]


@pytest.mark.parametrize(
    "controller",
    [
        "gateway.envoyproxy.io/gatewayclass-controller",
        "projectcontour.io/gateway-controller",
        "kgateway.dev/kgateway",
        "io.cilium/gateway-controller",
    ],
)
def test_a_limit_that_a_controller_is_known_to_have_is_lifted(controller: str) -> None:
    assert timeouts(rendered(door_of(), gateway_class(controller))) == ["0s"]


def test_a_list_counts_for_more_than_what_is_known_of_the_controller() -> None:
    lists = gateway_class("networking.gke.io/gateway", ["HTTPRoute", TIMEOUT])
    assert timeouts(rendered(door_of(), lists)) == ["0s"]
    envoy = gateway_class("gateway.envoyproxy.io/gatewayclass-controller", ["HTTPRoute"])
    assert timeouts(rendered(door_of(), envoy)) == [None]
    assert "15s" in lost(rendered(door_of(), envoy))


def test_gke_is_sent_no_timeouts_and_users_hear_which_they_lose() -> None:
    gke = gateway_class("networking.gke.io/gateway", name="shared")
    door = door_of(("engine", "decoder"), timeouts={"decoder": 300})
    assert timeouts(rendered(door, gke)) == [None, None]
    assert "300 s of the decoder" in lost(rendered(door, gke))
    assert "GCPBackendPolicy" in lost(rendered(door, gke))
    assert "30s" in lost(rendered(door_of(), gke))


def test_a_class_that_lists_no_timeouts_loses_those_that_are_asked_for_and_nothing_else() -> None:
    listing = gateway_class(features=["HTTPRoute"])
    assert timeouts(rendered(door_of(timeouts={"engine": 9}), listing)) == [None]
    assert "9 s of the engine" in lost(rendered(door_of(timeouts={"engine": 9}), listing))
    assert lost(rendered(door_of(), listing)) == ""


def test_disable_http_route_timeout_leaves_them_out_whatever_is_asked_for() -> None:
    off = Settings(ome_ingress_gateway="ingress/ome", disable_http_route_timeout=True, request_timeout_seconds=60)
    door = door_of(settings=off, timeouts={"engine": 9})
    for known in (None, gateway_class(features=["HTTPRoute", TIMEOUT]), gateway_class("networking.gke.io/gateway")):
        assert timeouts(rendered(door, known)) == [None]
        assert lost(rendered(door, known)) == ""


def test_without_path_rewrite_there_is_no_path_door_since_its_paths_would_arrive_whole() -> None:
    door = door_of(path=PathDoor("example.com", "/models/m"))
    without = rendered(door, gateway_class(features=["HTTPRoute"]))
    assert not without.path
    assert [each["metadata"]["name"] for each in without.objects] == ["m"]
    assert "/models/m" in lost(without)
    for known in (None, gateway_class(), gateway_class(features=["HTTPRoute", REWRITE])):
        assert rendered(door, known).path
        assert len(rendered(door, known).objects) == 2


def test_headers_are_set_whatever_is_listed_since_they_belong_to_every_http_route() -> None:
    (route,) = rendered(door_of(), gateway_class(features=["HTTPRoute"])).objects
    assert route["spec"]["rules"][0]["filters"][0]["type"] == "RequestHeaderModifier"


def test_without_scheme_redirect_plain_requests_find_nobody_and_users_hear_it() -> None:
    door = door_of(scheme="https")
    listing = gateway_class(features=["HTTPRoute"])
    rendering = render("gateway_api", door, facts(gateway(http(), https()), listing))
    (route,) = rendering.objects
    assert [ref.get("sectionName") for ref in route["spec"]["parentRefs"]] == ["https"]
    assert "HTTPRouteSchemeRedirect" in lost(rendering)
