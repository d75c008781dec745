"""Service DOOR.  What the server fills in by itself, in the fields that we own, is named as it would fill it."""

from __future__ import annotations

from doorward.hooks import Watch
from doorward.model.door import Door, Rendering, Warning, manifest
from doorward.model.reference import JsonObject, Resource

WATCH = Watch(
    resource=Resource("Service", "services"),
    verbs=("list", "watch", "create", "patch", "delete"),
    owned="fields",
    fields=("type", "selector", "ports", "externalName", "loadBalancerIP"),
    guarded=("external-dns.alpha.kubernetes.io/",),
)
"""Described alike by every backend that writes Services."""

PORT = 80


def is_ours(door: Door) -> bool:
    """Whether Service DOOR is for this backend to write.

    A closed door takes no LoadBalancer or NodePort, whatever type was asked for.
    """
    return door.in_cluster == "ours" and (not door.door_takes_type or door.exposure == "cluster-local")


def render(door: Door) -> Rendering:
    """Service DOOR, or nothing where it isn't ours."""
    if not is_ours(door):
        return Rendering()
    if door.serverless:
        return Rendering(objects=(_external_name(door),))
    return Rendering(objects=(_cluster_ip(door),), warnings=_no_path_routing(door))


def _external_name(door: Door) -> JsonObject:
    # The port is for those who read it: Istio's sidecars take the protocol from its name, ingress controllers look for
    # the number that an Ingress names.
    spec = {
        "type": "ExternalName",
        "externalName": door.settings.local_gateway_service,
        "ports": [{"name": "http", "port": PORT, "protocol": "TCP", "targetPort": PORT}],
    }
    return manifest("v1", "Service", door.door_service, spec)


def _cluster_ip(door: Door) -> JsonObject:
    entry = door.entry_target()
    spec = {
        "type": "ClusterIP",
        "selector": {**dict(entry.selector), **door.pods},
        "ports": entry.ports(),
    }
    return manifest("v1", "Service", door.door_service, spec)


def _no_path_routing(door: Door) -> tuple[Warning, ...]:
    if all(route.component != "decoder" for route in door.routes):
        return ()
    message = (
        f"Service {door.door_service} sends every request to the {door.entry}, /v1/decoder too: a Service can't see "
        f"paths; inside the cluster, reach the decoder by its own Service {door.target('decoder').service}"
    )
    return (Warning("NoPathRouting", message),)
