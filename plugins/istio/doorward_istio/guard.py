"""A door's guard on an Istio gateway: the gateway's own AuthorizationPolicy, which stands before any door does.

Source: istio/api networking/v1beta1/gateway.proto (``selector``: the labels of the pods that a Gateway is for).
"""

from __future__ import annotations

from doorward.hooks import Read
from doorward.model import authorization_policy
from doorward.model.door import Door
from doorward.model.reference import Ref

from doorward_istio.servers import GATEWAY


def problem(door: Door, read: Read) -> str:
    """Why the gateway of a door can't be relied on to ask for a key; empty where it can."""
    named = door.settings.auth_policy
    if not named:
        return "no AuthorizationPolicy of its gateway is known; name it in setting authPolicy"
    ref = authorization_policy.ref_of(named)
    policy = read(ref)
    if policy is None:
        return f"there is no {ref}, which setting authPolicy names"
    hosts = [*door.all_hosts, *((door.path.host, *door.draining_path_hosts) if door.path else ())]
    if why := authorization_policy.problem(policy, hosts):
        return f"{ref} doesn't guard its gateway: {why}"
    for gateway in map(_gateway_ref, _gateways(door)):
        labels = (read(gateway) or {}).get("spec", {}).get("selector")
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
