"""VirtualServices: hosts, gateways, what goes on to Knative, and whose names are left alone."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from doors import make
from doorward.model import names
from doorward.model.door import Claim, Door, PathDoor
from doorward.model.settings import Settings
from evaluate import DEFAULT_GATEWAY, LOCAL_GATEWAY, route
from opened import asked, call, facts, open_door, owned, render

INSIDE = ["m.a", "m.a.svc", "m.a.svc.cluster.local"]


def serverless(components: tuple[str, ...] = ("engine",), **changes: Any) -> Door:
    return make(components, **{"mode": "Serverless", "backend": "istio", **changes})


def spec(door: Door, *cluster: dict[str, Any]) -> dict[str, Any]:
    return dict(render("istio", door, facts(*cluster)).objects[0]["spec"])


def served(rendered: dict[str, Any]) -> dict[str, set[str]]:
    """Authority expression -> gateways that it is matched on."""
    found: dict[str, set[str]] = {}
    for http in rendered["http"]:
        for match in http["match"]:
            found.setdefault(match["authority"]["regex"], set()).update(match["gateways"])
    return found


def test_it_watches_virtual_services_and_owns_their_spec() -> None:
    ((watch, read, *others),) = call("istio", "watches")
    assert (read.resource.kind, read.owned) == ("Gateway.networking.istio.io", "nothing")
    assert {other.owned for other in others} == {"nothing"}
    assert watch.resource.kind == "VirtualService.networking.istio.io"
    assert watch.resource.versions == ("v1", "v1beta1")
    assert (watch.owned, watch.adoptable) == ("spec", True)


def test_outside_hosts_stay_off_the_mesh_and_in_cluster_hosts_off_the_ingress_gateway() -> None:
    rendered = spec(serverless())
    assert rendered["hosts"] == ["m.a.example.com", *INSIDE]
    assert rendered["gateways"] == [DEFAULT_GATEWAY, LOCAL_GATEWAY, "mesh"]
    assert served(rendered) == {
        r"m\.a\.example\.com(:\d+)?": {DEFAULT_GATEWAY, LOCAL_GATEWAY},
        r"m\.a(\.svc(\.cluster\.local)?)?(:\d+)?": {LOCAL_GATEWAY, "mesh"},
    }


def test_serverless_goes_to_knative_under_the_components_own_name() -> None:
    door = serverless(("engine", "decoder"), settings=Settings(cluster_domain="corp.internal"))
    decoder, rest = spec(door)["http"]
    assert decoder["route"] == [
        {"destination": {"host": door.settings.knative_local_gateway_service, "port": {"number": 80}}}
    ]
    assert decoder["headers"]["request"]["set"] == {
        "Host": "m-decoder.a.svc.corp.internal",
        "OMe-Isvc-Name": "m",
        "OME-Isvc-Namespace": "a",
    }
    assert rest["headers"]["request"]["set"]["Host"] == "m-engine.a.svc.corp.internal"


def test_raw_goes_to_the_component_service_and_its_port_with_its_own_host() -> None:
    door = make(backend="istio")
    (http,) = spec(door)["http"]
    assert http["route"] == [{"destination": {"host": "m-engine.a.svc.cluster.local", "port": {"number": 80}}}]
    assert http["headers"]["request"]["set"] == {"OMe-Isvc-Name": "m", "OME-Isvc-Namespace": "a"}


def test_a_raw_sidecar_knows_the_bare_name_too_as_the_service_answers_to_it() -> None:
    assert r"m(\.a(\.svc(\.cluster\.local)?)?)?(:\d+)?" in served(spec(make(backend="istio")))


def test_there_is_no_timeout_but_the_components_or_the_settings() -> None:
    assert all("timeout" not in http for http in spec(serverless(("engine", "decoder")))["http"])
    door = serverless(("engine", "decoder"), timeouts={"decoder": 300}, settings=Settings(request_timeout_seconds=60))
    assert [http["timeout"] for http in spec(door)["http"]] == ["300s", "60s"]


@pytest.mark.parametrize("exposure", ["cluster-local", "disabled"])
def test_a_closed_door_has_no_host_outside_whatever_else_it_says(exposure: str) -> None:
    door = serverless(exposure=exposure, path=PathDoor("example.com", "/m"), draining_parents=(DEFAULT_GATEWAY,))
    (virtual_service,) = render("istio", door).objects
    assert virtual_service["spec"]["hosts"] == INSIDE
    assert virtual_service["spec"]["gateways"] == [LOCAL_GATEWAY, "mesh"]
    assert call("istio", "claims", manifest=owned(virtual_service, door)) == ()


def test_behind_a_load_balancer_only_the_in_cluster_hosts_are_left() -> None:
    door = serverless(backend="loadbalancer", service_type="LoadBalancer", hosts=(), path=None)
    assert asked("istio", door)
    assert spec(door)["gateways"] == [LOCAL_GATEWAY, "mesh"]
    assert spec(door)["hosts"] == INSIDE


@pytest.mark.parametrize("in_cluster", ["conflict", "none"])
@pytest.mark.parametrize("mode", ["Serverless", "RawDeployment"])
def test_in_cluster_names_of_somebody_elses_service_are_left_alone(in_cluster: str, mode: str) -> None:
    rendered = spec(make(mode=mode, backend="istio", in_cluster=in_cluster))
    assert rendered["hosts"] == ["m.a.example.com"]
    assert "mesh" not in rendered["gateways"]


def test_a_tied_service_is_served_where_it_leads_to_the_local_gateway() -> None:
    door = serverless(in_cluster="tied")
    tied = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "m", "namespace": "a"}}
    leading = {**tied, "spec": {"type": "ExternalName", "externalName": door.settings.local_gateway_service}}
    assert spec(door, leading)["hosts"] == ["m.a.example.com", *INSIDE]
    elsewhere = {**tied, "spec": {"type": "ClusterIP", "selector": {"component": "engine"}}}
    assert spec(door, elsewhere)["hosts"] == ["m.a.example.com"]


def test_nothing_is_rendered_while_virtual_services_are_disabled() -> None:
    door = serverless(virtual_services=False, in_cluster="none")
    assert render("istio", door).objects == ()
    assert asked("istio", msgspec.structs.replace(door, backend="k8s_ingress")) is None
    assert "disabled" in render("istio", door).refused
    assert "disabled" in render("istio", make(backend="istio", virtual_services=False)).refused


def test_it_accompanies_serverless_doors_of_other_backends_only() -> None:
    assert asked("istio", serverless(backend="k8s_ingress"))
    assert asked("istio", make()) is None


def test_the_path_door_is_an_object_of_its_own_off_the_mesh() -> None:
    door = serverless(("engine", "decoder"), path=PathDoor("example.com", "/models/m"))
    main, path = render("istio", door).objects
    assert "example.com" not in main["spec"]["hosts"]
    assert path["metadata"]["name"] == f"m-path-{names.mark('a', 'm', '/models/m')}"
    assert path["spec"]["hosts"] == ["example.com"]
    assert path["spec"]["gateways"] == [DEFAULT_GATEWAY, LOCAL_GATEWAY]
    behind = render("istio", serverless(backend="k8s_ingress", path=door.path)).objects[1]
    assert behind["spec"]["gateways"] == [LOCAL_GATEWAY]


def test_what_leaves_is_served_with_what_stays() -> None:
    old = "old/gateway"
    door = serverless(
        draining_hosts=("m.old.example.com",),
        draining_parents=(old,),
        path=PathDoor("example.com", "/m"),
        draining_path_hosts=("old.example.com",),
    )
    objects = open_door(door)
    for gateway in (old, DEFAULT_GATEWAY):
        assert route(objects, "http://m.old.example.com/", gateway=gateway) == ("m-engine", "/")
        assert route(objects, "http://old.example.com/m/x", gateway=gateway) == ("m-engine", "/x")
    assert route(objects, "http://m.a/", gateway=old) is None


def test_an_ingress_class_that_leaves_is_no_gateway() -> None:
    door = serverless(backend="k8s_ingress", draining_parents=("old-class",), path=PathDoor("example.com", "/m"))
    assert all("old-class" not in str(each) for each in render("istio", door).objects)


def test_a_leaving_local_gateway_keeps_the_in_cluster_hosts() -> None:
    old = "old/local"
    before = serverless(settings=Settings(local_gateway=old))
    standing = owned(render("istio", before).objects[0], before)
    now = serverless(draining_parents=(old,))
    objects = [owned(each, now) for each in render("istio", now, facts(standing)).objects]
    assert route(objects, "http://m.a.svc.cluster.local/", gateway=old) == ("m-engine", "/")
    assert route(objects, "http://m.a.example.com/", gateway=old) == ("m-engine", "/")


def test_annotations_pass_by_setting_only() -> None:
    annotations = {"team.example.com/a": "1", "nginx.ingress.kubernetes.io/proxy-body-size": "8m"}
    door = serverless(annotations=annotations, settings=Settings(pass_annotations=("team.example.com/a",)))
    (virtual_service,) = render("istio", door).objects
    assert virtual_service["metadata"]["annotations"] == {"team.example.com/a": "1"}
    assert "annotations" not in render("istio", serverless(annotations=annotations)).objects[0]["metadata"]


FORMS = ["m.a", "m.a.svc", "m.a.svc.cluster.local"]
INSIDE_BY_KSERVE = r"^m\.a(\.svc(\.cluster\.local)?)?(?::\d{1,5})?$"
BY_KSERVE = r"^m\.a\.svc\.example\.com(?::\d{1,5})?$"


def foreign(**changes: Any) -> dict[str, Any]:
    base = {"hosts": ["x.example.com"], "gateways": ["istio-system/gw"], "http": [{"route": []}]}
    return {
        "apiVersion": "networking.istio.io/v1beta1",
        "kind": "VirtualService",
        "metadata": {"name": "x", "namespace": "b"},
        "spec": {**base, **changes},
    }


@pytest.mark.parametrize(
    ("changes", "claims"),
    [
        ({}, [Claim("x.example.com", "/", ("istio-system/gw",))]),
        ({"gateways": ["gw", "mesh"]}, [Claim("x.example.com", "/", ("b/gw",))]),
        ({"gateways": ["mesh"]}, []),
        ({"gateways": None}, []),
        ({"hosts": ["*", "reviews"]}, []),
        (
            {"hosts": ["reviews.b", "m.a.svc.example.com"]},
            [Claim(host, "/", ("istio-system/gw",)) for host in ("reviews.b", "m.a.svc.example.com")],
        ),
        ({"hosts": FORMS, "http": [{"match": [{"authority": {"regex": INSIDE_BY_KSERVE}}]}]}, []),
        (
            {
                "hosts": ["m.a.svc.example.com"],
                "http": [{"match": [{"authority": {"regex": INSIDE_BY_KSERVE}}, {"authority": {"regex": BY_KSERVE}}]}],
            },
            [Claim("m.a.svc.example.com", "/", ("istio-system/gw",))],
        ),
        ({"hosts": ["*.example.com"]}, [Claim("*.example.com", "/", ("istio-system/gw",))]),
        ({"http": [{"match": [{"uri": {"prefix": "/api/"}}]}]}, [Claim("x.example.com", "/api", ("istio-system/gw",))]),
        (
            {"http": [{"match": [{"uri": {"exact": "/api"}}]}]},
            [Claim("x.example.com", "/api", ("istio-system/gw",), exact=True)],
        ),
        ({"http": [{"match": [{"uri": {"exact": "/api"}, "method": {"exact": "GET"}}]}]}, []),
        (
            {"http": [{"match": [{"uri": {"exact": "/"}}, {"uri": {"prefix": "/"}}]}]},
            [Claim("x.example.com", "/", ("istio-system/gw",))],
        ),
        ({"http": [{"match": [{"uri": {"regex": "/v[0-9]+"}}]}]}, []),
        ({"http": [{"match": [{"headers": {"x": {"exact": "y"}}}]}]}, []),
        ({"http": [{"match": [{"authority": {"exact": "y.example.com"}}]}]}, []),
        (
            {
                "hosts": ["y.example.com", "x.example.com"],
                "http": [{"match": [{"authority": {"exact": "x.example.com"}}]}],
            },
            [Claim("x.example.com", "/", ("istio-system/gw",))],
        ),
        (
            {"hosts": ["y.example.com", "x.example.com"], "http": [{"match": [{"authority": {"prefix": "x."}}]}]},
            [Claim("x.example.com", "/", ("istio-system/gw",))],
        ),
        (
            {
                "hosts": ["y.example.com", "x.example.com"],
                "http": [{"match": [{"uri": {"exact": "/api"}, "authority": {"exact": "x.example.com"}}]}],
            },
            [Claim("x.example.com", "/api", ("istio-system/gw",), exact=True)],
        ),
        (
            {"http": [{"match": [{"authority": {"regex": r"^x\.example\.com(?::\d{1,5})?$"}}]}]},
            [Claim("x.example.com", "/", ("istio-system/gw",))],
        ),
        ({"http": [{"match": [{"authority": {"regex": "("}}]}]}, [Claim("x.example.com", "/", ("istio-system/gw",))]),
        (
            {"http": [{"match": [{"authority": {"regex": r"((\w+)*)+!"}}]}]},
            [Claim("x.example.com", "/", ("istio-system/gw",))],
        ),
        ({"http": [{"match": [{"gateways": ["other/gw"]}]}]}, [Claim("x.example.com", "/", ("other/gw",))]),
        (
            {"http": [{"match": [{"gateways": ["mesh"]}, {"uri": {"prefix": "/api"}}]}]},
            [Claim("x.example.com", "/api", ("istio-system/gw",))],
        ),
        (
            {"http": [{"match": [{"uri": {"prefix": "/api"}}, {"gateways": ["other/gw"]}]}]},
            [Claim("x.example.com", "/api", ("istio-system/gw",)), Claim("x.example.com", "/", ("other/gw",))],
        ),
        ({"http": None}, []),
    ],
)
def test_what_a_strangers_virtual_service_claims(changes: dict[str, Any], claims: list[Claim]) -> None:
    assert list(call("istio", "claims", manifest=foreign(**changes))) == claims


@pytest.mark.parametrize(
    ("named", "meant"),
    [
        ("gw", "b/gw"),
        ("./gw", "b/gw"),
        ("a/gw", "a/gw"),
        ("gw.a", "a/gw"),
        ("gw.a.svc.cluster.local", "a/gw"),
        ("gw.b", "b/gw"),
    ],
)
def test_gateways_are_compared_as_istio_reads_them(named: str, meant: str) -> None:
    assert call("istio", "claims", manifest=foreign(gateways=[named])) == (Claim("x.example.com", "/", (meant,)),)
    match = {"http": [{"match": [{"gateways": ["mesh", named]}]}]}
    assert call("istio", "claims", manifest=foreign(**match)) == (Claim("x.example.com", "/", (meant,)),)


def test_a_leaving_local_gateway_is_known_by_every_name_that_istio_knows_it_by() -> None:
    before = serverless(settings=Settings(local_gateway="old/local"))
    standing = owned(render("istio", before).objects[0], before)
    for http in standing["spec"]["http"]:
        for match in http["match"]:
            match["gateways"] = [
                gateway.replace("old/local", "local.old.svc.cluster.local") for gateway in match["gateways"]
            ]
    now = serverless(draining_parents=("old/local",))
    objects = [owned(each, now) for each in render("istio", now, facts(standing)).objects]
    assert route(objects, "http://m.a.svc.cluster.local/", gateway="old/local") == ("m-engine", "/")


def test_no_host_is_there_twice_which_istio_refuses() -> None:
    assert spec(serverless(hosts=("m.a.svc.cluster.local", "m.a.example.com")))["hosts"] == [
        "m.a.svc.cluster.local",
        "m.a.example.com",
        "m.a",
        "m.a.svc",
    ]


def test_the_short_name_in_a_namespace_of_digits_is_left_out_which_istio_refuses() -> None:
    rendered = spec(serverless(namespace="1234"))
    assert rendered["hosts"] == ["m.1234.example.com", "m.1234.svc", "m.1234.svc.cluster.local"]
    closed = spec(serverless(namespace="1234", exposure="cluster-local"))
    assert closed["hosts"] == ["m.1234.svc", "m.1234.svc.cluster.local"]


def test_a_host_outside_that_looks_like_an_in_cluster_name_is_claimed_and_goes_with_the_rest() -> None:
    door = serverless(hosts=("v.b.svc.example.com", "m.a.example.com"))
    standing = owned(render("istio", door).objects[0], door)
    via = (DEFAULT_GATEWAY, LOCAL_GATEWAY)
    assert call("istio", "claims", manifest=standing) == tuple(Claim(host, "/", via) for host in door.hosts)
    left = call("istio", "narrow", manifest=standing, hosts=("m.a.example.com",))
    assert left["hosts"] == ["m.a.example.com", *INSIDE]
    assert call("istio", "narrow", manifest=standing, hosts=())["hosts"] == INSIDE


def test_a_path_doors_host_of_two_labels_is_no_in_cluster_name() -> None:
    door = serverless(namespace="com-x", path=PathDoor("example.com", "/m"))
    (_, path) = render("istio", door).objects
    assert call("istio", "claims", manifest=owned(path, door)) == (
        Claim("example.com", "/m", (DEFAULT_GATEWAY, LOCAL_GATEWAY)),
    )
    same = serverless(namespace="com", path=PathDoor("example.com", "/m"))
    assert call("istio", "claims", manifest=owned(render("istio", same).objects[1], same)) == (
        Claim("example.com", "/m", (DEFAULT_GATEWAY, LOCAL_GATEWAY)),
    )
