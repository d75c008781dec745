"""What the server makes of a built-in object on its way in: defaults, then validation.

Only what is plain to see from outside, and bears on front doors, is here; sources are named per kind.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_address
from typing import Any

from doorward.cluster.embedded import services
from doorward.cluster.embedded.discovery import CRD, NAMESPACE
from doorward.cluster.embedded.errors import bad_request
from doorward.cluster.embedded.metadata import service_name_problem, shown, subdomain_problem
from doorward.cluster.embedded.services import Allocations
from doorward.model.reference import SERVICE, JsonObject

Admit = Callable[[JsonObject, JsonObject | None], list[str]]
"""Defaults a new object in place, given the old one (None: a creation); answers what is wrong with it."""

_INGRESS_CLASS = "kubernetes.io/ingress.class"
_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")


def admit(kind: str, new: JsonObject, old: JsonObject | None, subresource: str, allocations: Allocations) -> list[str]:
    """Default ``new`` in place; what is wrong with it, as ``FIELD: WHY``."""
    if kind != CRD:
        drop_nulls(new)
    if kind == SERVICE:
        return _service(new, old, subresource, allocations)
    return _ADMIT[kind](new, old) if kind in _ADMIT else []


def drop_nulls(value: Any) -> None:
    """Built-in objects are typed: a null is a field that isn't there."""
    if isinstance(value, dict):
        for key in [key for key, inner in value.items() if inner is None]:
            del value[key]
        for inner in value.values():
            drop_nulls(inner)
    elif isinstance(value, list):
        for inner in value:
            drop_nulls(inner)


def _service(new: JsonObject, old: JsonObject | None, subresource: str, allocations: Allocations) -> list[str]:
    spec: JsonObject = new.setdefault("spec", {})
    before: JsonObject | None = old["spec"] if old else None
    if not subresource:
        services.default(spec)
        if before is not None:
            services.carry_over(spec, before)
            if before["type"] == "LoadBalancer" != spec["type"]:
                new["status"] = {"loadBalancer": {}}
        elif spec.get("clusterIP"):
            spec.setdefault("clusterIPs", [spec["clusterIP"]])
        if found := services.problems(spec, before) or allocations.allocate(spec, before):
            return found
    return services.settle_status(new)


def _config_map(new: JsonObject, old: JsonObject | None) -> list[str]:
    found = []
    for field in ("data", "binaryData"):
        if not new.get(field, True):
            del new[field]
    for key in new.get("data") or {}:
        if not re.fullmatch(r"[-._a-zA-Z0-9]+", key):
            why = (
                "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or "
                "'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
            )
            found.append(f"data[{key}]: Invalid value: {shown(key)}: {why}")
    if old is not None and old.get("immutable") and new.get("data") != old.get("data"):
        found.append("data: Forbidden: field is immutable when `immutable` is set")
    return found


def _secret(new: JsonObject, old: JsonObject | None) -> list[str]:
    new.setdefault("type", "Opaque")
    for key, value in (new.pop("stringData", None) or {}).items():
        new.setdefault("data", {})[key] = b64encode(value.encode()).decode()
    if old is not None and new["type"] != old["type"]:
        return [f"type: Invalid value: {shown(new['type'])}: field is immutable"]
    return []


def _event(new: JsonObject, _: JsonObject | None) -> list[str]:
    """After kubernetes ``pkg/apis/core/validation/events.go``."""
    empty: JsonObject = {"source": {}, "firstTimestamp": None, "lastTimestamp": None, "eventTime": None}
    for field, value in (empty | {"reportingComponent": "", "reportingInstance": ""}).items():
        new.setdefault(field, value)
    involved = (new.get("involvedObject") or {}).get("namespace") or ""
    if involved != new["metadata"]["namespace"] and (involved or new["metadata"]["namespace"] != "default"):
        return [f"involvedObject.namespace: Invalid value: {shown(involved)}: does not match event.namespace"]
    return []


def _lease(new: JsonObject, _: JsonObject | None) -> list[str]:
    for field in ("acquireTime", "renewTime"):
        time = (new.get("spec") or {}).get(field)
        if time is not None and not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)", time):
            why = f'parsing time "{time}" as "2006-01-02T15:04:05.000000Z07:00"'
            raise bad_request(f'Lease in version "v1" cannot be handled as a Lease: {why}')
    return []


def _namespace(new: JsonObject, old: JsonObject | None) -> list[str]:
    metadata = new["metadata"]
    metadata.setdefault("labels", {})["kubernetes.io/metadata.name"] = metadata["name"]
    new["spec"] = old["spec"] if old else {"finalizers": ["kubernetes"]}
    new.setdefault("status", {"phase": "Active"})
    return []


def _endpoint_slice(new: JsonObject, _: JsonObject | None) -> list[str]:
    for endpoint in new.get("endpoints") or ():
        endpoint.setdefault("conditions", {})
    for port in new.get("ports") or ():
        port.setdefault("name", "")
        port.setdefault("protocol", "TCP")
    kind = new.get("addressType")
    if kind not in ("IPv4", "IPv6", "FQDN"):
        if not kind:
            return ["addressType: Required value"]
        return [f'addressType: Unsupported value: {shown(kind)}: supported values: "FQDN", "IPv4", "IPv6"']
    return []


def _ingress(new: JsonObject, old: JsonObject | None) -> list[str]:
    """After kubernetes ``pkg/apis/networking/validation``."""
    spec = new.setdefault("spec", {})
    new.setdefault("status", {}).setdefault("loadBalancer", {})
    for field in ("rules", "tls"):
        if not spec.get(field, True):
            del spec[field]
    found = []
    name = spec.get("ingressClassName")
    annotated = (new["metadata"].get("annotations") or {}).get(_INGRESS_CLASS)
    if old is None and name is not None and annotated is not None and name != annotated:
        why = "must match `ingressClassName` when both are specified"
        found.append(f"annotations.{_INGRESS_CLASS}: Invalid value: {shown(annotated)}: {why}")
    if not spec.get("rules") and not spec.get("defaultBackend"):
        found.append("spec: Invalid value: null: either `defaultBackend` or `rules` must be specified")
    for position, tls in enumerate(spec.get("tls") or ()):
        secret = tls.get("secretName")
        if secret and (problem := subdomain_problem(secret)):
            found.append(f"spec.tls[{position}].secretName: Invalid value: {shown(secret)}: {problem}")
    for position, rule in enumerate(spec.get("rules") or ()):
        found += _rule_problems(rule, f"spec.rules[{position}]")
    if spec.get("defaultBackend"):
        found += _backend_problems(spec["defaultBackend"], "spec.defaultBackend")
    if name is not None and (problem := subdomain_problem(name)):
        found.append(f"spec.ingressClassName: Invalid value: {shown(name)}: {problem}")
    return found


def _rule_problems(rule: JsonObject, where: str) -> Iterator[str]:
    if host := rule.get("host"):
        problem = "must be a DNS name, not an IP address" if _is_address(host) else ""
        problem = problem or subdomain_problem(host.removeprefix("*."))
        if problem:
            yield f"{where}.host: Invalid value: {shown(host)}: {problem}"
    if "http" not in rule:
        return
    paths = rule["http"].get("paths") or []
    if not paths:
        yield f"{where}.http.paths: Required value"
    for position, path in enumerate(paths):
        yield from _path_problems(path, f"{where}.http.paths[{position}]")


def _path_problems(path: JsonObject, where: str) -> Iterator[str]:
    kind, value = path.get("pathType"), path.get("path") or ""
    if kind is None:
        yield f"{where}.pathType: Required value: pathType must be specified"
    elif kind not in _PATH_TYPES:
        choices = ", ".join(f'"{choice}"' for choice in _PATH_TYPES)
        yield f"{where}.pathType: Unsupported value: {shown(kind)}: supported values: {choices}"
    elif (value or kind != "ImplementationSpecific") and not value.startswith("/"):
        yield f"{where}.path: Invalid value: {shown(value)}: must be an absolute path"
    elif kind != "ImplementationSpecific":
        for part in ("//", "/./", "/../", "%2f", "%2F"):
            if part in value:
                yield f"{where}.path: Invalid value: {shown(value)}: must not contain '{part}'"
        for end in ("/..", "/."):
            if value.endswith(end):
                yield f"{where}.path: Invalid value: {shown(value)}: cannot end with '{end}'"
    yield from _backend_problems(path.get("backend") or {}, f"{where}.backend")


def _backend_problems(backend: JsonObject, where: str) -> Iterator[str]:
    service = backend.get("service")
    if service is None:
        if "resource" not in backend:
            yield f'{where}: Invalid value: "": resource or service backend is required'
        return
    name, port = service.get("name") or "", service.get("port") or {}
    if not name:
        yield f"{where}.service.name: Required value"
    elif problem := service_name_problem(name):
        yield f"{where}.service.name: Invalid value: {shown(name)}: {problem}"
    if port.get("name") and port.get("number"):
        yield f'{where}: Invalid value: "": cannot set both port name & port number'
    elif not port.get("name") and not port.get("number"):
        yield f"{where}: Required value: port name or number is required"


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _definition(new: JsonObject, old: JsonObject | None) -> list[str]:
    spec = new.get("spec") or {}
    names, versions = spec.get("names") or {}, spec.get("versions") or []
    required = {"group": spec.get("group"), "names.plural": names.get("plural"), "names.kind": names.get("kind")}
    required |= {"scope": spec.get("scope"), "versions": versions}
    found = [f"spec.{field}: Required value" for field, value in required.items() if not value]
    if found:
        return found
    names.setdefault("singular", names["kind"].lower())
    names.setdefault("listKind", f"{names['kind']}List")
    spec.setdefault("conversion", {"strategy": "None"})
    if new["metadata"]["name"] != f"{names['plural']}.{spec['group']}":
        why = 'must be spec.names.plural+"."+spec.group'
        found.append(f"metadata.name: Invalid value: {shown(new['metadata']['name'])}: {why}")
    stored = [version["name"] for version in versions if version.get("storage")]
    if len(stored) != 1:
        found.append("spec.versions: Invalid value: null: must have exactly one version marked as storage version")
    if old is None:
        conditions = [
            {"type": "NamesAccepted", "status": "True", "reason": "NoConflicts", "message": "no conflicts found"},
            {"type": "Established", "status": "True", "reason": "InitialNamesAccepted"},
        ]
        new["status"] = {"conditions": conditions, "acceptedNames": dict(names), "storedVersions": stored}
    return found


_ADMIT: Mapping[str, Admit] = {
    "ConfigMap": _config_map,
    "Secret": _secret,
    "Event": _event,
    NAMESPACE: _namespace,
    "Lease.coordination.k8s.io": _lease,
    "EndpointSlice.discovery.k8s.io": _endpoint_slice,
    "Ingress.networking.k8s.io": _ingress,
    CRD: _definition,
}
