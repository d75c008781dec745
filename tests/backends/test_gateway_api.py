"""HTTPRoutes: limits of the API, what parents say, and who listens."""

from __future__ import annotations

from typing import Any

import pytest
from doors import GATEWAY, make
from doorward.model import names
from doorward.model.door import Claim, Door, PathDoor
from doorward.model.settings import Settings
from evaluate import route
from hypothesis import given, settings
from hypothesis import strategies as st
from opened import call, facts, open_door, owned, render


def door_of(components: tuple[str, ...] = ("engine",), **changes: Any) -> Door:
    return make(components, **{"backend": "gateway_api", "settings": GATEWAY, **changes})


def spec(door: Door) -> dict[str, Any]:
    return dict(render("gateway_api", door).objects[0]["spec"])


def test_a_rule_says_all_that_the_server_would_fill_in() -> None:
    assert spec(door_of()) == {
        "parentRefs": [
            {"group": "gateway.networking.k8s.io", "kind": "Gateway", "namespace": "ingress", "name": "ome"}
        ],
        "hostnames": ["m.a.example.com"],
        "rules": [
            {
                "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                "filters": [
                    {
                        "type": "RequestHeaderModifier",
                        "requestHeaderModifier": {
                            "set": [
                                {"name": "OMe-Isvc-Name", "value": "m"},
                                {"name": "OME-Isvc-Namespace", "value": "a"},
                            ]
                        },
                    }
                ],
                "backendRefs": [{"group": "", "kind": "Service", "name": "m-engine", "port": 80, "weight": 1}],
            }
        ],
    }


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(300, "300s"), (99_999, "99999s"), (100_000, "27h2800s"), (360_000, "100h"), (10**12, "0s")],
)
def test_timeouts_are_durations_of_gep_2257(seconds: int, written: str) -> None:
    (rule,) = spec(door_of(timeouts={"engine": seconds}))["rules"]
    assert rule["timeouts"] == {"request": written}


def test_the_settings_timeout_holds_where_the_component_has_none() -> None:
    door = door_of(
        ("engine", "decoder"),
        timeouts={"decoder": 5},
        settings=Settings(ome_ingress_gateway="ingress/ome", request_timeout_seconds=60),
    )
    assert [rule["timeouts"]["request"] for rule in spec(door)["rules"]] == ["5s", "60s"]


def test_more_than_sixteen_hosts_go_on_in_further_objects() -> None:
    hosts = tuple(f"m.a.d{number}.example.com" for number in range(40))
    door = door_of(("engine", "decoder"), hosts=hosts, path=PathDoor("example.com", "/m"))
    rendered = render("gateway_api", door).objects
    mark = names.mark("a", "m")
    assert [each["metadata"]["name"] for each in rendered] == [
        "m",
        f"m-2-{mark}",
        f"m-3-{mark}",
        f"m-path-{names.mark('a', 'm', '/m')}",
    ]
    assert [len(each["spec"]["hostnames"]) for each in rendered] == [16, 16, 8, 1]
    objects = open_door(door)
    assert all(route(objects, f"http://{host}/v1/decoder/x") == ("m-decoder", "/v1/decoder/x") for host in hosts)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_a_host_stays_in_the_route_that_has_it(data: st.DataObject) -> None:
    every = [f"m.a.d{number}.example.com" for number in range(60)]
    hosts = data.draw(st.lists(st.sampled_from(every), min_size=17, unique=True))
    door = door_of(hosts=tuple(hosts))
    rest, standing = data.draw(st.permutations(every)), []
    for each in render("gateway_api", door).objects:
        have = data.draw(st.integers(0, 16))
        standing.append(owned({**each, "spec": {**each["spec"], "hostnames": rest[:have]}}, door))
        rest = rest[have:]
    rendered = render("gateway_api", door, facts(*standing)).objects
    assert sorted(host for each in rendered for host in each["spec"]["hostnames"]) == sorted(hosts)
    for before, after in zip(standing, rendered, strict=True):
        now = after["spec"]["hostnames"]
        assert 1 <= len(now) <= 16
        assert {host for host in before["spec"]["hostnames"] if host in hosts} <= set(now)


def test_without_a_host_there_is_no_route_since_it_would_take_every_host() -> None:
    assert render("gateway_api", door_of(hosts=())).objects == ()
    (path,) = render("gateway_api", door_of(hosts=(), path=PathDoor("example.com", "/m"))).objects
    assert path["spec"]["hostnames"] == ["example.com"]


def test_a_leaving_parent_and_host_are_kept() -> None:
    rendered = spec(door_of(draining_hosts=("old.example.com",), draining_parents=("old/gw", "ingress/ome")))
    assert rendered["hostnames"] == ["m.a.example.com", "old.example.com"]
    assert [(ref["namespace"], ref["name"]) for ref in rendered["parentRefs"]] == [("ingress", "ome"), ("old", "gw")]


def test_a_path_too_long_for_the_api_leaves_the_hosts_alone() -> None:
    rendering = render("gateway_api", door_of(("engine", "decoder"), path=PathDoor("example.com", "/" + "a" * 1020)))
    assert not rendering.path
    assert [warning.reason for warning in rendering.warnings] == ["PathTemplateUnsupported"]
    assert len(rendering.objects) == 1


def test_serverless_is_refused_in_words() -> None:
    door = door_of(mode="Serverless")
    assert "Serverless" in render("gateway_api", door).refused
    assert render("gateway_api", door).objects == ()
    assert "omeIngressGateway" in render("gateway_api", make(backend="gateway_api")).refused
    assert not render("gateway_api", door_of()).refused


def gateway(*listeners: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "ome", "namespace": "ingress"},
        "spec": {"listeners": list(listeners)},
    }


ALL = {"namespaces": {"from": "All"}}


@pytest.mark.parametrize(
    ("listener", "heard"),
    [
        ({"protocol": "HTTP", "allowedRoutes": ALL}, True),
        ({"protocol": "HTTP", "hostname": "m.a.example.com", "allowedRoutes": ALL}, True),
        ({"protocol": "HTTP", "hostname": "*.test", "allowedRoutes": ALL}, False),
        ({"protocol": "HTTP", "hostname": "example.com", "allowedRoutes": ALL}, False),
        ({"protocol": "TLS", "allowedRoutes": ALL}, False),
        ({"protocol": "HTTP"}, False),
        ({"protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "Same"}}}, False),
        ({"protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "Selector"}}}, True),
        ({"protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "None"}}}, False),
        ({"protocol": "HTTP", "allowedRoutes": {**ALL, "kinds": [{"kind": "GRPCRoute"}]}}, False),
        ({"protocol": "HTTP", "allowedRoutes": {**ALL, "kinds": [{"kind": "HTTPRoute"}]}}, True),
    ],
)
def test_a_host_that_no_listener_admits_is_named(listener: dict[str, Any], heard: bool) -> None:
    warnings = render("gateway_api", door_of(), facts(gateway(listener))).warnings
    assert [warning.reason for warning in warnings] == ([] if heard else ["NoListener"])
    assert heard or "m.a.example.com" in warnings[0].message


def test_many_hosts_that_no_listener_admits_are_one_warning() -> None:
    hosts = tuple(f"m.a.d{number}.test" for number in range(40))
    deaf = gateway({"protocol": "HTTP", "hostname": "*.example.com", "allowedRoutes": ALL})
    (warning,) = render("gateway_api", door_of(hosts=hosts), facts(deaf)).warnings
    assert "m.a.d0.test" in warning.message
    assert "37 more" in warning.message


def test_a_gateway_of_the_same_namespace_admits_by_default() -> None:
    assert render("gateway_api", door_of(namespace="ingress"), facts(gateway({"protocol": "HTTP"}))).warnings == ()


def test_a_gateway_that_isnt_there_gives_no_warning_of_its_own() -> None:
    assert render("gateway_api", door_of()).warnings == ()


def answer(status: str = "True", generation: int = 2, name: str = "ome", **more: str) -> dict[str, Any]:
    told = [{"type": kind, "status": "True", "observedGeneration": generation} for kind in ("Accepted", "ResolvedRefs")]
    told[0 if more.get("of") != "ResolvedRefs" else 1].update(status=status, reason=more.get("reason", "Accepted"))
    return {
        "parentRef": {"namespace": "ingress", "name": name},
        "controllerName": more.get("by", "x"),
        "conditions": told,
    }


def standing(door: Door, *parents: dict[str, Any]) -> Any:
    observed = [
        {**owned(each, door), "status": {"parents": list(parents)}} for each in render("gateway_api", door).objects
    ]
    for each in observed:
        each["metadata"]["generation"] = 2
    return call("gateway_api", "status", door=door, observed=facts(*observed))


def test_it_stands_once_our_parent_accepts_this_generation() -> None:
    assert standing(door_of(), answer()).state == "accepted"
    assert standing(door_of(), answer(generation=1)).state == "pending"
    assert standing(door_of(), answer(name="other")).state == "pending"
    assert standing(door_of()).state == "pending"
    assert standing(door_of(), answer("Unknown")).state == "pending"
    assert call("gateway_api", "status", door=door_of(), observed={}).state == "pending"


@pytest.mark.parametrize("condition", ["Accepted", "ResolvedRefs"])
def test_a_refusal_carries_the_parents_reason(condition: str) -> None:
    told = standing(door_of(), answer("False", of=condition, reason="NotAllowedByListeners"))
    assert (told.state, told.reason) == ("refused", "RouteNotAccepted")
    assert "NotAllowedByListeners" in told.message


def test_of_two_controllers_the_one_that_accepts_counts() -> None:
    assert standing(door_of(), answer("False", by="a"), answer(by="b")).state == "accepted"


def test_a_leaving_parent_neither_opens_nor_closes_the_door() -> None:
    door = door_of(draining_parents=("ingress/old",))
    assert standing(door, answer(name="old")).state == "pending"
    assert standing(door, answer(), answer("False", name="old")).state == "accepted"


def test_every_object_has_to_be_accepted() -> None:
    door = door_of(path=PathDoor("example.com", "/m"))
    main, path = render("gateway_api", door).objects
    good = {**owned(main, door), "status": {"parents": [answer(generation=0)]}}
    assert call("gateway_api", "status", door=door, observed=facts(good, owned(path, door))).state == "pending"


@pytest.mark.parametrize(
    ("changes", "claims"),
    [
        ({}, [Claim("x.example.com", "/", ("b/gw",))]),
        ({"hostnames": None}, []),
        ({"rules": [{"matches": [{"path": {"value": "/api/"}}]}]}, [Claim("x.example.com", "/api", ("b/gw",))]),
        (
            {"rules": [{"matches": [{"path": {"type": "Exact", "value": "/api"}}]}]},
            [Claim("x.example.com", "/api", ("b/gw",), exact=True)],
        ),
        ({"rules": [{"matches": [{"method": "GET", "path": {"type": "Exact", "value": "/api"}}]}]}, []),
        (
            {"rules": [{"matches": [{"path": {"type": "Exact", "value": "/a"}}, {"path": {"value": "/a"}}]}]},
            [Claim("x.example.com", "/a", ("b/gw",))],
        ),
        ({"rules": [{"matches": [{"method": "GET"}]}]}, []),
        (
            {"rules": [{"matches": [{"path": {"value": "/a/b"}}, {"path": {"value": "/a"}}]}]},
            [Claim("x.example.com", "/a", ("b/gw",))],
        ),
        (
            {"parentRefs": [{"name": "gw", "namespace": "c"}, {"kind": "Service", "group": "", "name": "s"}]},
            [Claim("x.example.com", "/", ("c/gw",))],
        ),
        (
            {"parentRefs": [{"name": "gw", "namespace": "b", "sectionName": "web"}, {"name": "gw", "port": 443}]},
            [Claim("x.example.com", "/", ("b/gw",))],
        ),
        (
            {"parentRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gw"}]},
            [Claim("x.example.com", "/", ("b/gw",))],
        ),
        ({"parentRefs": [{"kind": "ListenerSet", "name": "more"}]}, [Claim("x.example.com", "/", ("*/*",))]),
    ],
)
def test_what_a_strangers_route_claims(changes: dict[str, Any], claims: list[Claim]) -> None:
    base = {"hostnames": ["x.example.com"], "parentRefs": [{"name": "gw"}]}
    manifest = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "x", "namespace": "b"},
        "spec": {**base, **changes},
    }
    assert list(call("gateway_api", "claims", manifest=manifest)) == claims
