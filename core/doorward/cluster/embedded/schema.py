"""Structural schemas of CustomResourceDefinitions: pruning, defaulting, validation (``apiextensions.k8s.io/v1``).

A schema is compiled once per definition.  String formats and rules in CEL (``x-kubernetes-validations``) are left to
real servers, but for one rule that front doors run into: Istio's on durations.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any

import orjson

from doorward.model.reference import JsonObject

_NAMES: Mapping[type, str] = {
    dict: "object",
    list: "array",
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
}


_LONG_ENOUGH = "duration(self) >= duration('1ms')"
_DURATION = re.compile(r"(\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_UNITS: Mapping[str, float] = {"ns": 1e-6, "us": 1e-3, "µs": 1e-3, "ms": 1, "s": 1e3, "m": 6e4, "h": 3.6e6}
"""In milliseconds."""


class Schema:
    """One node of a structural schema."""

    def __init__(self, source: JsonObject) -> None:
        self._source = source
        self.type: str | None = source.get("type")
        self.nullable = bool(source.get("nullable"))
        self.int_or_string = bool(source.get("x-kubernetes-int-or-string"))
        self.preserves = bool(source.get("x-kubernetes-preserve-unknown-fields"))
        self.embedded = bool(source.get("x-kubernetes-embedded-resource"))
        properties: JsonObject = source.get("properties") or {}
        self.properties = {name: Schema(inner) for name, inner in properties.items()}
        items, additional = source.get("items"), source.get("additionalProperties")
        self.items = Schema(items) if isinstance(items, dict) else None
        self.additional = Schema(additional) if isinstance(additional, dict) else additional is True
        self.required: Sequence[str] = source.get("required") or ()
        self.enum: Sequence[Any] | None = source.get("enum")
        keyed = source.get("x-kubernetes-list-type") == "map"
        self.keys: Sequence[str] = source.get("x-kubernetes-list-map-keys", ()) if keyed else ()
        self.alternatives = [
            (word, [Schema(inner) for inner in source[word]])
            for word in ("allOf", "anyOf", "oneOf")
            if source.get(word)
        ]
        self.negated = Schema(source["not"]) if "not" in source else None
        self._defaults = [
            (name, orjson.dumps(inner["default"])) for name, inner in properties.items() if "default" in inner
        ]
        rules = source.get("x-kubernetes-validations") or ()
        self._rules = [rule.get("message", "") for rule in rules if rule["rule"] == _LONG_ENOUGH]
        self._limits = {word: limit for word, limit in source.items() if word in _LIMITS}

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        try:
            return re.compile(self._source["pattern"])
        except (KeyError, re.error):  # none, or one that only Go understands
            return None

    def settle(self, value: Any) -> None:
        """Drop from ``value`` what the schema doesn't know and fill in its defaults, in place."""
        if isinstance(value, dict):
            self._settle_object(value)
        elif isinstance(value, list) and self.items is not None:
            for item in value:
                self.items.settle(item)

    def _settle_object(self, value: JsonObject) -> None:
        for name in list(value):
            inner = self.inner(name)
            if inner is None:
                if not self.preserves and not (self.embedded and name in _RESOURCE):
                    del value[name]
            elif value[name] is None and not inner.nullable:
                del value[name]
            else:
                inner.settle(value[name])
        for name, raw in self._defaults:
            if name not in value:
                value[name] = orjson.loads(raw)
                self.properties[name].settle(value[name])

    def inner(self, name: str) -> Schema | None:
        """The schema of a field; None where it isn't known."""
        known = self.properties.get(name)
        if known is None and self.additional:
            return self.additional if isinstance(self.additional, Schema) else _ANYTHING
        return known

    def problems(self, value: Any, path: str) -> list[str]:
        """What is wrong with ``value``, as ``FIELD: WHY``."""
        if value is None and self.nullable:
            return []
        if not self._typed(value):
            name, wanted = _NAMES[type(value)], "integer or string" if self.int_or_string else self.type
            return [f'{path}: Invalid value: "{name}": {path} in body must be of type {wanted}: "{name}"']
        found: list[str] = []
        if self.enum is not None and value not in self.enum:
            choices = ", ".join(sorted(orjson.dumps(choice).decode() for choice in self.enum))
            found.append(f"{path}: Unsupported value: {_shown(value)}: supported values: {choices}")
        if isinstance(value, dict):
            found += [f"{_below(path, name)}: Required value" for name in self.required if name not in value]
            for name, item in value.items():
                inner = self.inner(name)
                if inner is not None:
                    found += inner.problems(item, _below(path, name))
        elif isinstance(value, list):
            found += self._item_problems(value, path)
        elif isinstance(value, str) and self._pattern is not None and not self._pattern.search(value):
            pattern = self._source["pattern"]
            found.append(f"{path}: Invalid value: {_shown(value)}: {path} in body should match '{pattern}'")
        if isinstance(value, str):
            found += [f"{path}: {why}" for rule in self._rules if (why := _too_short(value, rule))]
        for word, limit in self._limits.items():
            kind, broken = _LIMITS[word]
            if isinstance(value, kind) and not isinstance(value, bool) and (why := broken(value, limit, path)):
                found.append(f"{path}: {why}")
        return found + self._combination_problems(value, path)

    def _typed(self, value: Any) -> bool:
        if self.int_or_string:
            return isinstance(value, int | str) and not isinstance(value, bool)
        if self.type is None:
            return True
        name = _NAMES[type(value)]
        if name == "integer" or (name == "number" and float(value).is_integer()):
            return self.type in ("integer", "number")
        return name == self.type

    def _item_problems(self, value: list[Any], path: str) -> list[str]:
        found: list[str] = []
        seen: set[bytes] = set()
        for position, item in enumerate(value):
            where = f"{path}[{position}]"
            if self.items is not None:
                found += self.items.problems(item, where)
            if self.keys and isinstance(item, dict):
                identity = {key: item[key] for key in self.keys if key in item}
                raw = orjson.dumps(identity, option=orjson.OPT_SORT_KEYS)
                if raw in seen:
                    found.append(f"{where}: Duplicate value: {raw.decode()}")
                seen.add(raw)
        return found

    def _combination_problems(self, value: Any, path: str) -> list[str]:
        found: list[str] = []
        for word, schemas in self.alternatives:
            valid = sum(not schema.problems(value, path) for schema in schemas)
            if word == "allOf" and valid < len(schemas):
                found.append(f'<nil>: Invalid value: "": "{path}" must validate all the schemas (allOf)')
            elif word == "anyOf" and not valid:
                found.append(f'<nil>: Invalid value: "": "{path}" must validate at least one schema (anyOf)')
            elif word == "oneOf" and valid != 1:
                many = f"Found {valid} valid alternatives" if valid else "Found none valid"
                why = f"must validate one and only one schema (oneOf). {many}"
                found.append(f'<nil>: Invalid value: "": "{path}" {why}')
        if self.negated is not None and not self.negated.problems(value, path):
            found.append(f'<nil>: Invalid value: "": "{path}" must not validate the schema (not)')
        return found


def _too_short(value: str, rule: str) -> str:
    """Why a string isn't a duration of a millisecond or more (Go's ``time.ParseDuration``)."""
    if value != "0" and not re.fullmatch(rf"[-+]?({_DURATION.pattern})+", value):
        why = "type conversion error from 'string' to 'google.protobuf.Duration' evaluating rule"
        return f'Invalid value: "string": {why}: {rule}'
    length = sum(float(number) * _UNITS[unit] for number, _, unit in _DURATION.findall(value))
    return f"Invalid value: {_shown(value)}: {rule}" if length < 1 or value.startswith("-") else ""


def _longer(value: str, limit: int, _: str) -> str:
    return f"Too long: may not be more than {limit} bytes" if len(value) > limit else ""


def _shorter(value: str, limit: int, path: str) -> str:
    why = f"Invalid value: {_shown(value)}: {path} in body should be at least {limit} chars long"
    return why if len(value) < limit else ""


def _more(value: Sequence[Any], limit: int, _: str) -> str:
    return f"Too many: {len(value)}: must have at most {limit} items" if len(value) > limit else ""


def _fewer(value: Sequence[Any], limit: int, path: str) -> str:
    why = f"Invalid value: {len(value)}: {path} in body should have at least {limit} items"
    return why if len(value) < limit else ""


def _fewer_properties(value: JsonObject, limit: int, path: str) -> str:
    why = f"Invalid value: {len(value)}: {path} in body should have at least {limit} properties"
    return why if len(value) < limit else ""


def _below_minimum(value: float, limit: float, path: str) -> str:
    why = f"Invalid value: {value}: {path} in body should be greater than or equal to {limit}"
    return why if value < limit else ""


def _above_maximum(value: float, limit: float, path: str) -> str:
    why = f"Invalid value: {value}: {path} in body should be less than or equal to {limit}"
    return why if value > limit else ""


_LIMITS: Mapping[str, tuple[Any, Any]] = {
    "maxLength": (str, _longer),
    "minLength": (str, _shorter),
    "maxItems": (list, _more),
    "minItems": (list, _fewer),
    "maxProperties": (dict, _more),
    "minProperties": (dict, _fewer_properties),
    "minimum": (int | float, _below_minimum),
    "maximum": (int | float, _above_maximum),
}

_RESOURCE = frozenset({"apiVersion", "kind", "metadata"})
_ANYTHING = Schema({"x-kubernetes-preserve-unknown-fields": True})


def _shown(value: Any) -> str:
    return orjson.dumps(value).decode()


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def admit(schema: Schema, manifest: JsonObject) -> list[str]:
    """Prune and default a whole manifest in place; what is wrong with it, as ``FIELD: WHY``.

    ``apiVersion``, ``kind`` and ``metadata`` aren't the schema's business.
    """
    kept = {name: manifest.pop(name) for name in _RESOURCE if name in manifest}
    raw, problems = _admitted(schema, orjson.dumps(manifest))
    manifest.clear()
    manifest.update(kept)
    manifest.update(orjson.loads(raw))
    return list(problems)


@lru_cache(maxsize=1024)
def _admitted(schema: Schema, raw: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The same from and to JSON: simulators write the same objects over and over, and this is most of a write."""
    content = orjson.loads(raw)
    schema.settle(content)
    for name in _RESOURCE:
        content.pop(name, None)
    # A root that requires a kind or metadata must find some, whatever it is.
    typed = {"apiVersion": "", "kind": "", "metadata": {}, **content}
    return orjson.dumps(content), tuple(schema.problems(typed, ""))
