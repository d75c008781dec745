"""A doorward backend for OpenShift's router: a Route for each host and path of a door.

A Route leads one host, from one path on (whole segments; the longest wins), to one Service; an annotation takes the
path of a path door off.  An API server lets only those name a host who may ``create`` ``routes/custom-host``, for which
``watches`` has no word: grant it beside doorward's own rights.  Where services of several namespaces share a host by
paths, the router has to allow that (``namespaceOwnership: InterNamespaceAllowed``).

Source: openshift/api, route/v1/types.go; openshift/router, pkg/router/template/util/util.go (``GenerateRouteRegexp``),
pkg/router/template/template_helper.go (``endpointsForAlias``: a port by number or name), images/router/haproxy/conf/
haproxy-config.template (``rewrite-target``; ``timeout``, without which a request has 30 s); openshift/library-go,
pkg/route/hostassignment/assignment.go (``custom-host``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from hashlib import sha256

from doorward import JsonObject, Ref, Resource, kind_of
from doorward.hooks import Claim, Door, Read, Rendering, Standing, Target, Watch, hookimpl, manifest, names
from doorward.hooks import Route as TableRow

ROUTE = Resource("Route.route.openshift.io", "routes")
WRITTEN = ("list", "watch", "create", "patch", "delete")
ANNOTATIONS = "haproxy.router.openshift.io/"
PLAIN_PATH = re.compile(r"[-A-Za-z0-9._~/]+")
LONG = 86_400


@hookimpl
def watches() -> Sequence[Watch]:
    return (Watch(resource=ROUTE, verbs=WRITTEN, owned="spec", guarded=(ANNOTATIONS,)),)


@hookimpl
def render(door: Door, read: Read) -> Rendering | None:
    if door.backend != "openshift":
        return None
    if door.serverless:
        return Rendering(refused="openshift serves no mode Serverless; choose ome.io/deployment-mode: RawDeployment")
    objects = [_route(door, host, "", row, read) for host in door.all_hosts for row in door.routes]
    opens = door.path is not None and PLAIN_PATH.fullmatch(door.path.prefix) is not None
    if opens and door.path:
        hosts = door.path_hosts
        objects += [_route(door, host, door.path.prefix, row, read) for host in hosts for row in door.routes]
    return Rendering(objects=tuple(objects), path=opens)


def _route(door: Door, host: str, prefix: str, row: TableRow, read: Read) -> JsonObject:
    """Its name follows from host and path, neither of which a Route may change."""
    target, path = door.target(row.component), prefix + row.prefix.rstrip("/")
    annotations = {f"{ANNOTATIONS}timeout": f"{target.timeout or door.settings.request_timeout_seconds or LONG}s"}
    if prefix:
        annotations[f"{ANNOTATIONS}rewrite-target"] = row.prefix
    values = {"OMe-Isvc-Name": door.name, "OME-Isvc-Namespace": door.namespace}
    headers = [{"name": key, "action": {"type": "Set", "set": {"value": value}}} for key, value in values.items()]
    spec: JsonObject = {
        "host": host,
        "to": {"kind": "Service", "name": target.service, "weight": 100},
        "port": {"targetPort": _port(door, target, read)},
        "wildcardPolicy": "None",
        "httpHeaders": {"actions": {"request": headers}},
    }
    spec |= {"path": path} if path else {}
    if door.scheme == "https":
        spec["tls"] = {"termination": "edge", "insecureEdgeTerminationPolicy": "Redirect"}
    name = names.derived(door.name, "", sha256(f"{door.namespace}/{door.name}/{host}{path}".encode()).hexdigest()[:12])
    return manifest(ROUTE.api_version(), ROUTE.name, name, spec, annotations=annotations)


def _port(door: Door, target: Target, read: Read) -> int | str:
    """A port as endpoints know it: by the name that the component's Service gives it, else by its number."""
    service = read(door.ref("Service", target.service)) or {"spec": {}}
    named = [p["name"] for p in service["spec"].get("ports") or () if p["port"] == target.port and p.get("name")]
    return named[0] if named else target.target_port


@hookimpl
def status(door: Door, observed: Mapping[Ref, JsonObject]) -> Standing:
    """Accepted once some router has admitted each Route."""
    for ref, route in observed.items():
        routers = (route.get("status") or {}).get("ingress") or ()
        told = [each for router in routers for each in router.get("conditions") or () if each["type"] == "Admitted"]
        if not any(each["status"] == "True" for each in told):
            why = "; ".join(f"{each.get('reason')}: {each.get('message')}" for each in told) or "none has answered"
            what = f"no router has admitted {ref}: {why}"
            return Standing(state="refused" if told else "pending", reason="RouteNotAdmitted", message=what)
    return Standing()


@hookimpl
def claims(manifest: JsonObject) -> Sequence[Claim] | None:
    spec = manifest.get("spec") or {}
    if kind_of(manifest) != ROUTE.kind or not spec.get("host"):
        return None
    return [Claim(spec["host"], (spec.get("path") or "/").rstrip("/") or "/", (ROUTE.kind,))]
