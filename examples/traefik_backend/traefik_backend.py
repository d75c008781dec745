"""A doorward backend for Traefik: an IngressRoute for a door's hosts, one for its path, and Middlewares.

``claims`` reads hosts and paths from rules; each of ours names one host, which ``narrow`` can take away.  A
``PathPrefix`` is a plain string: a route takes the path itself, and what lies below it.  Entry points, TLS and timeouts
are Traefik's own configuration.  A router is there only if its Middlewares are: a guard that is missing opens nothing.

Source: traefik/traefik, pkg/provider/kubernetes/crd/traefikio/v1alpha1/ingressroute.go and middleware.go, pkg/muxer/
http/matcher.go (``pathPrefix``) and mux.go (``GetRulePriority``), pkg/middlewares/stripprefix/strip_prefix.go,
pkg/provider/kubernetes/crd/kubernetes.go (``makeID``).  The guard is ``doorward.model.forward_auth``'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256

from doorward import JsonObject, Resource, kind_of
from doorward.hooks import Claim, Door, Read, Rendering, Watch, forward_auth, hookimpl, manifest, names, outermost

INGRESS_ROUTE = Resource("IngressRoute.traefik.io", "ingressroutes", ("v1alpha1",))
WRITTEN = ("list", "watch", "create", "patch", "delete")
PLAIN_PATH = re.compile(r"[-A-Za-z0-9._~/]+")


@hookimpl
def watches() -> Sequence[Watch]:
    routes = Watch(resource=INGRESS_ROUTE, verbs=WRITTEN, owned="spec")
    return (routes, Watch(resource=forward_auth.MIDDLEWARE, verbs=WRITTEN, owned="spec", guards=True))


@hookimpl
def render(door: Door, read: Read) -> Rendering | None:
    if door.backend != "traefik":
        return None
    if door.serverless:
        return Rendering(refused="traefik doesn't serve mode Serverless; choose ome.io/deployment-mode: RawDeployment")
    headers = {"OMe-Isvc-Name": door.name, "OME-Isvc-Namespace": door.namespace}
    if door.guard and (why := forward_auth.problem(door)):
        return Rendering(unguarded=why)
    through = [forward_auth.middleware(door)] if door.guard else []
    through.append(_middleware(door, "headers", "", {"headers": {"customRequestHeaders": headers}}))
    objects = [*through, _ingress_route(door, door.name, door.all_hosts, "", through)] if door.all_hosts else through
    opens = door.path is not None and PLAIN_PATH.fullmatch(door.path.prefix) is not None
    if opens and (path := door.path):
        strip = _middleware(door, "path", path.prefix, {"stripPrefix": {"prefixes": [path.prefix]}})
        hosts = door.path_hosts
        name = names.derived(door.name, "path", names.mark(door.namespace, door.name, path.prefix))
        objects = [*objects, strip, _ingress_route(door, name, hosts, path.prefix, [*through, strip])]
    return Rendering(objects=tuple(objects), path=opens, guarded=door.guard is not None)


def _middleware(door: Door, suffix: str, prefix: str, spec: JsonObject) -> JsonObject:
    """Its name can't be guessed, since Traefik takes ``b-m`` of namespace ``a`` for ``m`` of ``a-b``."""
    digits = sha256(f"{door.namespace}/{door.name}/{door.uid}{prefix}".encode()).hexdigest()[:16]
    kind, name = forward_auth.MIDDLEWARE, names.derived(door.name, suffix, digits)
    return manifest(kind.api_version(), kind.name, name, spec)


def _ingress_route(door: Door, name: str, hosts: Iterable[str], prefix: str, through: list[JsonObject]) -> JsonObject:
    routes = []
    for host, route in ((host, route) for host in hosts for route in door.routes):
        target, below = door.target(route.component), prefix + route.prefix.rstrip("/")
        rule = f"Host(`{host}`)" + (f" && (Path(`{below}`) || PathPrefix(`{below}/`))" if below else "")
        scheme = "h2c" if target.protocol else "http"
        service = {"kind": "Service", "name": target.service, "port": target.port, "scheme": scheme}
        middlewares = [{"name": each["metadata"]["name"]} for each in through]
        routes.append({"kind": "Rule", "match": rule, "middlewares": middlewares, "services": [service]})
    return manifest(INGRESS_ROUTE.api_version(), INGRESS_ROUTE.name, name, {"routes": routes})


def _served(rule: str) -> Iterator[tuple[str, str]]:
    """The hosts of a rule, anybody's, with the paths from which on it takes them."""
    found = (re.findall(rf"(?<!!)\b{name}\(([^)]*)\)", rule, re.IGNORECASE) for name in ("Host", "PathPrefix"))
    hosts, paths = (re.findall(r"[`\"]([^`\"]+)[`\"]", "".join(arguments)) for arguments in found)
    yield from ((host, path.rstrip("/") or "/") for host in hosts for path in paths or ["/"])


@hookimpl
def claims(manifest: JsonObject) -> Sequence[Claim] | None:
    if kind_of(manifest) != INGRESS_ROUTE.kind:
        return None
    served = (each for route in manifest["spec"].get("routes") or () for each in _served(route["match"]))
    return outermost(Claim(host, path, ("traefik",)) for host, path in served)


@hookimpl
def narrow(manifest: JsonObject, hosts: Sequence[str]) -> JsonObject | None:
    routes = [r for r in manifest["spec"].get("routes") or () if {h for h, _ in _served(r["match"])} <= set(hosts)]
    return {"routes": routes} if routes else None
