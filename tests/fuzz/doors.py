"""Whole doors: services with odd annotations before an engine and a cluster that refuses what a real API server does.

What must hold: the engine comes to rest, no backend raises, the server refuses nothing, no character that ends a
directive or a string of a proxy's configuration comes from a tenant into an object, no host has two owners, and every
message is visible and bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from itertools import combinations
from typing import Any

from doorward.backends import Backends
from doorward.cluster.embedded import Store
from doorward.cluster.embedded.discovery import kinds
from doorward.engine import Engine
from doorward.model.answer import ApiError
from doorward.model.event import Record, Refused
from doorward.model.hosts import overlaps
from doorward.model.reference import JsonObject, kind_of
from doorward.runtime.offline import Clock, Offline
from doorward_k8s_ingress.controllers import PREFIXES, of_class
from doorward_loadbalancer.clouds import PASSED

from tests.engine.stage import Stage, backends, component_service, definitions, inference_service, settings
from tests.fuzz.choices import Choices
from tests.fuzz.target import Target

CLASSES = (
    "nginx",
    "nginx-org",
    "traefik",
    "haproxy-org",
    "haproxy",
    "contour",
    "kong",
    "alb",
    "gce",
    "istio",
    "f5",
    "other",
)
ROUTED = ("VirtualService", "Ingress", "HTTPRoute", "Service")
OWN = {
    "ome.io/ingress-domain-template": ("{{.Name}}", ".", "{{.Namespace}}", "example.com", "bank", "{{.Annotations.x}}"),
    "ome.io/ingress-domain": ("example.com", "bank", ".", "test", "svc", "cluster.local"),
    "ome.io/ingress-additional-domains": (",", "a.test", "b.test", " ", "example.com", "b"),
    "ome.io/ingress-path-template": ("/", "models", "{{.Name}}", "v1", "/m", "%20", "$1", "(x)", "+"),
    "ome.io/ingress-url-scheme": ("http", "https"),
    "ome.io/deployment-mode": ("RawDeployment", "Serverless", "MultiNode"),
    "ome.io/ingress-class": CLASSES,
    "ome.io/disable-ingress": ("true", "false"),
    "ome.io/ingress-disable-istio-virtualhost": ("true", "false"),
    "ome.io/service-type": ("LoadBalancer", "NodePort", "ClusterIP"),
    "ome.io/load-balancer-ip": ("192.0.2.7", "::1", "10.0.0.1", "%eth0"),
    "doorward.io/backend": ("istio", "k8s_ingress", "gateway_api", "loadbalancer", "cluster_local"),
    "doorward.io/auth": ("none", "api-key", "basic"),
    "doorward.io/auth-secret": ("keys", "x", "a/b"),
    "doorward.io/tls-secret": ("tls", "x", "a/b"),
    "doorward.io/grpc": ("true", "false"),
    "x": ("m", "bank", "."),
}
PASSING = tuple(sorted({key for name in CLASSES for key in of_class(name, None).passed} | set(PASSED)))
ODD_KEYS = (
    "nginx.ingress.kubernetes.io/configuration-snippet",
    "nginx.ingress.kubernetes.io/rewrite-target",
    "nginx.org/server-snippets",
    "haproxy.org/backend-config-snippet",
    "haproxy.org/request-set-header",
    "traefik.ingress.kubernetes.io/router.middlewares",
    "konghq.com/plugins",
    "alb.ingress.kubernetes.io/actions.x",
    "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-id",
    "external-dns.alpha.kubernetes.io/hostname",
    "team.example.com/note",
    "kubernetes.io/ingress.class",
    "doorward.io/owner",
)
VALUES = (
    "60",
    "60s",
    "on",
    "true",
    "8m",
    "0",
    "HTTP",
    "GRPC",
    "h2",
    "/ws",
    ",",
    "200-299",
    "http",
    "internal",
    "1h",
    "lb-1",
)
LABELS = ("ome.io/inferenceservice", "component", "networking.knative.dev/visibility", "team")
CONFIGS = (
    {},
    {"ingressClassName": "nginx"},
    {"ingressDomain": "svc.cluster.local"},
    {"urlScheme": "https", "pathTemplate": "/models/{{.Name}}"},
    {"enableGatewayAPI": True, "omeIngressGateway": "gw/gw"},
    {"disableIstioVirtualHost": True},
    {"additionalIngressDomains": ["a.test", "b.test"], "domainTemplate": "{{.Name}}.{{.IngressDomain}}"},
)
DOORWARD = (
    "{}",
    "passAnnotations: [team.example.com/note]",
    "namespaceDomains: {a: [example.com, a.test]}",
    "doorService: '{{.Name}}-door'",
    "tlsSecretTemplate: '{{.Name}}-tls'",
    "passCloudAnnotations: {'*': [ome.io/load-balancer-ip]}",
)


def make(choices: Choices) -> Any:
    config = choices.pick(CONFIGS)
    deploy = choices.pick(("RawDeployment", "Serverless"))
    services = choices.repeated(lambda: service(choices), 2) or [service(choices)]
    return {
        "ingress": config,
        "deploy": deploy,
        "doorward": choices.pick(DOORWARD),
        "services": services,
        "then": annotations(choices) if choices.once_in(3) else None,
    }


def service(choices: Choices) -> JsonObject:
    parts = ["engine", *(part for part in ("router", "decoder") if choices.once_in(3))]
    ports: JsonObject = {"name": choices.text(("http", "grpc", "h2c", "-x"), 1) or "http", "port": 80}
    if choices.once_in(4):
        ports["appProtocol"] = choices.text(("grpc", "kubernetes.io/h2c", "http2"), 2)
    if choices.once_in(4):
        ports["targetPort"] = choices.pick((8080, "http", "grpc"))
    url = choices.text(("http://", "m-engine", "bank-engine", ".example.com", ".kn.test"), 4)
    return {
        "name": choices.pick(("m", "n", "bank", "x" * 60, "9", "m.n", "a" * 64 + "b")),
        "namespace": choices.pick(("a", "b")),
        "annotations": annotations(choices),
        "labels": {key: choices.pick(("cluster-local", "x", "")) for key in choices.some(LABELS, 2)},
        "parts": parts,
        "ready": not choices.once_in(8),
        "message": choices.text(("not yet", "pulling", "%s"), 3),
        "port": ports,
        "selector": {choices.pick(LABELS): "victim"} if choices.once_in(4) else None,
        "external": choices.text(("kube.", "default", ".svc"), 3) if choices.once_in(12) else "",
        "url": url if choices.once_in(3) else "",
        "timeout": choices.pick((0, 5, -1, 2**31)) if choices.once_in(8) else None,
    }


def annotations(choices: Choices) -> dict[str, str]:
    found: dict[str, str] = {}
    own = tuple(OWN)
    for _ in range(choices.below(6)):
        key = choices.pick(own)
        found[key] = choices.text(OWN[key], 4) if choices.once_in(3) else choices.pick(OWN[key])
    for _ in range(choices.below(4)):
        found[choices.pick(PASSING if choices.once_in(2) else ODD_KEYS)] = choices.text(VALUES, 3)
    return found


@cache
def served() -> dict[str, Any]:
    return kinds(definitions())


class Town(Stage):
    """A stage whose server's kinds are compiled once."""

    def __init__(self, plugins: Backends) -> None:
        clock = Clock()
        self.records: list[Record] = []
        Offline.__init__(self, Engine(plugins), Store(served().values(), clock=clock), clock, self.records.extend)

    def admit(self, obj: JsonObject) -> None:
        """Create an object, if the server takes it."""
        with suppress(ApiError):
            self.create(obj)


def check(value: Any) -> None:
    holds(played(value))


def written(value: Any) -> list[JsonObject]:
    """The objects of doors that stand in the end."""
    return ours_of(played(value).objects())


def played(value: Any) -> Town:
    """A cluster with these services, at rest."""
    town = Town(backends())
    deploy = f'{{"defaultDeploymentMode": "{value["deploy"]}"}}'
    town.create(settings(value["ingress"], deploy=deploy, doorward=value["doorward"]))
    for each in value["services"]:
        for obj in objects_of(each):
            town.admit(obj)
    town.start()
    town.settle()
    if value["then"] is not None:
        first = value["services"][0]
        with suppress(ApiError):
            body = {"metadata": {"annotations": value["then"]}}
            town.patch("InferenceService.ome.io", first["namespace"], first["name"], body)
    town.advance(45)
    return town


def objects_of(given: JsonObject) -> Iterator[JsonObject]:
    parts = given["parts"]
    spec: JsonObject = {part: {} for part in parts}
    if given["timeout"] is not None:
        spec["engine"]["timeoutSeconds"] = given["timeout"]
    state = "True" if given["ready"] else "False"
    told = {"EngineReady": "engine", "RouterReady": "router", "DecoderReady": "decoder"}
    conditions = [
        {"type": t, "status": state, "message": given["message"]} for t, part in told.items() if part in parts
    ]
    status: JsonObject = {"conditions": conditions}
    if given["url"]:
        status["components"] = {"engine": {"url": given["url"], "address": {"url": given["url"]}}}
    yield inference_service(
        given["name"],
        given["namespace"],
        annotations=given["annotations"],
        labels=given["labels"],
        spec=spec,
        status=status,
    )
    for part in parts:
        made = component_service(given["name"], part, given["namespace"])
        made["spec"]["ports"] = [given["port"]]
        if given["selector"] is not None:
            made["spec"]["selector"] = given["selector"]
        if given["external"]:
            made["spec"] |= {"type": "ExternalName", "externalName": given["external"]}
        yield made


def holds(town: Town) -> None:
    """What is promised of every cluster in which the engine has come to rest."""
    for record in town.records:
        event = record.event
        assert type(event).__name__ != "Failed", f"a backend raises: {event}"
        if isinstance(event, Refused):
            assert event.status in (404, 409), f"the server refuses what is written: {event.message}"
    objects = town.objects()
    for obj in objects:
        if obj["kind"] == "InferenceService":
            for condition in (obj.get("status") or {}).get("conditions") or ():
                if condition["type"] == "IngressReady":
                    is_plain(condition.get("message", ""))
        elif obj["kind"] == "Event":
            is_plain(obj["message"])
    ours = ours_of(objects)
    for obj in ours:
        carries_no_configuration(obj)
    one_owner(town, ours)


def ours_of(objects: list[JsonObject]) -> list[JsonObject]:
    """Those that doorward made, whatever a tenant's say of themselves."""
    kept = (o for o in objects if o["kind"] in ROUTED and o["metadata"].get("ownerReferences"))
    return [o for o in kept if "doorward.io/owner" in (o["metadata"].get("annotations") or {})]


def is_plain(message: str) -> None:
    assert message.isprintable(), "a message with what can't be seen"
    assert len(message.encode()) <= 1024, "a message that is too long"


ENDS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\"'`\\;{}$#<>|]")
"""What ends a string or a directive somewhere, or begins a comment, a variable or a command."""
IN_A_PATH = re.compile(r"[\x00-\x20\x7f-\U0010ffff\"`\\;{}#<>|^]")
"""The same in a path, where proxies expect ``$`` and ``'``."""
IN_A_PATTERN = re.compile(r"[\x00-\x20\x7f-\U0010ffff\"`;{}#<>]")
"""The same in an expression that doorward writes."""
CONSTANT = {
    "nginx.ingress.kubernetes.io/rewrite-target": re.compile(r"/\$1"),
    "haproxy.org/request-set-header": re.compile(r"OMe-Isvc-Name [-.a-z0-9]+\nOME-Isvc-Namespace [-a-z0-9]+"),
    "haproxy-ingress.github.io/headers": re.compile(r"OMe-Isvc-Name: [-.a-z0-9]+\nOME-Isvc-Namespace: [-a-z0-9]+"),
    "nginx.org/proxy-set-headers": re.compile(r"OMe-Isvc-Name: [-.a-z0-9]+, OME-Isvc-Namespace: [-a-z0-9]+"),
    "nginx.ingress.kubernetes.io/auth-url": re.compile(r"http://[-.:/a-z0-9]+"),
}
"""What doorward itself writes, with no more of a tenant than names that an API server has checked."""


def carries_no_configuration(obj: JsonObject) -> None:
    for key, value in (obj["metadata"].get("annotations") or {}).items():
        if form := CONSTANT.get(key):
            assert form.fullmatch(value), f"{key}: {value!r}"
        elif key.startswith(PREFIXES) or not key.startswith("doorward.io/"):
            assert not CONTROL.search(value), f"{key}: {value!r}"
            assert key == "team.example.com/note" or not ENDS.search(value), f"{key}: {value!r}"
    for where, text in strings(obj["spec"], ""):
        if where.endswith((".regex", "path")) and ("regex" in where or "(" in text):
            assert not IN_A_PATTERN.search(text), f"{where}: {text!r}"
        elif where.endswith(("path", ".value", ".prefix", ".exact", ".uri", "replacePrefixMatch")):
            assert not IN_A_PATH.search(text), f"{where}: {text!r}"
        else:
            assert not ENDS.search(text), f"{where}: {text!r}"


CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def strings(value: Any, where: str) -> Iterator[tuple[str, str]]:
    """Every text below a value, and where it is."""
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield where, str(key)
            yield from strings(each, f"{where}.{key}")
    elif isinstance(value, list):
        for each in value:
            yield from strings(each, where)


def one_owner(town: Town, ours: list[JsonObject]) -> None:
    claimed = [
        (obj["metadata"]["annotations"]["doorward.io/owner"], claim)
        for obj in ours
        for claim in town.engine.backends.claims(kind_of(obj), obj)
    ]
    for (owner, claim), (other, second) in combinations(claimed, 2):
        if owner != other and claim.host == second.host:
            assert not overlaps(claim.prefix, second.prefix), f"{claim.where} has two owners"


TARGET = Target(
    name="doors",
    make=make,
    check=check,
    share=5,
)
