"""What others' controllers were fooled by, tried on doorward: each test bears the number of a published vulnerability.

Sources: the official CVE feed of Kubernetes (issues of kubernetes/kubernetes and kubernetes/ingress-nginx that bear the
number in their title), the security bulletins of Istio, Envoy, Traefik and F5, and projectcontour/contour's advisories.
"""

from __future__ import annotations

import json

import pytest
from doorward.model.hosts import plain_host
from doorward.model.reference import JsonObject
from doorward_daemon.authz.question import is_plain

from tests.engine.scenes import INGRESS, RAW, Scene, service
from tests.engine.stage import component_service, inference_service, settings
from tests.hostile.test_injecting import BALANCED, SERVICE

NGINX = {"ome.io/ingress-class": "nginx"}
PATH = "ome.io/ingress-path-template"
PREFIX = "nginx.ingress.kubernetes.io/"
STOLEN = "\nalias /var/run/secrets/kubernetes.io/serviceaccount/;\n"
LOADED = "}\nssl_engine /proc/7/fd/9;\n{"

ANNOTATIONS: dict[str, dict[str, str]] = {
    "CVE-2021-25742 snippets": {
        "configuration-snippet": "content_by_lua_block { ngx.say(io.open('/etc/passwd'):read('*a')) }",
        "server-snippet": "location /x {" + STOLEN + "}",
        "stream-snippet": "server { listen 9; }",
        "auth-snippet": "return 200;",
        "modsecurity-snippet": "Include /etc/passwd",
    },
    "CVE-2021-25746 directives in values": {
        "proxy-read-timeout": "60;" + STOLEN,
        "proxy-body-size": "1m;" + STOLEN,
        "proxy-buffering": "on;" + STOLEN,
        "backend-protocol": "HTTP; return 200",
        "proxy-http-version": "1.1;" + STOLEN,
    },
    "CVE-2023-5043 commands in values": {"configuration-snippet": "content_by_lua 'os.execute(\"id\")';"},
    "CVE-2023-5044 permanent-redirect": {
        "permanent-redirect": "https://x.test/;" + STOLEN,
        "permanent-redirect-code": "301;" + STOLEN,
        "temporal-redirect": "https://x.test/;" + STOLEN,
    },
    "CVE-2024-7646 carriage returns": {
        "proxy-read-timeout": "60\r" + STOLEN,
        "proxy-body-size": "8m\r}",
        "backend-protocol": "HTTP\rx",
    },
    "CVE-2025-1097 auth-tls-match-cn": {"auth-tls-match-cn": "CN=x #(" + LOADED + ")", "auth-tls-secret": "b/victim"},
    "CVE-2025-1098 mirrors": {"mirror-target": "https://x.test/#;" + LOADED, "mirror-host": "x;" + LOADED},
    "CVE-2025-1974 a library that is loaded": {"proxy-send-timeout": LOADED, "proxy-buffer-size": "4k;" + LOADED},
    "CVE-2025-24513 files in place of Secrets": {"auth-secret": "../../../etc/passwd", "auth-type": "basic"},
    "CVE-2025-24514 auth-url": {"auth-url": "http://x.test/#;" + LOADED, "auth-signin": "http://x.test/;" + LOADED},
    "CVE-2025-15566 auth-proxy-set-headers": {"auth-proxy-set-headers": "b/victim;" + LOADED},
    "CVE-2026-1580 auth-method": {"auth-method": "GET;" + LOADED},
    "CVE-2026-24513 errors in place of refusals": {"custom-http-errors": "401,403", "default-backend": "mine"},
}
"""Keys of ingress-nginx, and values that did harm by them."""

PATHS = {
    "CVE-2021-25745 a file as the path": "/x;alias /var/run/secrets/;",
    "CVE-2021-25748 a new line in the path": "/x\n" + STOLEN,
    "CVE-2022-4886 log_format in the path": "/x {log_format a '$request';",
    "CVE-2026-24512 configuration in the path": '/x" { return 200; } location "/y',
    "CVE-2021-39156 fragments": "/x#/../victim",
    "CVE-2021-31920 slashes": "/models//victim",
    "CVE-2021-31920 slashes that are escaped": "/models%2fvictim",
    "CVE-2021-29492 backslashes that are escaped": "/models%5Cvictim",
    "CVE-2019-9901 dots": "/models/x/../victim",
    "CVE-2025-32431 dots that are escaped": "/models/x/%2e%2e/victim",
    "CVE-2025-47952 letters that are escaped": "/models/%76ictim",
    "CVE-2020-5902 segments with parameters": "/models/..;/victim",
}
"""Paths that a proxy wrote into its configuration, or read in another way than whoever checked them."""


def wrote(scene: Scene) -> str:
    """All that stands of the door, as text."""
    return json.dumps([o for o in scene.objects() if "doorward.io/owner" in (o["metadata"].get("annotations") or {})])


@pytest.mark.parametrize("annotations", ANNOTATIONS.values(), ids=ANNOTATIONS)
def test_of_an_annotation_nothing_reaches_the_proxy(annotations: dict[str, str]) -> None:
    scene = Scene(settings(), *service(raw=True, annotations=NGINX))
    before = scene.get(INGRESS, "a", "m")["metadata"]["annotations"]
    scene.edit(annotations={PREFIX + key: value for key, value in annotations.items()})
    assert scene.get(INGRESS, "a", "m")["metadata"]["annotations"] == before
    assert scene.reasons() == ["AnnotationHeldBack"]
    assert scene.verdict()[0] == "True"


@pytest.mark.parametrize("backend", ["k8s_ingress", "istio", "gateway_api"])
@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_of_a_path_nothing_reaches_the_proxy(path: str, backend: str) -> None:
    gateway = {"omeIngressGateway": "gw/gw"}
    scene = Scene(settings(gateway), *service(raw=True, annotations={**NGINX, "doorward.io/backend": backend}))
    before = wrote(scene)
    scene.edit(annotations={PATH: path})
    assert scene.verdict() == ("False", "InvalidPath")
    assert wrote(scene) == before


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_nor_does_the_authorization_service_guess_whose_such_a_path_is(path: str) -> None:
    assert not is_plain(path)


def test_cve_2020_8554_no_service_takes_an_address_of_others() -> None:
    """Addresses of a Service lead traffic of the whole cluster to it; doorward writes none that a tenant chose."""
    wish = {**BALANCED, "ome.io/load-balancer-ip": "10.96.0.10", "metallb.io/loadBalancerIPs": "10.96.0.10"}
    scene = Scene(settings(), *service(raw=True, annotations=wish))
    assert "10.96.0.10" not in json.dumps(scene.get(SERVICE, "a", "m")["spec"])
    assert not {"externalIPs", "loadBalancerIP"} & scene.get(SERVICE, "a", "m")["spec"].keys()


def test_cve_2021_25740_a_door_takes_no_addresses_of_its_tenants() -> None:
    """Whoever may write EndpointSlices is trusted with where Services lead; doorward writes none for anybody."""
    scene = Scene(settings(), *service(raw=True))
    assert {kind.split("/")[0] for kind in scene.ours()} == {"Ingress", "Service"}
    assert scene.get(SERVICE, "a", "m")["spec"]["selector"]


def test_cve_2021_25743_no_message_commands_a_terminal() -> None:
    told = [
        {"type": "EngineReady", "status": "False", "message": "\x1b[2J\x1b]0;owned\x07\r\nok \u202egnp\u202c \x9b1m"}
    ]
    scene = Scene(settings(), *service(raw=True, ready=False, status={"conditions": told}))
    assert scene.message().isprintable()
    assert "owned" in scene.message()


@pytest.mark.parametrize("target", ["localhost", "127.0.0.1.nip.io", "contour-admin.projectcontour.svc.cluster.local"])
def test_cve_2021_32783_no_door_leads_to_the_proxys_own_administration(target: str) -> None:
    spec = {"type": "ExternalName", "externalName": target, "ports": [{"port": 9001}]}
    engine = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "m-engine", "namespace": "a"}, "spec": spec}
    asks = inference_service(annotations={**RAW, "ome.io/ingress-class": "contour"}, ready=("engine",))
    scene = Scene(settings(), asks, engine)
    assert scene.verdict() == ("False", "ComponentIsExternal")
    assert scene.ours() == set()


@pytest.mark.parametrize("host", ["Bank.Example.COM", "bank.example.com.", "BANK.example.com."])
def test_cve_2021_39155_a_host_is_the_same_in_any_case(host: str) -> None:
    """Istio takes such hosts, and Envoy compares them in any case: whoever has one has the other."""
    assert plain_host(host) == "bank.example.com"
    scene = Scene(settings(), virtual_service(host), *bank())
    assert scene.verdict() == ("False", "HostConflict")


@pytest.mark.parametrize("path", ["/models//m", "/models/./m", "/x/../models/m", "/models/%6D", "/models/m/"])
def test_cve_2021_31920_a_path_is_the_same_however_it_is_written(path: str) -> None:
    annotations = {PATH: "/models/m", "doorward.io/backend": "istio", "ome.io/ingress-domain": "shop.test"}
    stranger = virtual_service("shop.test", {"match": [{"uri": {"prefix": path}}]})
    scene = Scene(settings(), stranger, *service(raw=True, annotations=annotations))
    assert scene.verdict() == ("False", "HostConflict")
    assert "shop.test/models/m" in scene.message()


def bank() -> list[JsonObject]:
    wish = {"ome.io/ingress-domain-template": "bank.example.com", "doorward.io/backend": "istio"}
    return [inference_service(annotations={**RAW, **wish}, ready=("engine",)), component_service("m", "engine")]


def virtual_service(host: str, rule: JsonObject | None = None) -> JsonObject:
    """One that isn't doorward's, on the same Gateway."""
    route = {"route": [{"destination": {"host": "theirs"}}], **(rule or {})}
    gateways = ["knative-serving/knative-ingress-gateway"]
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "theirs", "namespace": "b"},
        "spec": {"hosts": [host], "gateways": gateways, "http": [route]},
    }
