"""A door's guard on an Istio gateway: the gateway's own AuthorizationPolicy, which stands before any door does.

Source: istio/api networking/v1beta1/gateway.proto (``selector``: the labels of the pods that a Gateway is for).
"""

from __future__ import annotations

from collections.abc import Mapping

from doorward.model import authorization_policy
from doorward.model.door import Door
from doorward.model.reference import JsonObject, Ref, Resource

GATEWAY = Resource("Gateway.networking.istio.io", "gateways", ("v1", "v1beta1"))


def needs(door: Door) -> list[Ref]:
    """The policy of a guarded door, and the Gateways that it has to be for."""
    if not door.guard or not door.settings.auth_policy:
        return []
    return [authorization_policy.ref_of(door.settings.auth_policy), *map(_gateway_ref, _gateways(door))]


def problem(door: Door, needed: Mapping[Ref, JsonObject]) -> str:
    """Why the gateway of a door can't be relied on to ask for a key; empty where it can."""
    named = door.settings.auth_policy
    if not named:
        return "no AuthorizationPolicy of its gateway is known; name it in setting authPolicy"
    ref = authorization_policy.ref_of(named)
    policy = needed.get(ref)
    if policy is None:
        return f"there is no {ref}, which setting authPolicy names"
    hosts = [*door.all_hosts, *((door.path.host, *door.draining_path_hosts) if door.path else ())]
    if why := authorization_policy.problem(policy, hosts):
        return f"{ref} doesn't guard its gateway: {why}"
    for gateway in map(_gateway_ref, _gateways(door)):
        labels = needed.get(gateway, {}).get("spec", {}).get("selector")
        if not labels:
            return f"{gateway} isn't there, or selects no pods"
        if not authorization_policy.selects(policy, labels):
            return f"{ref} isn't for the pods of {gateway}"
    return ""


def _gateways(door: Door) -> list[str]:
    """The Gateways that lead in from outside, one that is leaving included."""
    leaving = (each for each in door.draining_parents if "/" in each and each != door.settings.local_gateway)
    return list(dict.fromkeys((door.settings.ingress_gateway, *leaving)))


def _gateway_ref(gateway: str) -> Ref:
    namespace, _, name = gateway.partition("/")
    return Ref(GATEWAY.kind, namespace, name)
