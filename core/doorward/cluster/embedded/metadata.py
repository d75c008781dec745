"""What object metadata must be like (apimachinery ``pkg/api/validation``)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import orjson

from doorward.model.reference import JsonObject

ANNOTATIONS_LIMIT = 256 * 1024
"""Bytes that the keys and values of all annotations of an object may take."""

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")

_SUBDOMAIN_WHY = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL_WHY = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_VALUE_WHY = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_QUALIFIED_WHY = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_FINALIZER_WHY = "name is neither a standard finalizer name nor is it fully qualified"
_STANDARD_FINALIZERS = frozenset({"kubernetes", "orphan", "foregroundDeletion"})
_LABEL_NAMES = frozenset({"Namespace"})


@lru_cache(maxsize=4096)
def subdomain_problem(value: str) -> str:
    """Why ``value`` isn't a DNS subdomain (RFC 1123); empty where it is."""
    if len(value) > 253:
        return "must be no more than 253 characters"
    return "" if _SUBDOMAIN.fullmatch(value) else _SUBDOMAIN_WHY


@lru_cache(maxsize=4096)
def service_name_problem(value: str) -> str:
    """Why ``value`` isn't the name of a Service (DNS label, RFC 1123); empty where it is."""
    if "." in value:
        return "must not contain dots"
    if len(value) > 63:
        return "must be no more than 63 characters"
    return "" if _LABEL.fullmatch(value) else _LABEL_WHY


@lru_cache(maxsize=4096)
def _key_problem(key: str) -> str:
    prefix, slash, name = key.rpartition("/")
    if slash and (problem := "must be non-empty" if not prefix else subdomain_problem(prefix)):
        return f"prefix part {problem}"
    if not name:
        return "name part must be non-empty"
    if len(name) > 63:
        return "name part must be no more than 63 characters"
    return "" if _QUALIFIED.fullmatch(name) else _QUALIFIED_WHY


@lru_cache(maxsize=4096)
def _value_problem(value: str) -> str:
    if len(value) > 63:
        return "must be no more than 63 characters"
    return "" if _VALUE.fullmatch(value) else _VALUE_WHY


def shown(value: Any) -> str:
    """A value as error messages quote it."""
    return orjson.dumps(value).decode()


def name_problem(kind: str, name: str) -> str:
    if kind == "Service":
        return service_name_problem(name)
    return service_name_problem(name) if kind in _LABEL_NAMES else subdomain_problem(name)


def problems(kind: str, metadata: JsonObject, *, custom: bool) -> list[str]:
    """What is wrong with the metadata of an object, as ``FIELD: WHY``; ``custom`` ones have freer finalizers."""
    found = []
    name = metadata.get("name") or ""
    if not name:
        return ["metadata.name: Required value: name or generateName is required"]
    if problem := name_problem(kind, name):
        found.append(f"metadata.name: Invalid value: {shown(name)}: {problem}")
    for key, value in (metadata.get("labels") or {}).items():
        for wrong, problem in ((key, _key_problem(key)), (value, _value_problem(value))):
            if problem:
                found.append(f"metadata.labels: Invalid value: {shown(wrong)}: {problem}")
    found += _annotation_problems(metadata.get("annotations") or {})
    for position, finalizer in enumerate(metadata.get("finalizers") or ()):
        problem = _key_problem(finalizer)
        if not problem and not custom and "/" not in finalizer and finalizer not in _STANDARD_FINALIZERS:
            problem = _FINALIZER_WHY
        if problem:
            found.append(f"metadata.finalizers[{position}]: Invalid value: {shown(finalizer)}: {problem}")
    return found + _owner_problems(metadata.get("ownerReferences") or ())


def _annotation_problems(annotations: dict[str, str]) -> list[str]:
    found = []
    size = 0
    for key, value in annotations.items():
        size += len(key.encode()) + len(value.encode())
        if problem := _key_problem(key.lower()):
            found.append(f"metadata.annotations: Invalid value: {shown(key)}: {problem}")
    if size > ANNOTATIONS_LIMIT:
        found.append(f"metadata.annotations: Too long: may not be more than {ANNOTATIONS_LIMIT} bytes")
    return found


def _owner_problems(references: Any) -> list[str]:
    found = []
    for reference in references:
        for field in ("apiVersion", "kind", "name", "uid"):
            if not reference.get(field):
                found.append(f'metadata.ownerReferences.{field}: Invalid value: "": must not be empty')
    controllers = [f"{owner.get('kind')}/{owner.get('name')}" for owner in references if owner.get("controller")]
    if len(controllers) > 1:
        why = 'Only one reference can have Controller set to true. Found "true" in references for '
        found.append(f"metadata.ownerReferences: Invalid value: {shown(references)}: {why}{' and '.join(controllers)}")
    return found


def typed(metadata: Any) -> bool:
    """Whether metadata has the types that it must have, so that it can be read at all."""
    if not isinstance(metadata, dict):
        return False
    for field in ("labels", "annotations"):
        mapping = metadata.get(field) or {}
        if not isinstance(mapping, dict) or not all(isinstance(value, str) for value in mapping.values()):
            return False
    finalizers, owners = metadata.get("finalizers") or [], metadata.get("ownerReferences") or []
    strings = (metadata.get(field) or "" for field in ("name", "generateName", "namespace", "resourceVersion", "uid"))
    return (
        isinstance(finalizers, list)
        and all(isinstance(finalizer, str) for finalizer in finalizers)
        and isinstance(owners, list)
        and all(isinstance(owner, dict) for owner in owners)
        and all(isinstance(value, str) for value in strings)
    )
