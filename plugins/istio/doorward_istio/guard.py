"""A door's guard on Istio's gateways: their own AuthorizationPolicy, which stands before any door does.

A door has to be guarded wherever it is reached: at the gateway for requests from outside, and in Serverless at
Knative's local gateway too, by each of its hosts, by the names of Service DOOR, and by those of its components, to
which the VirtualService sends requests on:

    outside --> ingressGateway: m.a.example.com ----+
    a pod   --> localGateway: m.a, m.a.example.com -+--> localGateway: m-engine.a.svc.cluster.local --> the revision

Nearly always both are the same pods, and one policy covers all of it.  In RawDeployment and MultiNode the names inside
lead to a plain Service, which no gateway guards.

Source: istio/api networking/v1beta1/gateway.proto (``selector``: the labels of the pods that a Gateway is for).
"""

from __future__ import annotations

from doorward.hooks import Read
from doorward.model import authorization_policy
from doorward.model.door import Door
from doorward.model.reference import Ref

from doorward_istio.servers import GATEWAY


def problem(door: Door, read: Read) -> str:
    """Why the gateways of a door can't be relied on to ask for a key; empty where they can."""
    named = door.settings.auth_policy
    if not named:
        return "no AuthorizationPolicy of its gateway is known; name it in setting authPolicy"
    ref = authorization_policy.ref_of(named)
    policy = read(ref)
    if policy is None:
        return f"there is no {ref}, which setting authPolicy names"
    if why := authorization_policy.problem(policy, _hosts(door)):
        return f"{ref} doesn't guard its gateway: {why}"
    for gateway in map(_gateway_ref, _gateways(door)):
        labels = (read(gateway) or {}).get("spec", {}).get("selector")
        if not labels:
            return f"{gateway} isn't there, or selects no pods"
        if not authorization_policy.selects(policy, labels):
            return f"{ref} isn't for the pods of {gateway}"
    return ""


def _hosts(door: Door) -> list[str]:
    """By what a door is reached at its gateways."""
    hosts = list(door.outside_hosts)
    if door.serverless:
        for service in dict.fromkeys((door.door_service, *door.draining_services, *_components(door))):
            hosts += door.inside_hosts_of(service)
    return hosts


def _components(door: Door) -> list[str]:
    return [door.target(route.component).service for route in door.routes]


def _gateways(door: Door) -> list[str]:
    """The Gateways that lead in, one that is leaving included; in Serverless the local one is among them."""
    settings = door.settings
    outside = [settings.ingress_gateway] if door.backend == "istio" else []
    leaving = [each for each in door.draining_parents if "/" in each]
    if door.serverless:
        return list(dict.fromkeys((*outside, settings.local_gateway, *leaving)))
    return list(dict.fromkeys((*outside, *(each for each in leaving if each != settings.local_gateway))))


def _gateway_ref(gateway: str) -> Ref:
    namespace, _, name = gateway.partition("/")
    return Ref(GATEWAY.kind, namespace, name)
