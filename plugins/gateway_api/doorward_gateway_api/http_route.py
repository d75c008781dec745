"""A door as HTTPRoutes: one for its hosts (more where it has more than an HTTPRoute can name), one for its path.

Every field that the API server would fill in is named, so that what comes back is what was written.  What the Gateway's
class can't do is left out, and said where something is lost by it.

With scheme https, where the Gateway has listeners with TLS for every host of a route and plain ones too, the route
attaches to the former alone, and one beside it (``redirect``) sends requests from the latter there.

Source: gateway.networking.k8s.io/v1 HTTPRoute: ``PathPrefix`` matches whole segments; ``ReplacePrefixMatch`` with ``/``
makes ``/`` of the prefix itself and takes it off everything below; durations are those of GEP-2257; where a route says
nothing of the port of a redirect, it is the scheme's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from doorward.hooks import Read
from doorward.model import forward_auth, names
from doorward.model.annotations import by_setting
from doorward.model.certificates import expired
from doorward.model.door import Door, Rendering, Route, Target, Warning, manifest
from doorward.model.hosts import LONGEST_PATH
from doorward.model.quoting import short
from doorward.model.reference import JsonObject

from doorward_gateway_api import guard
from doorward_gateway_api.gateway_class import (
    BACKEND_H2C,
    PATH_REWRITE,
    PERMANENT_REDIRECT,
    PORT_REDIRECT,
    REQUEST_TIMEOUT,
    SCHEME_REDIRECT,
    GatewayClass,
    class_of,
)
from doorward_gateway_api.kinds import GROUP, HTTP_ROUTE
from doorward_gateway_api.listeners import (
    MOST_PARENTS,
    Listener,
    Listeners,
    gateway_ref,
    listeners_of,
    uncertified,
    unheard,
)

MOST_HOSTS = 16
UNSUPPORTED = "FeatureUnsupported"
_GRPC_TYPES = ("application/grpc", "application/grpc+proto", "application/grpc+json")
"""What gRPC's clients send (grpc/grpc, doc/PROTOCOL-HTTP2.md); a pattern would not be portable."""

_API_VERSION = HTTP_ROUTE.api_version()
_LONGEST_UNIT = 99_999


def refused(door: Door) -> str:
    """Why a door can't be opened by HTTPRoutes; empty where it can."""
    if door.serverless:
        return (
            "gateway_api doesn't serve mode Serverless; leave annotation doorward.io/backend out for a VirtualService, "
            "or choose ome.io/deployment-mode: RawDeployment"
        )
    if not door.settings.ome_ingress_gateway:
        return "no Gateway is known; name it in setting omeIngressGateway"
    return ""


def route_names(door: Door) -> list[str]:
    """The names of the HTTPRoutes of a door's hosts: NAME, NAME-2-HHHHH and so on."""
    return [
        names.derived(door.name, str(number), door.hhhhh) if number > 1 else door.name
        for number in range(1, -(-len(door.all_hosts) // MOST_HOSTS) + 1)
    ]


def _spread(door: Door, read: Read) -> Iterator[tuple[str, list[str]]]:
    """The hosts of each HTTPRoute: those that it has, then newcomers.

    One that moved would be in none of them between two writes.
    """
    routes, hosts = route_names(door), door.all_hosts
    wanted, placed = frozenset(hosts), dict[str, str]()
    free: list[str] = []
    for name in routes:
        route = read(door.ref(HTTP_ROUTE.kind, name)) if len(routes) > 1 else None
        standing = (route or {}).get("spec", {}).get("hostnames") or ()
        stays = [host for host in standing[:MOST_HOSTS] if host in wanted and host not in placed]
        placed |= dict.fromkeys(stays, name)
        free += [name] * (MOST_HOSTS - len(stays))
    placed |= zip((host for host in hosts if host not in placed), free, strict=False)
    spread: dict[str, list[str]] = {name: [] for name in routes}
    for host in hosts:
        spread[placed[host]].append(host)
    yield from spread.items()


def _path_name(door: Door) -> str:
    prefix = door.path.prefix if door.path else ""
    return names.derived(door.name, "path", names.mark(door.namespace, door.name, prefix))


def guarded_names(door: Door) -> list[str]:
    """The names of the HTTPRoutes that lead to components: where the door has a guard, each has its own."""
    return [*route_names(door), *([_path_name(door)] if door.path else ())]


def render(door: Door, read: Read) -> Rendering:
    """The HTTPRoutes of a door."""
    guarded = door.guard is not None
    istio = guarded and guard.is_istios(door, read)
    traefik = guarded and not istio and guard.is_traefiks(door, read)
    why = guard.problem(door, read) if istio else forward_auth.problem(door) if traefik else ""
    if why:
        return Rendering(unguarded=why)
    gateway_class = class_of(read(gateway_ref(door)), read)
    listeners = listeners_of(door, read)
    passed, warnings = by_setting(door, "the HTTPRoute")
    warnings += _lost(door, gateway_class)
    routes = []
    for number, (name, hosts) in enumerate(_spread(door, read), 1):
        rules = [*_grpc_rules(door, gateway_class), *(_rule(door, route, gateway_class) for route in door.routes)]
        second = names.derived(door.name, f"redirect-{number}" if number > 1 else "redirect", door.hhhhh)
        routes.append(_Planned(name, second, hosts, "/", rules))
    problem = _path_problem(door, gateway_class)
    if problem:
        warnings += (problem,)
    elif door.path:
        rules = [_rule(door, route, gateway_class, door.path.prefix) for route in door.routes]
        path_hosts = list(door.path_hosts[:MOST_HOSTS])
        second = names.derived(door.name, "path-redirect", names.mark(door.namespace, door.name, door.path.prefix))
        routes.append(_Planned(_path_name(door), second, path_hosts, door.path.prefix, rules))
    objects: list[JsonObject] = [forward_auth.middleware(door)] if traefik else []
    for route in routes:
        sections = _sections(door, route.hosts, listeners)
        if guarded and not (istio or traefik):
            objects.append(guard.policy(door, route.name, read(door.ref(HTTP_ROUTE.kind, route.name))))
        # One that leads nowhere, until its guard is known to stand.
        rules = route.rules if guard.leads_on(door, route.name, read) else [{"matches": [_below(route.prefix)]}]
        if traefik:
            rules = [{**rule, "filters": [*guard.filters(door), *rule["filters"]]} for rule in rules]
        objects.append(_http_route(door, route.name, route.hosts, rules, passed, sections.main))
        if not sections.plain:
            continue
        if gateway_class.can(SCHEME_REDIRECT):
            rules = [_redirect(route.prefix, sections.port, gateway_class)]
            objects.append(_http_route(door, route.redirect, route.hosts, rules, passed, sections.plain))
        else:
            message = f"{gateway_class} has no {SCHEME_REDIRECT}: requests in plain HTTP find nobody"
            warnings += (Warning(UNSUPPORTED, message),)
    if listeners:
        hosts = [host for route in routes for host in route.hosts]
        warnings += (*unheard(door, hosts, listeners, read), *uncertified(door, hosts, listeners))
        serving = listeners.for_any(hosts, tls=True) if door.scheme == "https" else ()
        warnings += tuple(expired((ref for each in serving for ref in each.certificates), read))
    told = tuple(dict.fromkeys(warnings))
    return Rendering(objects=tuple(objects), warnings=told, path=problem is None, guarded=guarded)


class _Planned(NamedTuple):
    """An HTTPRoute before it is known to which listeners it attaches, and the name of the one that leads to it."""

    name: str
    redirect: str
    hosts: list[str]
    prefix: str
    rules: list[JsonObject]


class _Sections(NamedTuple):
    """The listeners to which a route attaches, by name; none: to all of the Gateway's."""

    main: tuple[str, ...] = ()
    plain: tuple[str, ...] = ()
    """Those from which requests are sent on to ``main``."""
    port: int = 443


def _sections(door: Door, hosts: Sequence[str], listeners: Listeners | None) -> _Sections:
    """Where scheme https tells listeners apart: some have TLS, for each of the hosts, and some are plain."""
    if listeners is None or door.scheme != "https" or not all(listeners.takes(host, tls=True) for host in hosts):
        return _Sections()
    main, plain = listeners.for_any(hosts, tls=True), listeners.for_any(hosts, tls=False)
    room = MOST_PARENTS - len(door.draining_parents)
    if not plain or max(len(main), len(plain)) > room:
        return _Sections()
    return _Sections(_names(main), _names(plain), main[0].port)


def _names(listeners: Sequence[Listener]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(listener.name for listener in listeners))


def _path_problem(door: Door, gateway_class: GatewayClass) -> Warning | None:
    """Why the path door can't be opened."""
    if not door.path:
        return None
    if not gateway_class.can(PATH_REWRITE):
        message = f"{gateway_class} has no {PATH_REWRITE}, and the path door {short(door.path.prefix)} needs it"
        return Warning(UNSUPPORTED, f"{message}; the hosts are served")
    longest = max(len(route.prefix) for route in door.routes)
    if len(door.path.prefix) + longest <= LONGEST_PATH:
        return None
    message = (
        f"a path of an HTTPRoute has at most {LONGEST_PATH} characters, routes included: {short(door.path.prefix)}"
    )
    return Warning("PathTemplateUnsupported", message)


def _lost(door: Door, gateway_class: GatewayClass) -> tuple[Warning, ...]:
    """What is lost of what the class can't do."""
    return (*_lost_timeouts(door, gateway_class), *_lost_http2(door, gateway_class))


def _lost_http2(door: Door, gateway_class: GatewayClass) -> tuple[Warning, ...]:
    """Components that speak HTTP/2 without TLS, where the class isn't told to speak it."""
    targets = [door.target(component) for component in dict.fromkeys(route.component for route in door.routes)]
    speaking = [target.service for target in targets if target.protocol or target.grpc]
    if gateway_class.can(BACKEND_H2C) or not speaking:
        return ()
    message = f"{gateway_class} has no {BACKEND_H2C}: HTTP/2 and gRPC may not reach Service {', '.join(speaking)}"
    return (Warning(UNSUPPORTED, message),)


def _lost_timeouts(door: Door, gateway_class: GatewayClass) -> tuple[Warning, ...]:
    """Timeouts that were asked for, or an end to the gateway's own."""
    if door.settings.disable_http_route_timeout or gateway_class.can(REQUEST_TIMEOUT):
        return ()
    limits = {route.component: _seconds(door, door.target(route.component)) for route in door.routes}
    asked = [f"{seconds} s of the {component}" for component, seconds in limits.items() if seconds]
    if asked:
        what = f"the timeout of {' and '.join(asked)} is left out"
    elif gateway_class.default:
        what = f"answers that take longer than its own limit, {gateway_class.default}, are cut"
    else:
        return ()
    remedy = f"; set it by {gateway_class.remedy}" if gateway_class.remedy else ""
    return (Warning(UNSUPPORTED, f"{gateway_class} has no {REQUEST_TIMEOUT}: {what}{remedy}"),)


def _http_route(
    door: Door,
    name: str,
    hosts: Sequence[str],
    rules: list[JsonObject],
    passed: dict[str, str],
    sections: Sequence[str],
) -> JsonObject:
    gateway = door.settings.ome_ingress_gateway
    parents = [{**_parent(gateway), "sectionName": section} for section in sections] or [_parent(gateway)]
    parents += [_parent(parent) for parent in dict.fromkeys(door.draining_parents) if parent != gateway]
    spec = {"parentRefs": parents, "hostnames": list(hosts), "rules": rules}
    return manifest(_API_VERSION, HTTP_ROUTE.name, name, spec, annotations=passed)


def _parent(gateway: str) -> JsonObject:
    namespace, _, name = gateway.partition("/")
    return {"group": GROUP, "kind": "Gateway", "namespace": namespace, "name": name}


def _rule(door: Door, route: Route, gateway_class: GatewayClass, prefix: str = "") -> JsonObject:
    """One route, below ``prefix``, which is taken off."""
    target = door.target(route.component)
    headers = [{"name": "OMe-Isvc-Name", "value": door.name}, {"name": "OME-Isvc-Namespace", "value": door.namespace}]
    filters: list[JsonObject] = [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": headers}}]
    if prefix:
        left = {"type": "ReplacePrefixMatch", "replacePrefixMatch": route.prefix}
        filters.append({"type": "URLRewrite", "urlRewrite": {"path": left}})
    rule: JsonObject = {
        "matches": [_below((prefix + route.prefix.rstrip("/")) or "/")],
        "filters": filters,
        "backendRefs": [{"group": "", "kind": "Service", "name": target.service, "port": target.port, "weight": 1}],
    }
    if limit := _timeout(door, target, gateway_class):
        rule["timeouts"] = {"request": limit}
    return rule


def _grpc_rules(door: Door, gateway_class: GatewayClass) -> list[JsonObject]:
    """gRPC requests to the entry's port for them: their paths are those of their methods, and lie below no route.

    A GRPCRoute for the same host won't do: a Gateway accepts either that or the HTTPRoute (kubernetes-sigs/gateway-api,
    apis/v1/grpcroute_types.go, ``hostnames``; so do Traefik and the AWS Load Balancer Controller).
    """
    last = door.routes[-1]
    if (grpc := door.target(last.component).grpc) is None:
        return []
    rule = _rule(door, last, gateway_class)
    by_type = [{"type": "Exact", "name": "content-type", "value": value} for value in _GRPC_TYPES]
    rule["matches"] = [{**_below("/"), "headers": [header]} for header in by_type]
    rule["backendRefs"] = [{**rule["backendRefs"][0], "port": grpc.port}]
    return [rule]


def _below(path: str) -> JsonObject:
    return {"path": {"type": "PathPrefix", "value": path}}


def _redirect(prefix: str, port: int, gateway_class: GatewayClass) -> JsonObject:
    """Everything below a prefix to the same place by https; 308, which keeps method and body, where that is known."""
    code = 308 if gateway_class.names(PERMANENT_REDIRECT) else 301
    redirect: JsonObject = {"scheme": "https", "statusCode": code}
    if port != 443 and gateway_class.can(PORT_REDIRECT):
        redirect["port"] = port
    return {"matches": [_below(prefix)], "filters": [{"type": "RequestRedirect", "requestRedirect": redirect}]}


def _seconds(door: Door, target: Target) -> int | None:
    return target.timeout or door.settings.request_timeout_seconds


def _timeout(door: Door, target: Target, gateway_class: GatewayClass) -> str:
    """The request timeout to write; empty where the field is left out.

    Where nothing is to limit a request, ``0s`` says so to those who are known to read the field, or to have a limit of
    their own: others may refuse the route.
    """
    if door.settings.disable_http_route_timeout or not gateway_class.can(REQUEST_TIMEOUT):
        return ""
    seconds = _seconds(door, target)
    told = gateway_class.names(REQUEST_TIMEOUT) or gateway_class.default
    return duration(seconds) if seconds or told else ""


def duration(seconds: int | None) -> str:
    """GEP-2257: at most five digits to a unit; ``0s`` switches a timeout off."""
    if not seconds:
        return "0s"
    if seconds <= _LONGEST_UNIT:
        return f"{seconds}s"
    hours, rest = divmod(seconds, 3600)
    if hours > _LONGEST_UNIT:
        return "0s"
    return f"{hours}h{rest}s" if rest else f"{hours}h"
