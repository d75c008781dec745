"""Label and field selectors (Kubernetes API concepts, "Labels and Selectors", "Field Selectors")."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from doorward.cluster.embedded.errors import bad_request
from doorward.model.reference import JsonObject

Labels = Mapping[str, str]
Test = Callable[[Labels], bool]

_REQUIREMENT = r"""\s*(?:
        !\s*(?P<absent>[^\s,()=!<>]+)
      | (?P<key>[^\s,()=!<>]+)\s*
        (?: (?P<equality>==?|!=)\s*(?P<value>[^\s,()=!<>]*)
          | (?P<order>[<>])\s*(?P<number>-?\d+)
          | (?P<set>in|notin)\s*\((?P<values>[^()]*)\)
          | (?P<stranger>[^\s,()=!<>]+)[^,]*
        )?
    )\s*(?:,|$)"""

_FIELDS: Mapping[str, tuple[str, ...]] = {
    "Event": (
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "reason",
        "type",
    ),
    "Namespace": ("status.phase",),
    "Pod": ("spec.nodeName", "status.phase"),
    "Secret": ("type",),
}


@lru_cache(maxsize=1024)
def labels_test(selector: str) -> Test:
    """A test for the labels of an object.  Raises ApiError 400 where the selector can't be read."""
    tests: list[Test] = []
    at = 0
    requirement = re.compile(_REQUIREMENT, re.VERBOSE)
    while at < len(selector):
        match = requirement.match(selector, at)
        if match is None:
            raise bad_request(f"unable to parse requirement: found '{selector[at:]}'")
        if stranger := match["stranger"]:
            known = "in, notin, =, ==, !=, gt, lt"
            raise bad_request(f"unable to parse requirement: found '{stranger}', expected: {known}")
        tests.append(_requirement(match))
        at = match.end()
    return lambda labels: all(test(labels) for test in tests)


def _requirement(match: re.Match[str]) -> Test:
    key: str = match["key"] or match["absent"]
    if match["absent"]:
        return lambda labels: key not in labels
    if equality := match["equality"]:
        value: str = match["value"]
        if equality == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if order := match["order"]:
        number = int(match["number"])
        return lambda labels: _ordered(labels.get(key, ""), number, order)
    if match["set"]:
        values = frozenset(value.strip() for value in match["values"].split(","))
        if match["set"] == "notin":
            return lambda labels: labels.get(key) not in values
        return lambda labels: key in labels and labels[key] in values
    return lambda labels: key in labels


def _ordered(value: str, number: int, order: str) -> bool:
    if not re.fullmatch(r"-?\d+", value):
        return False
    return int(value) > number if order == ">" else int(value) < number


@lru_cache(maxsize=1024)
def fields_test(kind: str, selector: str) -> Callable[[JsonObject], bool]:
    """A test for an object of this kind.  Raises ApiError 400 for a field that the server doesn't index."""
    requirements: list[tuple[list[str], bool, str]] = []
    known = ("metadata.name", "metadata.namespace", *_FIELDS.get(kind, ()))
    for term in filter(None, (term.strip() for term in selector.split(","))):
        match = re.fullmatch(r"([^=!]+)(==?|!=)([^=!]*)", term)
        if match is None:
            raise bad_request(f"invalid selector: '{selector}'; can't understand '{term}'")
        field, operator, value = match.groups()
        if field not in known:
            names = ", ".join(f'"{name}"' for name in known[:2])
            raise bad_request(f'"{field}" is not a known field selector: only {names}')
        requirements.append((field.split("."), operator != "!=", value))
    return lambda obj: all((_field(obj, path) == value) is wanted for path, wanted, value in requirements)


def _field(obj: Any, path: list[str]) -> str:
    for part in path:
        obj = obj.get(part) if isinstance(obj, dict) else None
    return str(obj) if obj is not None else ""


Selection = Callable[[JsonObject], bool]


def selection(kind: str, labels: str, fields: str) -> Selection | None:
    """One test for both selectors together; None where everything is selected."""
    if not labels and not fields:
        return None
    by_label, by_field = labels_test(labels), fields_test(kind, fields)
    return lambda obj: by_label(obj["metadata"].get("labels") or {}) and by_field(obj)
