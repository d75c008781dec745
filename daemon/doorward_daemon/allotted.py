"""What an API server has allotted to a Service that is given as it was read from one.

Addresses and ports are those of the cluster that the Service is from.  The store has ranges of its own, in which they
can't be had, or are somebody else's: they are kept from it when it creates the Service, and are there afterwards.
"""

from __future__ import annotations

from doorward.model.reference import SERVICE, JsonObject, kind_of

__all__ = ["put_back", "without"]

_OF_THE_CLUSTER = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy")
"""What depends on a cluster's networks."""
_KEPT = ("clusterIP", "clusterIPs")
HEADLESS = "None"


def without(obj: JsonObject) -> JsonObject:
    """An object without what a server would allot; that it is to have no address at all is asked, not allotted."""
    spec = obj.get("spec")
    if kind_of(obj) != SERVICE or not isinstance(spec, dict):
        return obj
    headless = {"clusterIP": HEADLESS} if spec.get("clusterIP") == HEADLESS else {}
    rest = {key: value for key, value in spec.items() if key not in _OF_THE_CLUSTER}
    if isinstance(ports := spec.get("ports"), list):
        rest["ports"] = [
            {key: value for key, value in port.items() if key != "nodePort"} if isinstance(port, dict) else port
            for port in ports
        ]
    return {**obj, "spec": {**rest, **headless}}


def put_back(stored: JsonObject, given: JsonObject) -> None:
    """Have a Service stand with the addresses and ports that were given."""
    if kind_of(stored) != SERVICE:
        return
    spec = given.get("spec") or {}
    stored["spec"].update({key: spec[key] for key in _KEPT if spec.get(key)})
    for port, own in zip(stored["spec"].get("ports") or (), spec.get("ports") or (), strict=True):
        if own.get("nodePort"):
            port["nodePort"] = own["nodePort"]
