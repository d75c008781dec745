"""A door as VirtualServices: one for its hosts, one for its path.

Where the requests of a Serverless door come in, and where they go on:

    outside --> ingressGateway ----+
    Ingress --> Service DOOR --> localGateway --+--> knativeLocalGatewayService, Host: COMPONENT.NAMESPACE.svc...
    sidecar ------------------> mesh -----------+        (Knative's own VirtualService knows that name)

RawDeployment and MultiNode go to the component's Service.  Their Service DOOR can't see paths, so that in-cluster hosts
lead to the entry alone here too: a pod gets the same answer with a sidecar and without one.

With scheme https, where the Gateway has TLS for a host and a plain server too, requests from the latter are sent to
https; those that a proxy before the Gateway had by TLS (``x-forwarded-proto``, where the Gateway trusts it) are served.

In-cluster hosts are carried only where Service DOOR is ours, or a tied one that leads to the local gateway: anybody
else's Service keeps its own traffic.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from doorward.hooks import Read
from doorward.model import names
from doorward.model.annotations import by_setting
from doorward.model.certificates import expired
from doorward.model.door import Door, PathDoor, Rendering, Route, Target, manifest
from doorward.model.reference import JsonObject, Resource

from doorward_istio.gateways import MESH, qualified
from doorward_istio.matches import any_of, in_cluster
from doorward_istio.servers import Servers, servers_of, unheard

VIRTUAL_SERVICE = Resource("VirtualService.networking.istio.io", "virtualservices", ("v1", "v1beta1"))
KIND = VIRTUAL_SERVICE.kind

_API_VERSION = VIRTUAL_SERVICE.api_version()


def _opens(door: Door) -> bool:
    """Whether a VirtualService is the outside door."""
    return door.exposure == "outside" and door.backend == "istio"


def render(door: Door, read: Read) -> Rendering:
    """The VirtualServices of a door that this backend opens or accompanies."""
    outside = _outside_gateways(door)
    servers = servers_of(door, read) if _opens(door) else None
    passed, warnings = by_setting(door, "the VirtualService")
    objects = []
    if spec := _hosts_spec(door, outside, read, servers):
        objects.append(_virtual_service(door.name, spec, passed))
    if door.path and outside:
        name = names.derived(door.name, "path", names.mark(door.namespace, door.name, door.path.prefix))
        objects.append(_virtual_service(name, _path_spec(door, door.path, outside, servers), passed))
    if servers:
        served = door.outside_hosts
        warnings += unheard(door, served, servers)
        if door.scheme == "https":
            warnings += tuple(expired(servers.certificates(served), read))
    return Rendering(objects=tuple(objects), warnings=warnings if objects else ())


def _virtual_service(name: str, spec: JsonObject, passed: dict[str, str]) -> JsonObject:
    return manifest(_API_VERSION, VIRTUAL_SERVICE.name, name, spec, annotations=passed)


def _outside_gateways(door: Door) -> list[str]:
    """The gateways that the outside hosts and the path door are served on; none for a closed door.

    Behind another backend they are on the local gateway, unless that backend leads elsewhere or opens none; hosts that
    are draining for such a backend stay where they were.
    """
    settings = door.settings
    if door.exposure != "outside":
        return []
    if door.backend == "istio":
        return _distinct((settings.ingress_gateway, settings.local_gateway, *_draining(door)))
    if door.draining_hosts or (door.serverless and door.backend):
        return _distinct((settings.local_gateway, *_draining(door)))
    return []


def _draining(door: Door) -> list[str]:
    """The draining gateways; an Ingress of the same door may be draining a class, which has no slash."""
    return [parent for parent in door.draining_parents if "/" in parent]


def _distinct(items: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(items))


class _Match(NamedTuple):
    """Hosts as an expression, the gateways that they are served on, and whether paths can be told apart there."""

    authority: str
    gateways: list[str]
    by_path: bool


def _hosts_spec(door: Door, outside: list[str], read: Read, servers: Servers | None) -> JsonObject | None:
    hosts: tuple[str, ...] = ()
    gateways: list[str] = []
    matches: list[_Match] = []
    if outside and (all_hosts := door.all_hosts):
        hosts = all_hosts
        gateways += outside
        matches.append(_Match(any_of(hosts), outside, True))
    for service in _services(door, read):
        inside_hosts = door.inside_hosts_of(service)
        name = in_cluster(inside_hosts, bare=not door.serverless)
        inside = _distinct((door.settings.local_gateway, MESH, *_draining_inside(door, name, read)))
        hosts += inside_hosts
        gateways += inside
        matches.append(_Match(name, inside, door.serverless))
    if not hosts:
        return None
    last = door.routes[-1]
    http = _redirects(door, door.all_hosts if outside else (), "/", servers)
    for route in door.routes:
        # In a plain Service's place everything goes to the entry: only the last route.
        if own := [match for match in matches if match.by_path or route is last]:
            if route is last:
                http += _grpc(door, route, _below(route.prefix, own))
            http.append(_http(door, route, _below(route.prefix, own)))
    return {"hosts": _acceptable(hosts), "gateways": _distinct(gateways), "http": http}


def _acceptable(hosts: Iterable[str]) -> list[str]:
    """The hosts without what would make Istio refuse the whole object: one that is there twice, and one whose last
    label is all digits, as the short form of a name in namespace ``1234``.

    Source: ``ValidateVirtualService`` in istio/istio, pkg/config/validation/validation.go ("duplicate hosts in virtual
    service"); ``ValidateDNS1123Labels`` in pkg/config/validation/agent/validation.go ("cannot be all-numeric").
    """
    return [host for host in _distinct(hosts) if not host.rpartition(".")[2].isdigit()]


def _services(door: Door, read: Read) -> tuple[str, ...]:
    """The Services whose in-cluster names are carried."""
    now = (door.door_service,) if _carries_inside(door, read) else ()
    return (*now, *(name for name in door.draining_services if name != door.door_service))


def _carries_inside(door: Door, read: Read) -> bool:
    if door.in_cluster != "tied" or not door.serverless:
        return door.in_cluster == "ours"
    service = (read(door.service_ref) or {}).get("spec", {})
    leads_to = service.get("externalName") if service.get("type") == "ExternalName" else None
    return bool(leads_to == door.settings.local_gateway_service)


def _draining_inside(door: Door, name: str, read: Read) -> list[str]:
    """The draining gateways that in-cluster hosts are served on; what stands tells them from those of the outside."""
    if not door.draining_parents:
        return []
    standing = (read(door.ref(KIND)) or {}).get("spec", {})
    inside = {
        qualified(gateway, door.namespace)
        for http in standing.get("http") or ()
        for match in http.get("match") or ()
        if match.get("authority") == {"regex": name}
        for gateway in match.get("gateways") or ()
    }
    return [gateway for gateway in _draining(door) if gateway in inside]


def _below(prefix: str, matches: Iterable[_Match]) -> list[JsonObject]:
    """The matches, for paths below a prefix: the prefix itself, and whatever continues it with a slash."""
    if prefix == "/":
        return [{"authority": {"regex": m.authority}, "gateways": list(m.gateways)} for m in matches]
    return [
        {"uri": {kind: text}, "authority": {"regex": m.authority}, "gateways": list(m.gateways)}
        for m in matches
        for kind, text in (("exact", prefix), ("prefix", prefix + "/"))
    ]


def _redirects(door: Door, hosts: Iterable[str], prefix: str, servers: Servers | None) -> list[JsonObject]:
    """From the Gateway's plain servers to those with TLS, which have to serve the host as well.

    308 keeps method and body.  A rule per port of the servers with TLS, as a rule one.
    """
    if servers is None or door.scheme != "https":
        return []
    rules: dict[int, list[JsonObject]] = {}
    gateways = [door.settings.ingress_gateway]
    for plain, plain_hosts in servers.to_redirect(hosts).items():
        for port in dict.fromkeys(map(servers.port, plain_hosts)):
            regex = any_of([host for host in plain_hosts if servers.port(host) == port])
            match = [
                {**each, "port": plain, "scheme": {"exact": "http"}}
                for each in _below(prefix, [_Match(regex, gateways, True)])
            ]
            rules.setdefault(port, []).extend(match)
    return [{"match": match, "redirect": _to_https(port)} for port, match in rules.items()]


def _to_https(port: int) -> JsonObject:
    return {"scheme": "https", "redirectCode": 308, **({"port": port} if port != 443 else {})}


def _path_spec(door: Door, path: PathDoor, gateways: list[str], servers: Servers | None) -> JsonObject:
    hosts = list(door.path_hosts)
    regex = any_of(hosts)
    http = _redirects(door, hosts, path.prefix, servers)
    for route in door.routes:
        below = route.prefix.rstrip("/")
        itself = {"uri": {"exact": path.prefix + below}, "authority": {"regex": regex}}
        deeper = {"uri": {"prefix": f"{path.prefix}{below}/"}, "authority": {"regex": regex}}
        # Istio puts the text in place of what matched: a rewrite per match, unless both leave "/".
        if below:
            http.append(_http(door, route, [itself], below))
            http.append(_http(door, route, [deeper], below + "/"))
        else:
            http.append(_http(door, route, [itself, deeper], "/"))
    return {"hosts": hosts, "gateways": gateways, "http": http}


def _http(door: Door, route: Route, match: list[JsonObject], rewrite: str = "") -> JsonObject:
    target = door.target(route.component)
    settings = door.settings
    service = f"{target.service}.{door.namespace}.svc.{settings.cluster_domain}"
    headers = {"OMe-Isvc-Name": door.name, "OME-Isvc-Namespace": door.namespace}
    if door.serverless:
        headers["Host"] = service
        destination = {"host": settings.knative_local_gateway_service, "port": {"number": 80}}
    else:
        destination = {"host": service, "port": {"number": target.port}}
    http: JsonObject = {
        "match": match,
        "route": [{"destination": destination}],
        "headers": {"request": {"set": headers}},
    }
    if rewrite:
        http["rewrite"] = {"uri": rewrite}
    if timeout := _timeout(door, target):
        http["timeout"] = f"{timeout}s"
    return http


def _grpc(door: Door, route: Route, match: list[JsonObject]) -> list[JsonObject]:
    """The same for gRPC requests, to the port that the component has for them; Knative's gateway has one for all."""
    grpc = door.target(route.component).grpc
    if grpc is None or door.serverless:
        return []
    http = _http(door, route, [{**each, "headers": {"content-type": {"prefix": "application/grpc"}}} for each in match])
    http["route"][0]["destination"]["port"] = {"number": grpc.port}
    return [http]


def _timeout(door: Door, target: Target) -> int | None:
    """Seconds; none where a request may take as long as it likes, which Istio says by leaving the field out."""
    return target.timeout or door.settings.request_timeout_seconds
