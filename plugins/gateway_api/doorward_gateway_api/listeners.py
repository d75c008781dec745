"""Whether the Gateway listens for a host at all.

Source: gateway.networking.k8s.io/v1 Listener: a route attaches where protocol, kind, namespace and host name agree; a
wildcard stands for one or more labels.
"""

from __future__ import annotations

from collections.abc import Iterable

from doorward.model.door import Door, Warning
from doorward.model.reference import JsonObject, Ref, Resource

from doorward_gateway_api.http_route import HTTP_ROUTE
from doorward_gateway_api.parents import GROUP

GATEWAY = Resource("Gateway.gateway.networking.k8s.io", "gateways", ("v1",))

_PROTOCOLS = frozenset({"HTTP", "HTTPS"})
_FEW = 3


def gateway_ref(door: Door) -> Ref:
    """The Gateway that the door's HTTPRoutes attach to."""
    namespace, _, name = door.settings.ome_ingress_gateway.partition("/")
    return Ref(GATEWAY.kind, namespace, name)


def unheard(door: Door, routes: Iterable[JsonObject], gateway: JsonObject) -> tuple[Warning, ...]:
    """A warning that names hosts of these HTTPRoutes which no listener admits."""
    ref = gateway_ref(door)
    patterns = [
        listener.get("hostname") or "*"
        for listener in gateway["spec"].get("listeners") or ()
        if _admits_routes(listener, ref.namespace, door.namespace)
    ]
    if "*" in patterns:
        return ()
    hosts = dict.fromkeys(host for route in routes for host in route["spec"].get("hostnames", ()))
    deaf = [host for host in hosts if not any(_matches(pattern, host) for pattern in patterns)]
    if not deaf:
        return ()
    named = ", ".join(deaf[:_FEW]) + (f" and {len(deaf) - _FEW} more" if len(deaf) > _FEW else "")
    message = f"no listener of {ref} admits host {named} for an HTTPRoute of namespace {door.namespace}"
    return (Warning("NoListener", message),)


def _admits_routes(listener: JsonObject, own: str, namespace: str) -> bool:
    """Whether it speaks HTTP and takes HTTPRoutes from this namespace; a selector is taken to, its labels unseen."""
    allowed = listener.get("allowedRoutes") or {}
    kinds = allowed.get("kinds") or ({"kind": HTTP_ROUTE.name},)
    takes = any(each["kind"] == HTTP_ROUTE.name and each.get("group", GROUP) == GROUP for each in kinds)
    origin = (allowed.get("namespaces") or {}).get("from", "Same")
    near = origin in ("All", "Selector") or (origin == "Same" and own == namespace)
    return listener["protocol"] in _PROTOCOLS and takes and near


def _matches(pattern: str, host: str) -> bool:
    return host == pattern or (pattern.startswith("*.") and host.endswith(pattern[1:]))
