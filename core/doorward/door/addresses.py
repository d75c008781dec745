"""Under which hosts and path a service asks to be reached (docs/hosts.md, Hosts and paths)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from urllib.parse import urlsplit

import msgspec

from doorward.door.mode import mode_of
from doorward.model import names, template
from doorward.model.counting import counted
from doorward.model.door import Claim, PathDoor, Warning
from doorward.model.hosts import (
    LONGEST_HOST,
    LONGEST_PATH,
    clean_path,
    host_problem,
    is_in_cluster,
    path_problem,
)
from doorward.model.quoting import quoted, short
from doorward.model.refusal import Refusal
from doorward.model.settings import Settings
from doorward.state.inference_service import InferenceService
from doorward.state.reading import Reader
from doorward.state.transform import COMPONENTS

DOMAIN_TEMPLATE = "ome.io/ingress-domain-template"
DOMAIN = "ome.io/ingress-domain"
ADDITIONAL_DOMAINS = "ome.io/ingress-additional-domains"
PATH_TEMPLATE = "ome.io/ingress-path-template"
URL_SCHEME = "ome.io/ingress-url-scheme"

DOMAIN_FIELDS = frozenset({"Name", "Namespace", "IngressDomain", "Annotations", "Labels"})
PATH_FIELDS = frozenset({"Name", "Namespace"})

Check = Callable[[str], str | None]

_FEW = 3
"""Hosts that one warning names."""


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """What a service asks for; whether it gets it is a matter of claims."""

    hosts: tuple[str, ...]
    """The primary host, then the additional ones; only the latter where the cluster's domain has the primary one."""
    path: PathDoor | None
    scheme: str
    warnings: tuple[Warning, ...] = ()
    causes: tuple[tuple[str, ...], ...] = ()
    """What gave each of the hosts (:mod:`doorward.door.causes`)."""
    path_causes: tuple[str, ...] = ()
    scheme_cause: str = ""


def addresses(
    service: InferenceService,
    settings: Settings,
    reader: Reader,
    *,
    serverless: bool,
    entry: str,
    own: Collection[str],
) -> Addresses:
    """The hosts, path and scheme that a service asks for; ``own`` are the names of its own in-cluster door.

    Raises Refusal ``InvalidHost`` or ``InvalidPath``, naming annotation or setting, and the value.
    """
    domain = service.annotation(DOMAIN) or settings.ingress_domain
    problem_of = partial(_problem, settings=settings, reader=reader, own=own)
    primary, causes = _primary(service, settings, domain, problem_of, serverless=serverless, entry=entry)
    additional, warnings = _additional(service, settings, primary, domain, problem_of)
    stays_inside = _is_put_inside(service, settings, primary)
    path, told = _path(service, settings, domain, problem_of)
    further = ((_additional_origin(service), causes[0]),) * len(additional)
    return Addresses(
        hosts=additional if stays_inside else (primary, *additional),
        path=path,
        scheme=_scheme(service, settings),
        warnings=(*warnings, *told),
        causes=further if stays_inside else (causes, *further),
        path_causes=(_path_origin(service), _domain_origin(service)) if path else (),
        scheme_cause=_origin(URL_SCHEME, "urlScheme", bool(service.annotation(URL_SCHEME))),
    )


def stays_in_cluster(service: InferenceService, settings: Settings) -> bool:
    """Whether the settings put every host of a service below the cluster's domain, so that it has none outside.

    OME ships ``ingressDomain: svc.cluster.local``.  A host that the service asks for itself is another matter, as are
    one that Knative gave, and an additional one.
    """
    if service.annotation(DOMAIN_TEMPLATE) or service.annotation(DOMAIN):
        return False
    domain = settings.ingress_domain
    source, inside = settings.domain_template, settings.cluster_domain
    if not (is_in_cluster(domain, inside) or inside in source or "svc" in source):
        return False
    if any(_given_by_knative(service, settings, entry) for entry in COMPONENTS) and _may_be_serverless(
        service, settings
    ):
        return False
    try:
        primary = _rendered(service, source, domain)
    except template.TemplateError:
        return False
    if not is_in_cluster(primary, inside):
        return False
    further = _further(service, settings, primary, domain)
    return not any(host_problem(host) is None and not is_in_cluster(host, settings.cluster_domain) for host in further)


def may_ask_for(service: InferenceService, settings: Settings) -> set[str]:
    """Every claim, by its key, that a service may ask for, however its components, backend and guard turn out.

    More than it will ask for, and never less: what is refused once it is decided is among them.
    """
    domain = service.annotation(DOMAIN) or settings.ingress_domain
    primary = [host for entry in COMPONENTS if (host := _given_by_knative(service, settings, entry))]
    with suppress(template.TemplateError):
        primary.append(_rendered(service, service.annotation(DOMAIN_TEMPLATE) or settings.domain_template, domain))
    further = (host for each in primary for host in _further(service, settings, each, domain))
    claims = {Claim(host).key for host in (*primary, *further)}
    if source := _path_template(service, settings):
        with suppress(template.TemplateError):
            claims.add(Claim(domain, clean_path(_rendered_path(service, source))).key)
    return claims


def is_of_another(host: str, service: InferenceService, settings: Settings) -> bool:
    """Whether a host that stands is a name inside the cluster, and not of this service's own door.

    Only what the settings alone make such a name: no action of a tenant's takes a host from a door that stands.
    """
    own = f"{door_service(service, settings)}.{service.namespace}.svc"
    mine = (own, f"{own}.{settings.cluster_domain}")
    return is_in_cluster(host, settings.cluster_domain) and host not in mine


def _may_be_serverless(service: InferenceService, settings: Settings) -> bool:
    """Whether its mode is Serverless, or can't be told: what is wrong with a service closes nothing."""
    try:
        return service.spec.engine is None or mode_of(service, settings) == "Serverless"
    except Refusal:
        return True


def _is_put_inside(service: InferenceService, settings: Settings, host: str) -> bool:
    """Whether the settings, and nothing that the service asks for, put a host below the cluster's domain."""
    asks = service.annotation(DOMAIN_TEMPLATE) or service.annotation(DOMAIN)
    return not asks and is_in_cluster(host, settings.cluster_domain)


def _problem(host: str, *, settings: Settings, reader: Reader, own: Collection[str]) -> str | None:
    """Why a service can't have a host: it is none, or another Service is known by it inside the cluster."""
    problem = host_problem(host)
    if problem or host in own:
        return problem
    if is_in_cluster(host, settings.cluster_domain):
        return f"is a name inside the cluster (domain {settings.cluster_domain}), and not of this service's own door"
    name, _, namespace = host.partition(".")
    if "." not in namespace and reader.knows_namespace(namespace):
        return f"is the name of Service {name} in namespace {namespace}, and not of this service's own door"
    return None


def door_service(service: InferenceService, settings: Settings) -> str:
    """DOOR: the name of the in-cluster Service; a Service that is a service itself is that as well."""
    if service.source.is_of_services:
        return service.name
    return service_name(settings.door_service, service.namespace, service.name)


def service_name(source: str, namespace: str, name: str) -> str:
    if source == "{{.Name}}":
        return names.service_name(name, namespace, name)
    wanted = template.compile(source, PATH_FIELDS).render({"Name": name, "Namespace": namespace})
    return names.service_name(wanted, namespace, name)


def _rendered(service: InferenceService, source: str, domain: str) -> str:
    """A host.  Raises TemplateError."""
    values: Mapping[str, str | Mapping[str, str]] = {
        "Name": service.label,
        "Namespace": service.namespace,
        "IngressDomain": domain,
        "Annotations": service.metadata.annotations,
        "Labels": service.metadata.labels,
    }
    return template.compile(source, DOMAIN_FIELDS).render(values, LONGEST_HOST)


def _primary(
    service: InferenceService, settings: Settings, domain: str, problem_of: Check, *, serverless: bool, entry: str
) -> tuple[str, tuple[str, ...]]:
    """The primary host, and what gave it."""
    own_template = service.annotation(DOMAIN_TEMPLATE)
    own_domain = service.annotation(DOMAIN)
    if serverless and not own_template and not own_domain:
        given = _given_by_knative(service, settings, entry)
        if given and not problem_of(given):
            return given, (f"status.components.{service.called(entry)}.url",)
    source = own_template or settings.domain_template
    where = _origin(DOMAIN_TEMPLATE, "domainTemplate", bool(own_template))
    blamed = (f"annotation {DOMAIN}", own_domain) if own_domain and not own_template else (where, source)
    try:
        host = _rendered(service, source, domain)
    except template.TemplateError as error:
        where, source = blamed if isinstance(error, template.TooLong) else (where, source)
        raise Refusal("InvalidHost", f"{where} {quoted(source)}: {error}") from None
    problem = host_problem(host) if _is_put_inside(service, settings, host) else problem_of(host)
    if problem:
        where, source = blamed
        raise Refusal("InvalidHost", f"{where} {quoted(source)}: host {quoted(host)} {problem}")
    return host, (where, _domain_origin(service)) if ".IngressDomain" in source else (where,)


def _given_by_knative(service: InferenceService, settings: Settings, entry: str) -> str:
    """The host of the entry's own URL without its suffix, where it has one and isn't in-cluster."""
    status = service.status.components.get(entry)
    try:
        host = (urlsplit(status.url).hostname or "") if status else ""
    except ValueError:
        return ""
    first, dot, rest = host.partition(".")
    if not dot or is_in_cluster(host, settings.cluster_domain):
        return ""
    called = service.called(entry)
    for suffix in (f"-{called}-default", f"-{called}"):
        if first.endswith(suffix) and len(first) > len(suffix):
            given = f"{first.removesuffix(suffix)}.{rest}"
            return "" if host_problem(given) else given
    return ""


def _domains(service: InferenceService, settings: Settings) -> Iterable[str]:
    """The additional domains, each once."""
    own = service.metadata.annotations.get(ADDITIONAL_DOMAINS)
    return dict.fromkeys(
        settings.additional_ingress_domains if own is None else (each.strip() for each in own.split(","))
    )


def _stem(service: InferenceService, primary: str, domain: str) -> str:
    """What stands before the domain in an additional host."""
    ending = f".{domain}"
    return primary.removesuffix(ending) if primary.endswith(ending) else f"{service.label}.{service.namespace}"


def _further(service: InferenceService, settings: Settings, primary: str, domain: str) -> Iterator[str]:
    """The hosts below additional domains, before any is left out."""
    stem = _stem(service, primary, domain)
    return (f"{stem}.{each}" for each in _domains(service, settings) if each)


def _additional(
    service: InferenceService, settings: Settings, primary: str, domain: str, problem_of: Check
) -> tuple[tuple[str, ...], tuple[Warning, ...]]:
    stem = _stem(service, primary, domain)
    hosts: dict[str, None] = {}
    invalid: list[str] = []
    over: list[str] = []
    count = 0
    for each in _domains(service, settings):
        host = f"{stem}.{each}"
        if not each or host == primary or host in hosts:
            continue
        problem = problem_of(host)
        if problem:
            count += 1
            if count <= _FEW:
                invalid.append(f"{quoted(each)}: host {quoted(host)} {problem}")
        elif len(hosts) < settings.most_hosts:
            hosts[host] = None
        else:
            over.append(host)
    if not (invalid or over):
        return tuple(hosts), ()
    where = _additional_origin(service)
    warnings = []
    if invalid:
        left_out = "it is left out" if count == 1 else f"{count} of them are left out"
        warnings.append(Warning("InvalidHost", f"{where} {'; '.join(invalid)}; {left_out}"))
    if over:
        named = ", ".join(map(short, over[:_FEW]))
        message = (
            f"{where}: more than {settings.most_hosts} additional hosts (setting mostHosts); "
            f"{counted(len(over), 'is', 'are')} left out, {named}{' and so on' if len(over) > _FEW else ''}"
        )
        warnings.append(Warning("TooManyHosts", message))
    return tuple(hosts), tuple(warnings)


def _path(
    service: InferenceService, settings: Settings, domain: str, problem_of: Check
) -> tuple[PathDoor | None, tuple[Warning, ...]]:
    source = _path_template(service, settings)
    if not source:
        return None, ()
    where = _path_origin(service)
    try:
        path = _rendered_path(service, source)
    except template.TemplateError as error:
        raise Refusal("InvalidPath", f"{where} {quoted(source)}: {error}") from None
    problem = path_problem(path)
    if problem:
        raise Refusal("InvalidPath", f"{where} {quoted(source)}: path {quoted(path)} {problem}")
    asked = service.annotation(DOMAIN)
    if not asked and is_in_cluster(domain, settings.cluster_domain):
        message = f"setting ingressDomain {quoted(domain)} is inside the cluster, where there is no path door"
        return None, (Warning("PathTemplateUnsupported", message),)
    problem = problem_of(domain)
    if problem:
        raise Refusal("InvalidHost", f"{_domain_origin(service)}: {quoted(domain)} {problem}")
    return PathDoor(domain, clean_path(path)), ()


def _path_template(service: InferenceService, settings: Settings) -> str:
    own = service.metadata.annotations.get(PATH_TEMPLATE)
    return own.strip() if own is not None else settings.path_template


def _rendered_path(service: InferenceService, source: str) -> str:
    """A path.  Raises TemplateError."""
    values = {"Name": service.label, "Namespace": service.namespace}
    return template.compile(source, PATH_FIELDS).render(values, LONGEST_PATH)


def _scheme(service: InferenceService, settings: Settings) -> str:
    own = service.annotation(URL_SCHEME)
    if not own:
        return settings.url_scheme
    if own not in ("http", "https"):
        raise Refusal("InvalidHost", f"annotation {URL_SCHEME} {quoted(own)}: the scheme is either http or https")
    return own


def inside_cause(settings: Settings) -> str:
    """What puts hosts below the cluster's domain (:func:`stays_in_cluster`)."""
    inside = is_in_cluster(settings.ingress_domain, settings.cluster_domain)
    return "setting ingressDomain" if inside else "setting domainTemplate"


def _domain_origin(service: InferenceService) -> str:
    return _origin(DOMAIN, "ingressDomain", bool(service.annotation(DOMAIN)))


def _additional_origin(service: InferenceService) -> str:
    return _origin(ADDITIONAL_DOMAINS, "additionalIngressDomains", ADDITIONAL_DOMAINS in service.metadata.annotations)


def _path_origin(service: InferenceService) -> str:
    return _origin(PATH_TEMPLATE, "pathTemplate", PATH_TEMPLATE in service.metadata.annotations)


def _origin(annotation: str, setting: str, own: bool) -> str:
    return f"annotation {annotation}" if own else f"setting {setting}"
