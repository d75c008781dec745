"""Ingresses: names through changes of class, annotations that pass, certificates, and rewriting."""

from __future__ import annotations

import re
from typing import Any

import pytest
from doors import UID, make
from doorward.model import names
from doorward.model.door import Claim, Door, PathDoor
from doorward.model.settings import Settings
from doorward_k8s_ingress.controllers import ISSUERS, of_class
from evaluate import route
from opened import call, facts, open_door, owned, render

NGINX = "nginx.ingress.kubernetes.io/"
ALT = f"m-alt-{names.mark('a', 'm')}"
PATH = PathDoor("example.com", "/models/m")
PATH_NAME = f"m-path-{names.mark('a', 'm', '/models/m')}"


def ingress(door: Door, *cluster: dict[str, Any]) -> dict[str, Any]:
    return render("k8s_ingress", door, facts(*cluster)).objects[0]


def borne(door: Door, *cluster: dict[str, Any]) -> dict[str, str]:
    return dict(ingress(door, *cluster)["metadata"].get("annotations", {}))


def reasons(door: Door, *cluster: dict[str, Any]) -> list[str]:
    return [each.reason for each in render("k8s_ingress", door, facts(*cluster)).warnings]


def ingress_class(name: str, controller: str) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "IngressClass",
        "metadata": {"name": name},
        "spec": {"controller": controller},
    }


def standing(name: str, of_class: str, created: str = "2026-01-01T00:00:00Z", owner: str = UID) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": name,
            "namespace": "a",
            "creationTimestamp": created,
            "annotations": {"doorward.io/owner": owner},
        },
        "spec": {"ingressClassName": of_class},
    }


def test_one_rule_per_host_with_the_routes_most_specific_first() -> None:
    rules = ingress(make(("engine", "decoder"), draining_hosts=("old.example.com",)))["spec"]["rules"]
    assert [rule["host"] for rule in rules] == ["m.a.example.com", "old.example.com"]
    assert rules[0]["http"]["paths"] == [
        {
            "path": "/v1/decoder",
            "pathType": "Prefix",
            "backend": {"service": {"name": "m-decoder", "port": {"number": 80}}},
        },
        {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "m-engine", "port": {"number": 80}}}},
    ]


def test_serverless_leads_through_door_whatever_the_class() -> None:
    door = make(("engine", "decoder"), mode="Serverless", ingress_class="contour", path=PATH, door_service="m-door")
    rendering = render("k8s_ingress", door)
    assert rendering.path
    backends = {
        (path["path"], path["pathType"], path["backend"]["service"]["name"])
        for each in rendering.objects
        for rule in each["spec"]["rules"]
        for path in rule["http"]["paths"]
    }
    assert backends == {("/", "Prefix", "m-door"), ("/models/m", "Prefix", "m-door")}
    assert route(open_door(door), "http://example.com/models/m/v1/decoder/x") == ("m-decoder", "/v1/decoder/x")


def test_a_tied_door_is_reached_by_its_own_port() -> None:
    door = make(mode="Serverless", in_cluster="tied")
    tied = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "m", "namespace": "a"},
        "spec": {"ports": [{"name": "grpc", "port": 9000}, {"name": "http", "port": 8080}]},
    }
    (path,) = ingress(door, tied)["spec"]["rules"][0]["http"]["paths"]
    assert path["backend"]["service"]["port"] == {"number": 8080}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"virtual_services": False, "in_cluster": "none"}, "VirtualServices are disabled"),
        ({"in_cluster": "conflict"}, "somebody else"),
    ],
)
def test_serverless_that_cant_be_reached_through_door_is_refused(changes: dict[str, Any], words: str) -> None:
    door = make(mode="Serverless", **changes)
    assert words in render("k8s_ingress", door).refused
    assert render("k8s_ingress", door).objects == ()


def test_raw_needs_neither_door_nor_virtual_services() -> None:
    assert not render("k8s_ingress", make(virtual_services=False, in_cluster="conflict")).refused


def test_without_a_host_there_is_no_ingress() -> None:
    assert render("k8s_ingress", make(hosts=())).objects == ()


@pytest.mark.parametrize(
    ("there", "name"),
    [
        ([], "m"),
        ([standing("m", "nginx")], "m"),
        ([standing("m", "other")], ALT),
        ([standing("m", "other"), standing(ALT, "nginx")], ALT),
        ([standing(ALT, "nginx")], ALT),
        ([standing(ALT, "other")], "m"),
        ([standing("m", "one", "2026-01-02T00:00:00Z"), standing(ALT, "two", "2026-01-01T00:00:00Z")], ALT),
        ([standing("m", "one", "2026-01-01T00:00:00Z"), standing(ALT, "two", "2026-01-02T00:00:00Z")], "m"),
        ([standing("m", "other", owner="somebody")], "m"),
        ([standing("m", "nginx"), standing(ALT, "nginx")], "m"),
    ],
)
def test_a_change_of_class_takes_the_other_name_and_stays_there(there: list[dict[str, Any]], name: str) -> None:
    assert ingress(make(), *there)["metadata"]["name"] == name


def test_the_path_doors_ingress_has_two_names_too() -> None:
    door = make(path=PATH)
    _, path = render("k8s_ingress", door, facts(standing(PATH_NAME, "other"))).objects
    assert path["metadata"]["name"] == f"m-path-alt-{names.mark('a', 'm', '/models/m')}"


def test_omes_own_ingress_is_ours_once_it_may_be_adopted() -> None:
    theirs = standing("m", "other", owner="")
    theirs["metadata"] = {
        "name": "m",
        "namespace": "a",
        "annotations": {"kubernetes.io/ingress.class": "other"},
        "ownerReferences": [{"uid": UID, "controller": True}],
    }
    assert ingress(make(settings=Settings(adopt=True)), theirs)["metadata"]["name"] == ALT
    assert ingress(make(), theirs)["metadata"]["name"] == "m"


def test_ingress_nginx_is_told_to_let_models_speak() -> None:
    assert borne(make()) == {
        NGINX + "proxy-read-timeout": "86400",
        NGINX + "proxy-send-timeout": "86400",
        NGINX + "proxy-buffering": "off",
        NGINX + "proxy-body-size": "0",
    }


def test_a_services_own_sizes_and_timeouts_win_over_our_defaults() -> None:
    own = {NGINX + "proxy-body-size": "8m", NGINX + "proxy-read-timeout": "30"}
    assert borne(make(annotations=own)) == {**borne(make()), **own}


@pytest.mark.parametrize(
    ("timeouts", "default", "seconds"),
    [
        ({"engine": 60, "decoder": 300}, None, "300"),
        ({"engine": 60}, None, "86400"),
        ({"engine": 60}, 600, "600"),
        ({}, 45, "45"),
    ],
)
def test_one_limit_for_all_routes_is_that_of_the_slowest(
    timeouts: dict[str, int], default: int | None, seconds: str
) -> None:
    door = make(("engine", "decoder"), timeouts=timeouts, settings=Settings(request_timeout_seconds=default))
    assert borne(door)[NGINX + "proxy-read-timeout"] == seconds


def test_contour_lets_websockets_through_at_every_path_unless_the_service_says_otherwise() -> None:
    key = "projectcontour.io/websocket-routes"
    components = ("engine", "decoder")
    assert borne(make(components, ingress_class="contour"))[key] == "/v1/decoder,/"
    assert borne(make(components, ingress_class="contour", annotations={key: "/v1/decoder"}))[key] == "/v1/decoder"
    assert not {each for each in borne(make(components)) if "websocket" in each}
    serverless = render("k8s_ingress", make(components, mode="Serverless", ingress_class="contour", path=PATH))
    assert [each["metadata"]["annotations"][key] for each in serverless.objects] == ["/", "/models/m"]


@pytest.mark.parametrize(
    ("name", "controller", "key"),
    [
        ("internal", "k8s.io/internal-ingress-nginx", NGINX + "proxy-buffering"),
        ("x", "projectcontour.io/ingress-contour/contour", "projectcontour.io/response-timeout"),
        ("x", "haproxy.org/ingress-controller/haproxy", "haproxy.org/timeout-server"),
        ("nginx", "nginx.org/ingress-controller", "nginx.org/proxy-read-timeout"),
    ],
)
def test_a_class_is_known_by_its_controller(name: str, controller: str, key: str) -> None:
    assert key in borne(make(ingress_class=name), ingress_class(name, controller))


def test_a_class_named_nginx_of_another_controller_isnt_ingress_nginx() -> None:
    door = make(path=PATH)
    other = ingress_class("nginx", "example.com/own")
    assert borne(door, other) == {}
    assert reasons(door, other) == ["PathTemplateUnsupported"]


def test_what_can_move_or_leak_traffic_is_held_back_and_named() -> None:
    held = {
        NGINX + "server-alias": "bank.example.com",
        NGINX + "configuration-snippet": "x",
        "external-dns.alpha.kubernetes.io/hostname": "bank.example.com",
        "kubernetes.io/ingress.class": "other",
        "acme.cert-manager.io/http01-edit-in-place": "true",
        "traefik.ingress.kubernetes.io/router.middlewares": "x",
    }
    door = make(annotations={**held, "ome.io/ingress-class": "nginx", "example.com/x": "y"})
    assert borne(door) == borne(make())
    (warning,) = render("k8s_ingress", door).warnings
    assert warning.reason == "AnnotationHeldBack"
    assert all(key in warning.message for key in held)
    assert "example.com/x" not in warning.message


def test_no_key_that_passes_can_move_or_leak_traffic() -> None:
    classes = ("nginx", "traefik", "haproxy", "contour", "kong", "alb", "istio")
    passed = {key for name in classes for key in of_class(name, None).passed}
    words = "snippet|alias|redirect|rewrite|mirror|canary|auth|group|host|regex|whitelist|external|certificate-arn"
    assert len(passed) > 30
    assert len(ISSUERS) > 5
    assert not [key for key in passed if re.search(words, key.partition("/")[2])]
    assert not [key for key in ISSUERS if re.search("edit-in-place|alt-names|common-name|inject", key)]


def test_a_value_that_isnt_of_its_keys_form_is_held_back_and_ours_stands() -> None:
    key = NGINX + "proxy-body-size"
    door = make(annotations={key: "1m;\n}\nlocation /x {"})
    assert borne(door) == borne(make())
    (warning,) = render("k8s_ingress", door).warnings
    assert warning.reason == "AnnotationHeldBack"
    assert f"{key}: its value '1m;\\n}}\\nlocation /x {{' has a control character" in warning.message
    (warning,) = render("k8s_ingress", make(annotations={key: "x" * 9000})).warnings
    assert "has 9000 characters" in warning.message
    assert len(warning.message) < 300


@pytest.mark.parametrize("backend", ["k8s_ingress", "istio", "gateway_api"])
def test_the_administrator_answers_for_a_key_and_never_for_the_end_of_a_line(backend: str) -> None:
    settings = Settings(pass_annotations=("team.example.com/a",), ome_ingress_gateway="ingress/ome")
    for value, passes in (("if ($x) { return 200; }", True), ("x\ny", False), ("x\x00", False), ("x\u2028y", False)):
        door = make(backend=backend, settings=settings, annotations={"team.example.com/a": value})
        rendering = render(backend, door)
        assert ("team.example.com/a" in rendering.objects[0]["metadata"].get("annotations", {})) == passes
        assert [each.reason for each in rendering.warnings] == ([] if passes else ["AnnotationHeldBack"])
        assert all("team.example.com/a" in each.message for each in rendering.warnings)


def test_many_keys_make_one_bounded_message() -> None:
    (warning,) = render("k8s_ingress", make(annotations={f"{NGINX}x{i}{'y' * 200}": "z" for i in range(500)})).warnings
    assert len(warning.message) < 1024


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("traefik", "traefik.ingress.kubernetes.io/service.serversscheme"),
        ("traefik", "traefik.ingress.kubernetes.io/service.sticky.cookie"),
        ("contour", "projectcontour.io/upstream-protocol.h2c"),
    ],
)
def test_a_key_that_is_read_on_services_alone_isnt_advised_for_the_ingress(name: str, key: str) -> None:
    (warning,) = render("k8s_ingress", make(annotations={key: "x"})).warnings
    assert f"{key}: {name} reads this on Services alone" in warning.message
    assert "needs setting" not in warning.message


def component(type_: str = "ClusterIP", **annotations: str) -> dict[str, Any]:
    metadata = {"name": "m-engine", "namespace": "a", "annotations": annotations}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"type": type_}}


@pytest.mark.parametrize("name", ["gce", "gce-internal", "gce-regional-external"])
def test_gkes_controller_goes_by_the_annotation_alone(name: str) -> None:
    rendered = ingress(make(ingress_class=name, annotations={"kubernetes.io/ingress.class": "nginx"}))
    assert rendered["metadata"]["annotations"] == {"kubernetes.io/ingress.class": name}
    assert "ingressClassName" not in rendered["spec"]


def test_the_annotation_of_the_class_cant_be_taken_over_by_a_setting() -> None:
    settings = Settings(pass_annotations=("kubernetes.io/ingress.class",))
    door = make(ingress_class="gce", annotations={"kubernetes.io/ingress.class": "nginx"}, settings=settings)
    assert borne(door) == {"kubernetes.io/ingress.class": "gce"}


def test_a_class_that_the_annotation_names_stays_under_its_name() -> None:
    here = owned(ingress(make(ingress_class="gce")), make())
    there = {**here, "metadata": {**here["metadata"], "name": ALT}}
    assert ingress(make(ingress_class="gce"), here)["metadata"]["name"] == "m"
    assert ingress(make(ingress_class="gce"), there)["metadata"]["name"] == ALT
    assert ingress(make(ingress_class="nginx"), here)["metadata"]["name"] == ALT
    assert ingress(make(ingress_class="gce"), standing("m", "nginx"))["metadata"]["name"] == ALT


def test_gkes_controller_wants_node_ports_or_endpoint_groups() -> None:
    door = make(ingress_class="gce")
    (warning,) = render("k8s_ingress", door, facts(component())).warnings
    assert warning.reason == "BackendUnreachable"
    assert "m-engine (ClusterIP)" in warning.message
    assert "cloud.google.com/neg" in warning.message
    grouped = component(**{"cloud.google.com/neg": '{"ingress": true}'})
    for fits in ([component("NodePort")], [grouped], []):
        assert reasons(door, *fits) == []
    assert reasons(make(ingress_class="nginx"), component()) == []


@pytest.mark.parametrize("name", ["gce", "alb"])
def test_a_balancer_of_a_cloud_cant_lead_a_serverless_door_on(name: str) -> None:
    assert reasons(make(ingress_class=name, mode="Serverless")) == ["BackendUnreachable"]


def test_albs_lead_to_pods_unless_the_service_says_otherwise() -> None:
    key = "alb.ingress.kubernetes.io/target-type"
    door = make(ingress_class="alb")
    assert borne(door, component())[key] == "ip"
    assert reasons(door, component()) == []
    assert borne(make(ingress_class="alb", annotations={key: "instance"}))[key] == "instance"
    assert borne(make(ingress_class="alb", annotations={key: "instance; x"}))[key] == "ip"


def test_the_setting_lets_further_keys_pass() -> None:
    key = NGINX + "limit-rps"
    door = make(annotations={key: "5"}, settings=Settings(pass_annotations=(key,)))
    assert borne(door)[key] == "5"
    assert reasons(door) == []


def test_what_is_rendered_to_route_wins_over_what_passes() -> None:
    keys = (NGINX + "rewrite-target", NGINX + "use-regex")
    door = make(path=PATH, annotations=dict.fromkeys(keys, "x"), settings=Settings(pass_annotations=keys))
    _, path = render("k8s_ingress", door).objects
    assert path["metadata"]["annotations"][NGINX + "rewrite-target"] == "/$1"
    assert path["metadata"]["annotations"][NGINX + "use-regex"] == "true"


def test_the_rewrite_never_touches_the_hosts_ingress_and_is_told() -> None:
    rendering = render("k8s_ingress", make(path=PATH))
    main, path = rendering.objects
    assert NGINX + "use-regex" not in main["metadata"]["annotations"]
    assert path["metadata"]["name"] == PATH_NAME
    assert [each.reason for each in rendering.warnings] == ["RegexHost"]


def test_a_prefix_is_matched_as_written_though_ingress_nginx_ignores_case() -> None:
    _, path = render("k8s_ingress", make(("engine", "decoder"), path=PathDoor("example.com", "/Models/m.v1"))).objects
    patterns = [each["path"] for each in path["spec"]["rules"][0]["http"]["paths"]]
    for pattern in patterns:
        assert not re.match(pattern, "/models/m.v1/v1/decoder", re.I)
        assert not re.match(pattern, "/Models/mxv1/v1/decoder", re.I)
        assert re.match(pattern, "/Models/m.v1/v1/decoder", re.I)


@pytest.mark.parametrize("mode", ["RawDeployment", "MultiNode"])
def test_other_controllers_serve_the_hosts_without_the_path_door(mode: str) -> None:
    rendering = render("k8s_ingress", make(mode=mode, ingress_class="traefik", path=PATH))
    assert not rendering.path
    assert [each["metadata"]["name"] for each in rendering.objects] == ["m"]
    assert [each.reason for each in rendering.warnings] == ["PathTemplateUnsupported"]


@pytest.mark.parametrize("mode", ["RawDeployment", "Serverless"])
def test_a_path_that_ingress_nginx_refuses_is_told(mode: str) -> None:
    rendering = render("k8s_ingress", make(mode=mode, path=PathDoor("example.com", "/m;x$1")))
    assert not rendering.path
    assert [each.reason for each in rendering.warnings] == ["PathTemplateUnsupported"]


def https(**changes: Any) -> Door:
    return make(scheme="https", **changes)


def tls(door: Door, *cluster: dict[str, Any]) -> list[Any]:
    return [each["spec"].get("tls") for each in render("k8s_ingress", door, facts(*cluster)).objects]


def test_https_uses_the_secret_that_annotation_or_setting_names() -> None:
    hosts = ["m.a.example.com", "old.example.com"]
    named = https(annotations={"doorward.io/tls-secret": "mine"}, draining_hosts=("old.example.com",))
    assert tls(named) == [[{"hosts": hosts, "secretName": "mine"}]]
    by_setting = https(settings=Settings(tls_secret_template="{{.Name}}-{{.Namespace}}-cert"), path=PATH)
    assert tls(by_setting) == [
        [{"hosts": ["m.a.example.com"], "secretName": "m-a-cert"}],
        [{"hosts": ["example.com"], "secretName": "m-a-cert"}],
    ]


ISSUER = {"cert-manager.io/cluster-issuer": "letsencrypt"}


def asking(rendering: Any) -> list[str]:
    return [
        each["metadata"]["name"]
        for each in rendering.objects
        if "cert-manager.io/cluster-issuer" in each["metadata"]["annotations"]
    ]


def test_cert_manager_fills_one_secret_for_each_ingress() -> None:
    door = https(annotations=ISSUER, path=PATH)
    assert tls(door) == [
        [{"hosts": ["m.a.example.com"], "secretName": "m-tls"}],
        [{"hosts": ["example.com"], "secretName": f"{PATH_NAME}-tls"}],
    ]
    assert asking(render("k8s_ingress", door)) == ["m", PATH_NAME]


def test_the_secret_of_the_longest_name_can_still_be_one() -> None:
    (entries,) = tls(https(name="m" * 253, annotations=ISSUER))
    assert entries[0]["secretName"] == "m" * 249 + "-tls"


def test_one_secret_is_asked_for_by_one_ingress() -> None:
    door = https(annotations={**ISSUER, "doorward.io/tls-secret": "mine"}, path=PATH)
    assert asking(render("k8s_ingress", door)) == ["m"]


def test_a_new_class_asks_for_the_certificate_once_the_old_ingress_is_gone() -> None:
    old = standing("m", "other")
    old["metadata"]["annotations"].update(ISSUER)
    door = https(annotations=ISSUER)
    during = render("k8s_ingress", door, facts(old))
    assert asking(during) == []
    assert during.objects[0]["spec"]["tls"][0]["secretName"] == "m-tls"
    assert asking(render("k8s_ingress", door, facts(standing(ALT, "nginx")))) == [ALT]


@pytest.mark.parametrize("changes", [{}, {"annotations": {"doorward.io/tls-secret": "No Secret"}}])
def test_https_without_a_certificate_is_told_once(changes: dict[str, Any]) -> None:
    door = https(path=PATH, mode="Serverless", **changes)
    assert tls(door) == [None, None]
    assert reasons(door) == ["NoCertificate"]


def test_an_issuer_that_is_held_back_fills_no_secret() -> None:
    door = https(annotations={"cert-manager.io/cluster-issuer": "lets encrypt"})
    assert tls(door) == [None]
    assert sorted(reasons(door)) == ["AnnotationHeldBack", "NoCertificate"]


def test_http_has_no_certificate() -> None:
    door = make(annotations={"doorward.io/tls-secret": "mine", **ISSUER})
    assert tls(door) == [None]
    assert reasons(door) == []


@pytest.mark.parametrize(
    ("path", "kind", "prefix"),
    [
        ("/", "Prefix", "/"),
        ("/api/", "Prefix", "/api"),
        ("/api", "ImplementationSpecific", "/api"),
        (r"/api(/|$)(.*)", "regex", "/api"),
        (r"/api/(.*)", "regex", "/api"),
        (r"/api/?(.*)", "regex", "/"),
        (r"/api/v[0-9]", "regex", "/api"),
        (r"/v1\.0(?:/(.*))?$", "regex", "/v1.0"),
        (r"/(.*)", "regex", "/"),
        (r"/a|/b", "regex", "/"),
        ("/api", "regex", "/api"),
    ],
)
def test_what_a_strangers_ingress_claims(path: str, kind: str, prefix: str) -> None:
    regex = {NGINX + "use-regex": "true"} if kind == "regex" else {}
    entry = {"path": path, "pathType": "ImplementationSpecific" if regex else kind}
    manifest = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "x", "annotations": regex},
        "spec": {"ingressClassName": "nginx", "rules": [{"host": "x.example.com", "http": {"paths": [entry]}}]},
    }
    assert list(call("k8s_ingress", "claims", manifest=manifest)) == [Claim("x.example.com", prefix, ("nginx",))]


@pytest.mark.parametrize(
    ("rule", "claims"),
    [
        ({}, []),
        (
            {"host": "x.example.com", "http": {"paths": [{"path": "/", "pathType": "Exact"}]}},
            [Claim("x.example.com", "/", ("*",), exact=True)],
        ),
        (
            {"host": "x.example.com", "http": {"paths": [{"path": "/", "pathType": "Exact"}, {"path": "/a"}]}},
            [Claim("x.example.com", "/", ("*",), exact=True), Claim("x.example.com", "/a", ("*",))],
        ),
        (
            {"host": "x.example.com", "http": {"paths": [{"path": "/a/b", "pathType": "Exact"}, {"path": "/a"}]}},
            [Claim("x.example.com", "/a", ("*",))],
        ),
    ],
)
def test_no_host_is_no_claim_and_an_exact_path_is_one_of_that_page_alone(
    rule: dict[str, Any], claims: list[Claim]
) -> None:
    manifest = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "x"},
        "spec": {"rules": [rule]},
    }
    assert list(call("k8s_ingress", "claims", manifest=manifest)) == claims


def test_the_class_of_a_claim_is_the_field_or_the_annotation_of_old() -> None:
    door = make()
    mine = owned(ingress(door), door)
    assert call("k8s_ingress", "claims", manifest=mine) == (Claim("m.a.example.com", "/", ("nginx",)),)
    del mine["spec"]["ingressClassName"]
    mine["metadata"]["annotations"]["kubernetes.io/ingress.class"] = "old"
    assert call("k8s_ingress", "claims", manifest=mine) == (Claim("m.a.example.com", "/", ("old",)),)
    mine["spec"]["ingressClassName"] = "nginx"
    assert call("k8s_ingress", "claims", manifest=mine) == (Claim("m.a.example.com", "/", ("nginx", "old")),)


def test_an_ingress_without_a_class_may_be_of_any() -> None:
    door = make()
    mine = owned(ingress(door), door)
    del mine["spec"]["ingressClassName"]
    (claim,) = call("k8s_ingress", "claims", manifest=mine)
    assert claim.meets(("nginx",))
    assert claim.meets(("traefik",))
    assert not claim.meets(("gateways/one",))
