"""Routes that others wrote, of any shape that an API server may let through: what they serve is read, or refused."""

from __future__ import annotations

from typing import Any

from doorward.backends import BackendError
from doorward.model.door import Claim, meet
from doorward.model.hosts import plain_host, plain_prefix
from doorward.model.reference import JsonObject

from tests.engine.stage import backends
from tests.fuzz.choices import Choices
from tests.fuzz.target import Target

KINDS = {
    "Ingress.networking.k8s.io": ("networking.k8s.io/v1", "Ingress"),
    "VirtualService.networking.istio.io": ("networking.istio.io/v1", "VirtualService"),
    "HTTPRoute.gateway.networking.k8s.io": ("gateway.networking.k8s.io/v1", "HTTPRoute"),
}
HOSTS = ("bank", ".", "example.com", "Example.COM", "*.", "a" * 60, ".svc.cluster.local", "-", "m.a", "xn--")
PATHS = ("/models", "/m", "/", "//", "%6d", "/..", "/.", "v1", ".*", "(/|$)(.*)", "(?i)", "[a-z]", "\\.", "$", "+", "?")
PATTERNS = (".*", "(a|a.|.)", "{0,99}", "?", "(", ")", "|", "[", "]", "\\", "\\d", "^", "$", "a", ".", "(?:", "(?=",
            r"m\.a(\.svc(\.cluster\.local)?)?", r"(:\d+)?", "bank", r"\.example\.com")  # fmt: skip


def make(choices: Choices) -> Any:
    kind = choices.pick(tuple(KINDS))
    annotations = {}
    if choices.once_in(2):
        annotations["nginx.ingress.kubernetes.io/use-regex"] = choices.pick(("true", "false"))
    if choices.once_in(3):
        annotations["kubernetes.io/ingress.class"] = choices.text(("nginx", "istio", "*"), 2)
    make_spec = {"Ingress": ingress, "VirtualService": virtual_service, "HTTPRoute": http_route}[KINDS[kind][1]]
    return {"kind": kind, "annotations": annotations, "spec": make_spec(choices)}


def odd(choices: Choices, value: Any) -> Any:
    """``value``, or now and then something of another shape."""
    return choices.pick((None, [], {}, "", 7, [None], {"x": 1}, True)) if choices.once_in(24) else value


def ingress(choices: Choices) -> JsonObject:
    def path() -> Any:
        kind = choices.pick(("Prefix", "Exact", "ImplementationSpecific"))
        return odd(choices, {"pathType": odd(choices, kind), "path": odd(choices, choices.text(PATHS))})

    def rule() -> Any:
        http = odd(choices, {"paths": odd(choices, choices.repeated(path, 3))})
        return odd(choices, {"host": odd(choices, choices.text(HOSTS, 3)), "http": http})

    name = choices.text(("nginx", "istio"), 1)
    return {"ingressClassName": odd(choices, name), "rules": odd(choices, choices.repeated(rule, 3))}


def virtual_service(choices: Choices) -> JsonObject:
    def match() -> Any:
        form = choices.pick(("exact", "prefix", "regex"))
        found: JsonObject = {}
        if choices.once_in(2):
            found["authority"] = odd(choices, {form: odd(choices, choices.text(PATTERNS, 12))})
        if choices.once_in(2):
            found["uri"] = odd(choices, {choices.pick(("exact", "prefix", "regex")): odd(choices, choices.text(PATHS))})
        if choices.once_in(4):
            found["gateways"] = odd(choices, choices.some(("mesh", "x/y", "y"), 2))
        if choices.once_in(8):
            found["headers"] = {"x": {"exact": "y"}}
        return odd(choices, found)

    def http() -> Any:
        return odd(choices, {"match": odd(choices, choices.repeated(match, 3))})

    hosts = choices.repeated(lambda: odd(choices, choices.text(HOSTS, 3)), 3)
    gateways = choices.some(("mesh", "x/y", "y", "/", ""), 2)
    return {
        "hosts": odd(choices, hosts),
        "gateways": odd(choices, gateways),
        "http": odd(choices, choices.repeated(http, 3)),
    }


def http_route(choices: Choices) -> JsonObject:
    def match() -> Any:
        path = {"type": choices.pick(("PathPrefix", "Exact", "RegularExpression")), "value": choices.text(PATHS)}
        return odd(choices, {"path": odd(choices, path), **({"method": "GET"} if choices.once_in(4) else {})})

    def parent() -> Any:
        return odd(choices, {"name": odd(choices, choices.pick(("gw", "x"))), "namespace": odd(choices, "infra")})

    return {
        "hostnames": odd(choices, choices.repeated(lambda: odd(choices, choices.text(HOSTS, 3)), 3)),
        "parentRefs": odd(choices, choices.repeated(parent, 2)),
        "rules": odd(choices, [odd(choices, {"matches": odd(choices, choices.repeated(match, 3))})]),
    }


def check(value: Any) -> None:
    version, name = KINDS[value["kind"]]
    metadata = {"name": "theirs", "namespace": "b", "annotations": value["annotations"]}
    obj = {"apiVersion": version, "kind": name, "metadata": metadata, "spec": value["spec"]}
    try:
        claims = backends().claims(value["kind"], obj)
    except BackendError:
        return  # It is told, and the object serves nothing.
    for claim in claims:
        assert isinstance(claim, Claim)
        assert plain_host(claim.host) == claim.host
        assert plain_prefix(claim.prefix) == claim.prefix or not claim.prefix.startswith("/")
        assert meet(claim.via, claim.via) or not claim.via
    for keep in ([], [claim.host for claim in claims[:1]]):
        try:
            backends().narrow(value["kind"], obj, keep)
        except BackendError:
            return


TARGET = Target(
    name="strangers",
    make=make,
    check=check,
    share=15,
)
