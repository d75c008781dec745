"""What a service asks for, worked out anew from its manifest and the settings: the other half of what is measured by.

Only what scenarios use is covered, in the plainest way; what is too subtle for that is ``unclear``, and nothing is
expected of it but what holds for every door.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Literal

import msgspec

from doorward.model.reference import JsonObject
from doorward.model.settings import Settings

POISON = "sim.doorward.io/poison"
MODE = "ome.io/deployment-mode"
CLASS = "ome.io/ingress-class"
TEMPLATE = "ome.io/ingress-domain-template"
DOMAIN = "ome.io/ingress-domain"
MORE_DOMAINS = "ome.io/ingress-additional-domains"
PATH = "ome.io/ingress-path-template"
DISABLE = "ome.io/ingress-disable-creation"
NO_VIRTUAL = "ome.io/ingress-disable-istio-virtualhost"
TYPE = "ome.io/service-type"
BACKEND = "doorward.io/backend"
SCHEME = "ome.io/ingress-url-scheme"
AUTH = "doorward.io/auth"
VISIBILITY = "networking.knative.dev/visibility"

Host = tuple[str, str]
"""A host, and the prefix from which on it is asked for."""

_HOST = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+")
_CONDITION = {"engine": "EngineReady", "router": "RouterReady", "decoder": "DecoderReady"}


class Ask(msgspec.Struct, frozen=True):
    """``closed``: nothing outside; ``open``: exactly these hosts; ``waiting``: the same once its components are ready;
    ``invalid`` and ``poisoned``: what stands is held; ``unclear``: too subtle to say."""

    state: Literal["closed", "open", "waiting", "invalid", "poisoned", "unclear"]
    hosts: tuple[Host, ...] = ()
    forbidden: tuple[Host, ...] = ()
    """Hosts that setting ``namespaceDomains`` refuses."""
    routes: tuple[tuple[str, str], ...] = ()
    """Path prefix and component, most specific first."""
    url: str = ""
    load_balancer: bool = False
    refused: bool = False
    """Closed, since nobody can guard it as it oracle."""


def ask(service: JsonObject, settings: Settings) -> Ask:
    meta, spec = service["metadata"], service.get("spec") or {}
    notes, labels = meta.get("annotations") or {}, meta.get("labels") or {}
    if is_left(service):
        return Ask("closed")
    kind = notes.get(TYPE) if notes.get(TYPE) in ("LoadBalancer", "NodePort") else ""
    off = _flag(notes, DISABLE, settings.disable_ingress_creation)
    homeless = not off and _has_no_host_outside(meta, notes, settings)
    if labels.get(VISIBILITY) == "cluster-local" or ((off or homeless) and not kind):
        return Ask("closed")
    if notes.get(AUTH, "none") != "none":
        return Ask("closed", refused=True)
    if notes.get(POISON) and not notes.get(BACKEND) and not (off or homeless):
        return Ask("poisoned")
    mode = notes.get(MODE) or settings.default_deployment_mode
    if mode not in ("Serverless", "RawDeployment", "MultiNode") or "engine" not in spec:
        return Ask("invalid")
    serverless = mode == "Serverless"
    virtual = not _flag(notes, NO_VIRTUAL, settings.disable_istio_virtual_host)
    entry = "router" if "router" in spec else "engine"
    wanted = [entry, *(["decoder"] if "decoder" in spec else [])]
    routes = (("/v1/decoder", "decoder"), ("/", entry)) if "decoder" in wanted else (("/", entry),)
    state: Literal["open", "waiting"] = "open" if all(_ready(service, c) for c in wanted) else "waiting"
    if settings.readiness != "conditions":
        return Ask("unclear")
    if off or homeless:
        return Ask(state, load_balancer=True)
    backend = notes.get(BACKEND) or _backend(notes, settings, serverless, virtual)
    if backend not in ("istio", "k8s_ingress", "gateway_api", ""):
        return Ask("unclear" if backend == "poison" else "invalid")
    if backend == "gateway_api" and (serverless or not settings.ome_ingress_gateway):
        return Ask("invalid")
    if not virtual and ((serverless and backend == "k8s_ingress") or (not serverless and backend == "istio")):
        return Ask("invalid")
    if not virtual and serverless:
        return Ask("unclear" if backend else state)
    hosts = _hosts(meta, notes, settings)
    if hosts is None:
        return Ask("invalid")
    if notes.get(SCHEME, "http") not in ("http", "https"):
        return Ask("invalid")
    path = _path(meta, notes, settings)
    nginx = (notes.get(CLASS) or settings.ingress_class_name) == "nginx"
    if path and backend == "k8s_ingress" and not serverless and not nginx:
        path = None
    url = f"{notes.get(SCHEME) or settings.url_scheme}://" + (path[0] + path[1] if path else hosts[0])
    asked = tuple((host, "/") for host in hosts) + ((path,) if path else ())
    forbidden = tuple(host for host in asked if is_forbidden(host, meta["namespace"], settings))
    return Ask(state, tuple(host for host in asked if host not in forbidden), forbidden, routes, url)


def is_left(service: JsonObject) -> bool:
    """Whether it is an object that asks for no door any more, and lives on."""
    return bool((service.get("spec") or {}).get("left"))


def is_plain(service: JsonObject) -> bool:
    """Whether it is a Service itself, and its own component."""
    engine = (service.get("spec") or {}).get("engine")
    return isinstance(engine, dict) and "port" in engine


def inside_door(service: JsonObject, settings: Settings) -> str:
    """The name of Service DOOR; empty where there is none to be."""
    meta = service["metadata"]
    notes = meta.get("annotations") or {}
    if is_left(service) or is_plain(service):
        return ""
    if (
        _flag(notes, NO_VIRTUAL, settings.disable_istio_virtual_host)
        and (notes.get(MODE) or settings.default_deployment_mode) == "Serverless"
    ):
        return ""
    return settings.door_service.replace("{{.Name}}", meta["name"])


def _flag(notes: dict[str, str], key: str, setting: bool) -> bool:
    return {"true": True, "false": False}.get(notes.get(key, "").strip().lower(), setting)


def is_forbidden(host: Host, namespace: str, settings: Settings) -> bool:
    """Whether setting ``namespaceDomains`` refuses a namespace a host."""
    named = [d for pattern, d in settings.namespace_domains.items() if fnmatchcase(namespace, pattern)]
    domains = [domain for each in named for domain in each]
    return bool(named) and not any(host[0] == domain or host[0].endswith(f".{domain}") for domain in domains)


def _ready(service: JsonObject, component: str) -> bool:
    conditions = (service.get("status") or {}).get("conditions") or ()
    return any(c["type"] == _CONDITION[component] and c["status"] == "True" for c in conditions)


def _backend(notes: dict[str, str], settings: Settings, serverless: bool, virtual: bool) -> str:
    if serverless:
        if notes.get(CLASS, "istio") not in ("", "istio"):
            return "k8s_ingress"
        return "istio" if virtual else ""
    return "gateway_api" if settings.enable_gateway_api else "k8s_ingress"


def _fill(template: str, meta: JsonObject, domain: str) -> str:
    values = {"Name": meta["name"], "Namespace": meta["namespace"], "IngressDomain": domain}
    return re.sub(r"\{\{ *\.(\w+) *\}\}", lambda m: values[m[1]], template)


def _has_no_host_outside(meta: JsonObject, notes: dict[str, str], settings: Settings) -> bool:
    """Whether the settings alone put every host below the cluster's domain."""
    return not (notes.get(DOMAIN) or notes.get(TEMPLATE)) and _hosts(meta, notes, settings) == []


def _is_inside(host: str, settings: Settings) -> bool:
    return f".{host}".endswith((f".{settings.cluster_domain}", ".svc"))


def _hosts(meta: JsonObject, notes: dict[str, str], settings: Settings) -> list[str] | None:
    domain = notes.get(DOMAIN) or settings.ingress_domain
    primary = _fill(notes.get(TEMPLATE) or settings.domain_template, meta, domain)
    if not _HOST.fullmatch(primary) or ((notes.get(DOMAIN) or notes.get(TEMPLATE)) and _is_inside(primary, settings)):
        return None
    more = notes[MORE_DOMAINS].split(",") if MORE_DOMAINS in notes else list(settings.additional_ingress_domains)
    ends = primary.endswith(f".{domain}")
    stem = primary.removesuffix(f".{domain}") if ends else f"{meta['name']}.{meta['namespace']}"
    hosts = dict.fromkeys([primary, *(f"{stem}.{d.strip()}" for d in more if d.strip())])
    return [host for host in hosts if _HOST.fullmatch(host) and not _is_inside(host, settings)]


def _path(meta: JsonObject, notes: dict[str, str], settings: Settings) -> Host | None:
    template = notes.get(PATH, settings.path_template)
    domain = notes.get(DOMAIN) or settings.ingress_domain
    if not template or _is_inside(domain, settings):
        return None
    return domain, _fill(template, meta, "").rstrip("/")
