"""What kube-apiserver makes of a Service: defaults, allocated addresses and ports, and changes of type.

After kubernetes ``pkg/apis/core/v1/defaults.go`` and ``pkg/registry/core/service`` (strategy.go, storage/alloc.go).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from doorward.cluster.embedded.metadata import shown, subdomain_problem
from doorward.model.reference import JsonObject

_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_ADDRESS = re.compile(r"10\.96\.\d{1,3}\.\d{1,3}")
_FIRST_ADDRESS, _FIRST_PORT, _LAST_PORT = 10, 30000, 32767


def _has_address(spec: JsonObject) -> bool:
    return bool(spec["type"] != "ExternalName")


def _has_node_ports(spec: JsonObject) -> bool:
    return spec["type"] == "NodePort" or (
        spec["type"] == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is not False
    )


def _is_external(spec: JsonObject) -> bool:
    return spec["type"] in ("NodePort", "LoadBalancer")


def default(spec: JsonObject) -> None:
    """Fill in what a Service that says nothing about it gets."""
    spec.setdefault("type", "ClusterIP")
    if spec.setdefault("sessionAffinity", "None") == "ClientIP":
        spec.setdefault("sessionAffinityConfig", {"clientIP": {"timeoutSeconds": 10800}})
    else:
        spec.pop("sessionAffinityConfig", None)
    for port in spec.get("ports") or ():
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port", 0))
    if _is_external(spec):
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if _has_address(spec):
        spec.setdefault("internalTrafficPolicy", "Cluster")
    else:
        spec.pop("internalTrafficPolicy", None)
    if spec["type"] == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)
    for field in ("selector", "ports", "clusterIP", "externalName", "loadBalancerIP", "clusterIPs"):
        if not spec.get(field, True):
            del spec[field]


def carry_over(spec: JsonObject, old: JsonObject) -> None:
    """Keep what was allocated, and drop what the new type has no use for unless the caller changed it too."""
    if spec.get("clusterIP") != old.get("clusterIP") and spec.get("clusterIPs") == old.get("clusterIPs"):
        spec.pop("clusterIPs", None)
        if spec.get("clusterIP"):
            spec["clusterIPs"] = [spec["clusterIP"]]
    if _has_address(old) and _has_address(spec):
        for field in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            if field in old and (field != "clusterIPs" or spec.get("clusterIP") == old.get("clusterIP")):
                spec.setdefault(field, old[field])
    if _has_node_ports(old) and _has_node_ports(spec):
        taken = {port.get("nodePort") for port in spec.get("ports") or ()}
        known = {port.get("name"): port.get("nodePort") for port in old.get("ports") or ()}
        for port in spec.get("ports") or ():
            number = known.get(port.get("name"))
            if "nodePort" not in port and number and number not in taken:
                port["nodePort"] = number
                taken.add(number)
    if not _has_address(spec):
        _drop_same(spec, old, "clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy")
    if not _is_external(spec):
        _drop_same(spec, old, "externalTrafficPolicy")
        before = [port.get("nodePort") for port in old.get("ports") or ()]
        if before == [port.get("nodePort") for port in spec.get("ports") or ()]:
            for port in spec.get("ports") or ():
                port.pop("nodePort", None)
    if spec["type"] != "LoadBalancer":
        _drop_same(spec, old, "allocateLoadBalancerNodePorts", "loadBalancerClass")


def _drop_same(spec: JsonObject, old: JsonObject, *fields: str) -> None:
    for field in fields:
        if field in spec and spec[field] == old.get(field):
            del spec[field]


def problems(spec: JsonObject, old: JsonObject | None) -> list[str]:
    """What is wrong with a Service's spec, as ``FIELD: WHY``."""
    if spec["type"] not in _TYPES:
        choices = ", ".join(f'"{choice}"' for choice in _TYPES)
        return [f"spec.type: Unsupported value: {shown(spec['type'])}: supported values: {choices}"]
    found = []
    address = spec.get("clusterIP")
    if old is not None and _has_address(old) and _has_address(spec) and address != old.get("clusterIP"):
        found.append(f"spec.clusterIPs[0]: Invalid value: {shown([address])}: may not change once set")
    if spec["type"] == "ExternalName":
        name = spec.get("externalName", "").rstrip(".")
        if address:
            found.append("spec.clusterIPs: Forbidden: may not be set for ExternalName services")
        if not name:
            found.append("spec.externalName: Required value")
        elif problem := subdomain_problem(name):
            found.append(f"spec.externalName: Invalid value: {shown(name)}: {problem}")
    elif not spec.get("ports") and address != "None":
        found.append("spec.ports: Required value")
    if address == "None" and _is_external(spec):
        why = f"may not be set to 'None' for {spec['type']} services"
        found.append(f'spec.clusterIPs[0]: Invalid value: "None": {why}')
    found += _port_problems(spec)
    if "allocateLoadBalancerNodePorts" in spec and spec["type"] != "LoadBalancer":
        why = "may only be used when `type` is 'LoadBalancer'"
        found.append(f"spec.allocateLoadBalancerNodePorts: Forbidden: {why}")
    if "externalTrafficPolicy" in spec and not _is_external(spec):
        policy, why = spec["externalTrafficPolicy"], "may only be set for externally-accessible services"
        found.append(f"spec.externalTrafficPolicy: Invalid value: {shown(policy)}: {why}")
    if not found and spec.get("ipFamilyPolicy") == "RequireDualStack" and not _is_dual(spec):
        why = "this cluster is not configured for dual-stack services"
        found.append(f'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": {why}')
    return found


def _is_dual(spec: JsonObject) -> bool:
    """Whether a Service, in a cluster with one family of addresses, has both: none of its own, and no endpoints."""
    return spec.get("clusterIP") == "None" and not spec.get("selector")


def _port_problems(spec: JsonObject) -> Iterator[str]:
    ports = spec.get("ports") or []
    names: set[str] = set()
    numbers: set[tuple[str, Any]] = set()
    for position, port in enumerate(ports):
        where = f"spec.ports[{position}]"
        name = port.get("name") or ""
        if not name and len(ports) > 1:
            yield f"{where}.name: Required value"
        elif name and name in names:
            yield f"{where}.name: Duplicate value: {shown(name)}"
        names.add(name)
        for field in ("port", "targetPort"):
            number = port.get(field, 0)
            if isinstance(number, int) and not 0 < number < 65536:
                yield f"{where}.{field}: Invalid value: {number}: must be between 1 and 65535, inclusive"
        if (port["protocol"], port.get("port")) in numbers:
            shape = f'{{"Name":"","Protocol":"{port["protocol"]}","AppProtocol":null,"Port":{port.get("port")},'
            yield f'{where}: Duplicate value: {shape}"TargetPort":0,"NodePort":0}}'
        numbers.add((port["protocol"], port.get("port")))


class Allocations:
    """The addresses and node ports that Services hold."""

    def __init__(self) -> None:
        self._addresses = {"10.96.0.1"}
        self._ports: set[int] = set()
        self._next_address = _FIRST_ADDRESS
        self._next_port = _FIRST_PORT

    def allocate(self, spec: JsonObject, old: JsonObject | None) -> list[str]:
        """Give ``spec`` the addresses and ports that it lacks; what is wrong with those that it asks for."""
        found = []
        own_ports = set(_ports(old))
        if _has_address(spec):
            address = spec.get("clusterIP")
            if not address:
                address = spec["clusterIP"] = self._free_address()
            elif address != "None" and address != (old or {}).get("clusterIP"):
                why = "provided IP is already allocated" if address in self._addresses else ""
                why = why if _ADDRESS.fullmatch(address) else "the provided network does not match the current range"
                if why:
                    message = f"Invalid value: {shown([address])}: failed to allocate IP {address}: {why}"
                    found.append(f"spec.clusterIPs: {message}")
            spec.setdefault("clusterIPs", [address])
            dual = _is_dual(spec)
            spec.setdefault("ipFamilies", ["IPv4", "IPv6"] if dual else ["IPv4"])
            spec.setdefault("ipFamilyPolicy", "RequireDualStack" if dual else "SingleStack")
        for position, port in enumerate(spec.get("ports") or () if _has_node_ports(spec) else ()):
            number = port.get("nodePort")
            if not number:
                port["nodePort"] = self._free_port(own_ports)
            elif number in own_ports:
                continue
            elif not _FIRST_PORT <= number <= _LAST_PORT:
                why = f"provided port is not in the valid range. The range of valid ports is {_FIRST_PORT}-{_LAST_PORT}"
                found.append(f"spec.ports[{position}].nodePort: Invalid value: {number}: {why}")
            elif number in self._ports:
                why = "provided port is already allocated"
                found.append(f"spec.ports[{position}].nodePort: Invalid value: {number}: {why}")
        return found

    def settle(self, old: JsonObject | None, new: JsonObject | None) -> None:
        """A write took effect: what ``old`` held is free, what ``new`` holds isn't."""
        if old is not None:
            self._addresses.discard(old["spec"].get("clusterIP", ""))
            self._ports.difference_update(_ports(old["spec"]))
        if new is not None:
            self._addresses.add(new["spec"].get("clusterIP", ""))
            self._ports.update(_ports(new["spec"]))

    def _free_address(self) -> str:
        while True:
            number, self._next_address = self._next_address, self._next_address % 65534 + 1
            address = f"10.96.{number >> 8}.{number & 255}"
            if address not in self._addresses:
                return address

    def _free_port(self, own: set[int]) -> int:
        while True:
            number = self._next_port
            self._next_port = number + 1 if number < _LAST_PORT else _FIRST_PORT
            if number not in self._ports and number not in own:
                return number


def _ports(spec: JsonObject | None) -> Iterator[int]:
    return (port["nodePort"] for port in (spec or {}).get("ports") or () if port.get("nodePort"))


def settle_status(service: JsonObject) -> list[str]:
    """Default the status of a Service; what is wrong with it, as ``FIELD: WHY``."""
    balancer = service.setdefault("status", {}).setdefault("loadBalancer", {})
    ingress = balancer.get("ingress") or ()
    if ingress and service["spec"]["type"] != "LoadBalancer":
        return ["status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is 'LoadBalancer'"]
    for point in ingress:
        if point.get("ip"):
            point.setdefault("ipMode", "VIP")
    return []
