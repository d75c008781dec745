"""The Service that a cloud's load balancer, or a port of every node, leads to.

RawDeployment and MultiNode: Service DOOR takes the type, if it is ours to write; else a Service of its own beside it.
Serverless: always one of its own, straight to the entry's pods on the port of Knative's queue-proxy.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from doorward.hooks import Watch
from doorward.model import names
from doorward.model.annotations import HeldBack, cloud_keys, told
from doorward.model.door import Door, Rendering, Standing, Warning, manifest
from doorward.model.quoting import quoted
from doorward.model.reference import JsonObject, Ref, Resource
from doorward.model.urls import is_address

WATCH = Watch(
    resource=Resource("Service", "services"),
    verbs=("list", "watch", "create", "patch", "delete"),
    owned="fields",
    fields=("type", "selector", "ports", "externalName", "loadBalancerIP"),
    guarded=("external-dns.alpha.kubernetes.io/",),
)
"""Described alike by every backend that writes Services."""

PORT = 80
ADDRESS = "ome.io/load-balancer-ip"
QUEUE_PROXY = 8012
"""Knative's queue-proxy for HTTP/1 (networking.BackendHTTPPort)."""


def name_of(door: Door) -> str:
    """DOOR where it takes the type, else ``NAME-lb-HHHHH``."""
    if door.door_takes_type:
        return door.door_service
    return names.service_name(names.derived(door.name, "lb", door.hhhhh), door.namespace, door.name)


def render(door: Door) -> Rendering:
    """The Service of the type asked for (LoadBalancer where only this backend was); nothing for a closed door."""
    service_type = _type(door)
    if not service_type or door.exposure == "cluster-local":
        return Rendering()
    entry = door.entry_target()
    # Knative's own selectors name a revision; ours follow the component through all of them.
    selector = () if door.serverless else entry.selector
    queue_proxy = [{"name": "http", "port": PORT, "protocol": "TCP", "targetPort": QUEUE_PROXY}]
    spec: JsonObject = {
        "type": service_type,
        "selector": {**dict(selector), **door.pods},
        "ports": queue_proxy if door.serverless else entry.ports(),
    }
    name = name_of(door)
    # Read where there is a load balancer: it is a long list, and most commands have none.
    from doorward_loadbalancer import clouds

    passed, held_back = clouds.carried(door)
    invalid: tuple[Warning, ...] = ()
    if service_type == "LoadBalancer" and door.load_balancer_ip:
        if not _is_address(door.load_balancer_ip):
            message = f"annotation {ADDRESS}: {quoted(door.load_balancer_ip)} is no IP address, and is left out"
            invalid = (Warning("InvalidLoadBalancerIP", message),)
        elif ADDRESS not in cloud_keys(door.namespace, door.settings.pass_cloud_annotations):
            held_back = (*held_back, HeldBack(ADDRESS, clouds.NEEDS_SETTING))
        else:
            spec["loadBalancerIP"] = door.load_balancer_ip
    return Rendering(
        objects=(manifest("v1", "Service", name, spec, annotations=passed),),
        warnings=(*_warnings(door, name), *invalid, *told(held_back, f"Service {name}")),
    )


def _is_address(text: str) -> bool:
    """Whether this is an IPv4 or IPv6 address, without the zone that only a host of its network knows."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def _type(door: Door) -> str:
    return door.service_type or ("LoadBalancer" if door.backend == "loadbalancer" else "")


def _warnings(door: Door, name: str) -> tuple[Warning, ...]:
    warnings = []
    if any(route.component == "decoder" for route in door.routes):
        message = (
            f"Service {name} sends every request to the {door.entry}, /v1/decoder too: a {_type(door)} can't see "
            "paths; open the door through an ingress to have the decoder outside"
        )
        warnings.append(Warning("NoPathRouting", message))
    if door.serverless:
        message = (
            f"requests through Service {name} go straight to the pods and don't wake a service that is scaled to zero; "
            f"keep one {door.entry} running (minReplicas: 1)"
        )
        warnings.append(Warning("NoScaleFromZero", message))
    return tuple(warnings)


def standing(door: Door, observed: Mapping[Ref, JsonObject]) -> Standing:
    """Pending while a load balancer has no address; a node port stands, its number in the message."""
    name = name_of(door)
    service = observed.get(Ref("Service", door.namespace, name), {})
    if door.service_type == "NodePort":
        port = next((port["nodePort"] for port in _of(service, "spec", "ports") if port.get("nodePort")), None)
        return Standing(message=f"port {port} of every node" if port else f"the node port of Service {name}")
    odd = ""
    for given in _of(service, "status", "loadBalancer", "ingress"):
        for address in (given.get("ip"), given.get("hostname")):
            if address and is_address(address):
                return Standing(address=address)
            odd = odd or (str(address)[:100] if address else "")
    message = f"Service {name} waits for the address of its load balancer"
    if odd:
        message += f"; its status has {odd!r}, which is neither an IP address nor a host name"
    return Standing(state="pending", reason="LoadBalancerPending", message=message)


def _of(obj: JsonObject, *path: str) -> list[JsonObject]:
    found: JsonObject = obj
    for key in path[:-1]:
        found = found.get(key) or {}
    return found.get(path[-1]) or []
