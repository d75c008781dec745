"""docs/doors.md, Routes: the same answers whatever opens the door, and what a plain Service can't tell apart."""

from __future__ import annotations

from itertools import product

import pytest
from doorward.model.reference import SERVICE, JsonObject

from tests.engine.scenes import HTTP_ROUTE, INGRESS, VIRTUAL_SERVICE, Scene, opened, service
from tests.engine.stage import settings

TABLE: dict[tuple[str, ...], tuple[str, str, str]] = {
    ("engine",): ("engine", "engine", "engine"),
    ("engine", "router"): ("router", "router", "router"),
    ("engine", "decoder"): ("engine", "decoder", "engine"),
    ("engine", "router", "decoder"): ("router", "decoder", "router"),
}
PATHS: dict[str, tuple[str, ...]] = {
    "router": ("/v1/router", "/v1/router/health"),
    "decoder": ("/v1/decoder", "/v1/decoder/", "/v1/decoder/x/y"),
    "rest": ("/", "/v1/completions", "/v1/decoders", "/v1/decoder-2", "/v1/routers", "/v1"),
}
DOORS: dict[str, tuple[bool, dict[str, str], JsonObject]] = {
    "istio": (False, {}, {}),
    "istio raw": (True, {"doorward.io/backend": "istio"}, {}),
    "ingress": (True, {"ome.io/ingress-class": "nginx"}, {}),
    "ingress before knative": (False, {"ome.io/ingress-class": "nginx"}, {}),
    "gateway api": (True, {}, {"enableGatewayAPI": True, "omeIngressGateway": "gw/shared"}),
}


@pytest.mark.parametrize(("raw", "annotations", "ingress"), DOORS.values(), ids=DOORS)
@pytest.mark.parametrize("components", TABLE, ids="-".join)
def test_every_host_and_path_answers_by_the_table(
    components: tuple[str, ...], raw: bool, annotations: dict[str, str], ingress: JsonObject
) -> None:
    notes = {
        **annotations,
        "ome.io/ingress-additional-domains": "alt.test",
        "ome.io/ingress-path-template": "/models/{{.Name}}",
    }
    config = settings(ingress)
    scene = Scene(config, *service("m", *components, raw=raw, annotations=notes), *service("n", raw=raw))
    bases = ("http://m.a.example.com", "http://m.a.alt.test", "http://example.com/models/m")
    for (kind, expected), base in product(zip(PATHS, TABLE[components], strict=True), bases):
        for path in PATHS[kind]:
            assert scene.reaches(base + path) == f"m-{expected}", base + path
    assert scene.reaches("http://n.a.example.com/v1/decoder") == "n-engine"
    assert scene.reaches("http://example.com/models/mm/v1") == ""
    assert scene.reaches("http://example.com/") == ""
    assert scene.reaches("http://x.m.a.example.com/") == ""


@pytest.mark.parametrize("components", TABLE, ids="-".join)
@pytest.mark.parametrize("form", ["m.a", "m.a.svc", "m.a.svc.cluster.local"])
def test_inside_the_cluster_serverless_answers_by_the_table_and_raw_by_its_entry(
    form: str, components: tuple[str, ...]
) -> None:
    knative, raw = opened("m", *components, raw=False), opened("m", *components)
    entry = "router" if "router" in components else "engine"
    for kind, expected in zip(PATHS, TABLE[components], strict=True):
        for path in PATHS[kind]:
            assert knative.reaches(f"http://{form}{path}", inside=True) == f"m-{expected}"
            assert raw.reaches(f"http://{form}{path}", inside=True) == f"m-{entry}"


@pytest.mark.parametrize("how", ["in-cluster", "LoadBalancer", "NodePort"])
def test_a_plain_service_before_a_decoder_is_warned_of_once(how: str) -> None:
    notes = {} if how == "in-cluster" else {"ome.io/disable-ingress": "true", "ome.io/service-type": how}
    scene = Scene(settings(), *service("m", "engine", "decoder", raw=True, annotations=notes))
    assert scene.get(SERVICE, "a", "m")["spec"]["selector"]["component"] == "engine"
    assert scene.reasons() == ["NoPathRouting"]
    scene.edit(labels={"team": "red"})
    scene.again()
    scene.again(journal=False)
    assert scene.reasons() == ["NoPathRouting"]
    assert [action.verb for action in scene.performed].count("event") == 1


def test_without_a_decoder_there_is_nothing_to_warn_of() -> None:
    assert opened("m", "engine", "router").told() == []


def timeouts(scene: Scene) -> list[str | None]:
    return [http.get("timeout") for http in scene.get(VIRTUAL_SERVICE, "a", "m")["spec"]["http"]]


def test_a_request_has_no_timeout_but_its_components_own() -> None:
    assert timeouts(opened("m", "engine", "decoder", raw=False)) == [None, None]
    spec: JsonObject = {"engine": {}, "decoder": {"timeoutSeconds": 300}}
    assert timeouts(opened("m", "engine", "decoder", raw=False, spec=spec)) == ["300s", None]


def test_the_settings_timeout_holds_where_a_component_has_none() -> None:
    spec: JsonObject = {"engine": {}, "decoder": {"timeoutSeconds": 300}}
    config = settings(doorward="requestTimeoutSeconds: 60")
    scene = Scene(config, *service("m", "engine", "decoder", spec=spec))
    assert timeouts(scene) == ["300s", "60s"]
    scene.configure()
    assert timeouts(scene) == ["300s", None]


def test_the_proxies_own_timeouts_are_lifted() -> None:
    api = "gateway.networking.k8s.io/v1"
    contour = {"controllerName": "projectcontour.io/gateway-controller"}
    scene = Scene(
        settings({"enableGatewayAPI": True, "omeIngressGateway": "gw/shared"}),
        {"apiVersion": api, "kind": "GatewayClass", "metadata": {"name": "contour"}, "spec": contour},
        {
            "apiVersion": api,
            "kind": "Gateway",
            "metadata": {"name": "shared", "namespace": "gw"},
            "spec": {"gatewayClassName": "contour", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]},
        },
        *service(raw=True),
    )
    (rule,) = scene.get(HTTP_ROUTE, "a", "m")["spec"]["rules"]
    assert rule["timeouts"] == {"request": "0s"}
    notes = opened(annotations={"ome.io/ingress-class": "nginx"}).get(INGRESS, "a", "m")["metadata"]["annotations"]
    nginx = "nginx.ingress.kubernetes.io/"
    assert int(notes[f"{nginx}proxy-read-timeout"]) >= 86_400
    assert int(notes[f"{nginx}proxy-send-timeout"]) >= 86_400
    assert (notes[f"{nginx}proxy-buffering"], notes[f"{nginx}proxy-body-size"]) == ("off", "0")


def test_requests_carry_the_services_name_where_headers_can_be_set() -> None:
    expected = {"OMe-Isvc-Name": "m", "OME-Isvc-Namespace": "a"}
    (http,) = opened(raw=False).get(VIRTUAL_SERVICE, "a", "m")["spec"]["http"]
    assert expected.items() <= http["headers"]["request"]["set"].items()
    scene = Scene(settings({"enableGatewayAPI": True, "omeIngressGateway": "gw/shared"}), *service(raw=True))
    (rule,) = scene.get(HTTP_ROUTE, "a", "m")["spec"]["rules"]
    headers = rule["filters"][0]["requestHeaderModifier"]["set"]
    assert {each["name"]: each["value"] for each in headers} == expected
