"""A door as HTTPRoutes: one for its hosts (more where it has more than an HTTPRoute can name), one for its path.

Every field that the API server would fill in is named, so that what comes back is what was written.

Source: gateway.networking.k8s.io/v1 HTTPRoute: ``PathPrefix`` matches whole segments; ``ReplacePrefixMatch`` with ``/``
makes ``/`` of the prefix itself and takes it off everything below; durations are those of GEP-2257.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from doorward.hooks import Read
from doorward.model import names
from doorward.model.annotations import by_setting
from doorward.model.door import Door, Rendering, Route, Warning, manifest
from doorward.model.hosts import LONGEST_PATH
from doorward.model.quoting import short
from doorward.model.reference import JsonObject, Resource

HTTP_ROUTE = Resource("HTTPRoute.gateway.networking.k8s.io", "httproutes", ("v1",))
GROUP = HTTP_ROUTE.group

MOST_HOSTS = 16

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
    """The names of this door's HTTPRoutes: NAME, NAME-2-HHHHH and so on for its hosts, then that of the path door."""
    found = _host_route_names(door)
    if door.path and not _path_problem(door):
        found.append(_path_name(door))
    return found


def _host_route_names(door: Door) -> list[str]:
    return [
        names.derived(door.name, str(number), door.hhhhh) if number > 1 else door.name
        for number in range(1, -(-len(door.all_hosts) // MOST_HOSTS) + 1)
    ]


def _spread(door: Door, read: Read) -> Iterator[tuple[str, list[str]]]:
    """The hosts of each HTTPRoute: those that it has, then newcomers.

    One that moved would be in none of them between two writes.
    """
    routes, hosts = _host_route_names(door), door.all_hosts
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


def render(door: Door, read: Read) -> Rendering:
    """The HTTPRoutes of a door."""
    passed, held_back = by_setting(door, "the HTTPRoute")
    objects = []
    for name, hosts in _spread(door, read):
        rules = [_rule(door, route) for route in door.routes]
        objects.append(_http_route(door, name, hosts, rules, passed))
    if not door.path:
        return Rendering(objects=tuple(objects), warnings=held_back)
    if problem := _path_problem(door):
        return Rendering(objects=tuple(objects), warnings=(*held_back, problem), path=False)
    rules = [_rule(door, route, door.path.prefix) for route in door.routes]
    path_hosts = tuple(dict.fromkeys((door.path.host, *door.draining_path_hosts)))[:MOST_HOSTS]
    objects.append(_http_route(door, _path_name(door), path_hosts, rules, passed))
    return Rendering(objects=tuple(objects), warnings=held_back)


def _path_problem(door: Door) -> Warning | None:
    longest = max(len(route.prefix) for route in door.routes)
    if not door.path or len(door.path.prefix) + longest <= LONGEST_PATH:
        return None
    message = (
        f"a path of an HTTPRoute has at most {LONGEST_PATH} characters, routes included: {short(door.path.prefix)}"
    )
    return Warning("PathTemplateUnsupported", message)


def _http_route(
    door: Door, name: str, hosts: Sequence[str], rules: list[JsonObject], passed: dict[str, str]
) -> JsonObject:
    parents = dict.fromkeys((door.settings.ome_ingress_gateway, *door.draining_parents))
    spec = {"parentRefs": [_parent(parent) for parent in parents], "hostnames": list(hosts), "rules": rules}
    return manifest(_API_VERSION, HTTP_ROUTE.name, name, spec, annotations=passed)


def _parent(gateway: str) -> JsonObject:
    namespace, _, name = gateway.partition("/")
    return {"group": GROUP, "kind": "Gateway", "namespace": namespace, "name": name}


def _rule(door: Door, route: Route, prefix: str = "") -> JsonObject:
    """One route, below ``prefix``, which is taken off."""
    target = door.target(route.component)
    headers = [{"name": "OMe-Isvc-Name", "value": door.name}, {"name": "OME-Isvc-Namespace", "value": door.namespace}]
    filters: list[JsonObject] = [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": headers}}]
    if prefix:
        left = {"type": "ReplacePrefixMatch", "replacePrefixMatch": route.prefix}
        filters.append({"type": "URLRewrite", "urlRewrite": {"path": left}})
    path = (prefix + route.prefix.rstrip("/")) or "/"
    seconds = target.timeout or door.settings.request_timeout_seconds
    return {
        "matches": [{"path": {"type": "PathPrefix", "value": path}}],
        "filters": filters,
        "backendRefs": [{"group": "", "kind": "Service", "name": target.service, "port": target.port, "weight": 1}],
        "timeouts": {"request": duration(seconds)},
    }


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
