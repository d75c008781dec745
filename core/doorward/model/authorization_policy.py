"""Whether an Istio AuthorizationPolicy has a gateway ask before it lets in: read, never written.

One policy guards a whole gateway, and so the doors of many services, in a namespace that is none of theirs: no service
could own it, and who may write there may open every door.  So it is the administrator's, named in setting authPolicy;
what can be seen of it is checked, and a door whose host it doesn't cover isn't opened.

A policy covers a host only if it does so with every port: a client may write one, and the gateway's routes don't mind.

Source: istio/api security/v1beta1/authorization_policy.proto (``action: CUSTOM`` and ``provider``; an empty rule
matches everything; ``hosts`` and ``notHosts``: exact, ``prefix*``, ``*suffix`` and ``*``; ``selector``,
``targetRefs``); Istio, "Security best practices", host matching (a port is part of what is compared).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from doorward.model.reference import JsonObject, Ref, Resource

AUTHORIZATION_POLICY = Resource("AuthorizationPolicy.security.istio.io", "authorizationpolicies", ("v1", "v1beta1"))


def ref_of(setting: str) -> Ref:
    """The policy that setting authPolicy names."""
    namespace, _, name = setting.partition("/")
    return Ref(AUTHORIZATION_POLICY.kind, namespace, name)


def problem(policy: JsonObject, hosts: Iterable[str]) -> str:
    """Why a policy doesn't have somebody asked about each of these hosts; empty where it does."""
    spec: JsonObject = policy.get("spec") or {}
    if spec.get("action") != "CUSTOM" or not (spec.get("provider") or {}).get("name"):
        return "its action isn't CUSTOM with a provider"
    rules = [rule for rule in spec.get("rules") or () if isinstance(rule, Mapping)]
    for host in hosts:
        if not any(_covers(rule, host) for rule in rules):
            return f"no rule of it covers host {host} with every port; an empty rule ({{}}) covers everything"
    return ""


def selects(policy: JsonObject, labels: Mapping[str, str]) -> bool:
    """Whether it is for every workload with these labels: it names none, or only labels that they have."""
    spec: JsonObject = policy.get("spec") or {}
    if spec.get("targetRefs") or spec.get("targetRef"):
        return False
    wanted = (spec.get("selector") or {}).get("matchLabels") or {}
    return all(labels.get(key) == value for key, value in wanted.items())


def targets(policy: JsonObject, gateway: str) -> bool:
    """Whether it is for this Gateway of the Gateway API (``NAMESPACE/NAME``), whole."""
    spec: JsonObject = policy.get("spec") or {}
    namespace, _, name = gateway.partition("/")
    found = [*(spec.get("targetRefs") or ()), *filter(None, [spec.get("targetRef")])]
    return policy["metadata"].get("namespace") == namespace and any(
        (each.get("group"), each.get("kind"), each.get("name")) == ("gateway.networking.k8s.io", "Gateway", name)
        and each.get("namespace") in (None, "", namespace)
        for each in found
    )


def _covers(rule: Mapping[str, Any], host: str) -> bool:
    """Whether every request for a host matches a rule, whoever sends it, however, and whatever port it names."""
    if rule.get("from") or rule.get("when"):
        return False
    operations = [to.get("operation") or {} for to in rule.get("to") or ()]
    return not operations or any(_for_all_of(operation, host) for operation in operations)


def _for_all_of(operation: Mapping[str, Any], host: str) -> bool:
    if {key for key, value in operation.items() if value} - {"hosts", "notHosts"}:
        return False
    hosts: Sequence[str] = [each.lower() for each in operation.get("hosts") or ()]
    excluded: Sequence[str] = [each.lower() for each in operation.get("notHosts") or ()]
    named = not hosts or (any(_matches(p, host) for p in hosts) and any(_matches_ports(p, host) for p in hosts))
    return named and not any(_may_match(p, host) for p in excluded)


def _matches(pattern: str, host: str) -> bool:
    if pattern.endswith("*"):
        return host.startswith(pattern[:-1])
    if pattern.startswith("*"):
        return host.endswith(pattern[1:])
    return pattern == host


def _matches_ports(pattern: str, host: str) -> bool:
    """Whether a pattern matches a host with whatever port."""
    return pattern.endswith("*") and f"{host}:".startswith(pattern[:-1])


def _may_match(pattern: str, host: str) -> bool:
    """Whether a pattern matches a host, or that host with some port."""
    if pattern.endswith("*"):
        return host.startswith(pattern[:-1]) or pattern.startswith(f"{host}:")
    if pattern.startswith("*"):
        return host.endswith(pattern[1:]) or ":" in pattern
    return pattern == host or pattern.startswith(f"{host}:")
