"""Under which hosts and path a service asks to be reached (behaviour, section 4)."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from doorward.graph.inference_service import InferenceService
from doorward.graph.refusal import Refusal
from doorward.model import names, template
from doorward.model.door import PathDoor, Warning
from doorward.model.hosts import clean_path, host_problem, path_problem
from doorward.model.settings import Settings

DOMAIN_TEMPLATE = "ome.io/ingress-domain-template"
DOMAIN = "ome.io/ingress-domain"
ADDITIONAL_DOMAINS = "ome.io/ingress-additional-domains"
PATH_TEMPLATE = "ome.io/ingress-path-template"
URL_SCHEME = "ome.io/ingress-url-scheme"

DOMAIN_FIELDS = frozenset({"Name", "Namespace", "IngressDomain", "Annotations", "Labels"})
PATH_FIELDS = frozenset({"Name", "Namespace"})


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """What a service asks for; whether it gets it is a matter of claims."""

    hosts: tuple[str, ...]
    """The primary host, then the additional ones."""
    path: PathDoor | None
    scheme: str
    warnings: tuple[Warning, ...] = ()


def addresses(service: InferenceService, settings: Settings, *, serverless: bool, entry: str) -> Addresses:
    """The hosts, path and scheme that a service asks for.

    Raises Refusal ``InvalidHost`` or ``InvalidPath``, naming annotation or setting, and the value.
    """
    domain = service.annotation(DOMAIN) or settings.ingress_domain
    primary = _primary(service, settings, domain, serverless=serverless, entry=entry)
    additional, warnings = _additional(service, settings, primary, domain)
    return Addresses(
        hosts=(primary, *additional),
        path=_path(service, settings, domain),
        scheme=_scheme(service, settings),
        warnings=warnings,
    )


def door_service(service: InferenceService, settings: Settings) -> str:
    """DOOR: the name of the in-cluster Service."""
    return service_name(settings.door_service, service.namespace, service.name)


def service_name(source: str, namespace: str, name: str) -> str:
    if source == "{{.Name}}":
        return names.service_name(name, namespace, name)
    wanted = template.compile(source, PATH_FIELDS).render({"Name": name, "Namespace": namespace})
    return names.service_name(wanted, namespace, name)


def _primary(service: InferenceService, settings: Settings, domain: str, *, serverless: bool, entry: str) -> str:
    own_template = service.annotation(DOMAIN_TEMPLATE)
    own_domain = service.annotation(DOMAIN)
    if serverless and not own_template and not own_domain:
        given = _given_by_knative(service, settings, entry)
        if given:
            return given
    source = own_template or settings.domain_template
    where = _origin(DOMAIN_TEMPLATE, "domainTemplate", bool(own_template))
    values: Mapping[str, str | Mapping[str, str]] = {
        "Name": service.label,
        "Namespace": service.namespace,
        "IngressDomain": domain,
        "Annotations": service.metadata.annotations,
        "Labels": service.metadata.labels,
    }
    try:
        host = template.compile(source, DOMAIN_FIELDS).render(values)
    except template.TemplateError as error:
        raise Refusal("InvalidHost", f"{where} {source!r}: {error}") from None
    problem = host_problem(host)
    if problem:
        if own_domain and not own_template:
            where, source = f"annotation {DOMAIN}", own_domain
        raise Refusal("InvalidHost", f"{where} {source!r}: host {host!r} {problem}")
    return host


def _given_by_knative(service: InferenceService, settings: Settings, entry: str) -> str:
    """The host of the entry's own URL without its suffix, where it has one and isn't in-cluster."""
    status = service.status.components.get(entry)
    try:
        host = (urlsplit(status.url).hostname or "") if status else ""
    except ValueError:
        return ""
    first, dot, rest = host.partition(".")
    if not dot or rest.endswith((f".svc.{settings.cluster_domain}", ".svc")):
        return ""
    for suffix in (f"-{entry}-default", f"-{entry}"):
        if first.endswith(suffix) and len(first) > len(suffix):
            given = f"{first.removesuffix(suffix)}.{rest}"
            return "" if host_problem(given) else given
    return ""


def _additional(
    service: InferenceService, settings: Settings, primary: str, domain: str
) -> tuple[tuple[str, ...], tuple[Warning, ...]]:
    own = service.metadata.annotations.get(ADDITIONAL_DOMAINS)
    domains = [d.strip() for d in own.split(",")] if own is not None else list(settings.additional_ingress_domains)
    if not any(domains):
        return (), ()
    ending = f".{domain}"
    stem = primary.removesuffix(ending) if primary.endswith(ending) else f"{service.label}.{service.namespace}"
    hosts: dict[str, None] = {}
    warnings: list[Warning] = []
    for each in domains:
        if not each:
            continue
        host = f"{stem}.{each}"
        problem = host_problem(host)
        if problem:
            where = _origin(ADDITIONAL_DOMAINS, "additionalIngressDomains", own is not None)
            warnings.append(Warning("InvalidHost", f"{where} {each!r}: host {host!r} {problem}; it is left out"))
        elif host != primary:
            hosts[host] = None
    return tuple(hosts), tuple(dict.fromkeys(warnings))


def _path(service: InferenceService, settings: Settings, domain: str) -> PathDoor | None:
    own = service.metadata.annotations.get(PATH_TEMPLATE)
    source = own.strip() if own is not None else settings.path_template
    if not source:
        return None
    where = _origin(PATH_TEMPLATE, "pathTemplate", own is not None)
    try:
        path = template.compile(source, PATH_FIELDS).render({"Name": service.label, "Namespace": service.namespace})
    except template.TemplateError as error:
        raise Refusal("InvalidPath", f"{where} {source!r}: {error}") from None
    problem = path_problem(path)
    if problem:
        raise Refusal("InvalidPath", f"{where} {source!r}: path {path!r} {problem}")
    problem = host_problem(domain)
    if problem:
        raise Refusal(
            "InvalidHost", f"{_origin(DOMAIN, 'ingressDomain', bool(service.annotation(DOMAIN)))}: {domain!r} {problem}"
        )
    return PathDoor(domain, clean_path(path))


def _scheme(service: InferenceService, settings: Settings) -> str:
    own = service.annotation(URL_SCHEME)
    if not own:
        return settings.url_scheme
    if own not in ("http", "https"):
        raise Refusal("InvalidHost", f"annotation {URL_SCHEME} {own!r}: the scheme is either http or https")
    return own


def _origin(annotation: str, setting: str, own: bool) -> str:
    return f"annotation {annotation}" if own else f"setting {setting}"
