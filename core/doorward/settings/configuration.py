"""From the ConfigMap to the settings: keys ``ingress`` and ``deploy`` (OME's, JSON) and ``doorward`` (ours, YAML).

Each key is read into the fields of :class:`~doorward.model.settings.Settings`; the overlay ``ingress`` within
``doorward`` then replaces what key ``ingress`` said, field by field.  What stands in the result is checked once, as a
whole, and each problem is told with the key and field that it came from.

Key ``ingress`` is read as OME reads it (Go's encoding/json): names match in any case, of two entries the last one
counts, null and an empty string are as good as nothing.  In the overlay, an empty string brings back the default.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from itertools import islice
from typing import Any, NoReturn

import msgspec
import yaml
from pydantic import ValidationError

from doorward.model.counting import counted
from doorward.model.hosts import domain_problem
from doorward.model.quoting import quoted
from doorward.model.settings import DEFAULTS, DEPLOY_FIELDS, DOORWARD_FIELDS, INGRESS_FIELDS, Settings, spelling

__all__ = ["Parsed", "Problem", "parse"]

KEYS = ("ingress", "deploy", "doorward")
"""The keys of the ConfigMap that are read."""
_KSERVE = {"kserveIngressGateway": "omeIngressGateway", "enableGatewayApi": "enableGatewayAPI"}
"""KServe's names of fields that mean the same, in a ConfigMap of the same name.

Source: kserve/kserve, IngressConfig in pkg/apis/serving/v1beta1/configmap.go.
"""
_MODES = {"Knative": "Serverless", "Standard": "RawDeployment"}
"""KServe's newer names of modes (DeploymentModeType in pkg/constants/constants.go)."""
_MOST_NAMED = 64
"""Fields that are named one by one where something is odd about many; what a ConfigMap costs has to have a bound."""
_NEEDING = {"ome_ingress_gateway": ("enable_gateway_api",), "auth_service": ("auth", "auth_required")}
"""Fields that may be missing, each with those that need it."""


class Problem(msgspec.Struct, frozen=True):
    """What is wrong with one field (empty: with the whole key), and what to do about it."""

    key: str
    field: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        where = f"key {self.key}, field {self.field}" if self.field else f"key {self.key}"
        return f"{where}: {self.reason}; {self.remedy}"


class Parsed(msgspec.Struct, frozen=True):
    """``settings`` is None where there are problems; warnings never stand in the way."""

    settings: Settings | None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    origins: Mapping[str, tuple[str, str]] = {}
    """The key, and the field within it, that gave each setting which was given, by the setting's name."""


def parse(data: Mapping[str, str]) -> Parsed:
    """The settings that a ConfigMap's ``data`` holds; other keys of it are OME's own business.  Never raises."""
    return _parse(tuple((key, data[key]) for key in KEYS if key in data))


@lru_cache(maxsize=64)
def _parse(texts: tuple[tuple[str, str], ...]) -> Parsed:
    """The same texts are read when they are seen, when they come into force, and whenever a journal is folded."""
    data = dict(texts)
    reading = _Reading()
    reading.section("ingress", "", reading.document(data, "ingress", _json), INGRESS_FIELDS)
    reading.section("deploy", "", reading.document(data, "deploy", _json), DEPLOY_FIELDS)
    own = reading.document(data, "doorward", _yaml)
    if isinstance(own, dict):
        overlay = own.pop("ingress", None)
        reading.section("doorward", "", own, DOORWARD_FIELDS)
        reading.section("doorward", "ingress.", overlay, INGRESS_FIELDS)
    else:
        reading.section("doorward", "", own, DOORWARD_FIELDS)
    settings = reading.checked()
    origins = {spelling(field): origin for field, origin in reading.origins.items() if field in reading.given}
    return Parsed(settings, tuple(reading.problems), tuple(reading.warnings), origins)


class _Duplicate(ValueError):
    """The same name twice in one mapping of YAML, which its specification forbids (1.2.2, section 3.2.1.1)."""


class _Reading:
    def __init__(self) -> None:
        self.values: dict[str, object] = {}
        self.origins: dict[str, tuple[str, str]] = {}
        """Field of Settings to the key, and the field's name within it, that gave its value."""
        self.given: set[str] = set()
        """Those whose value counts: null and empty text are as good as nothing."""
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def document(self, data: Mapping[str, str], key: str, load: Callable[[str, list[str]], object]) -> object:
        """The parsed text of one key; None where there is nothing, or nothing that parses."""
        if key not in data:
            return None
        twice: list[str] = []
        try:
            document = load(data[key], twice)
        except json.JSONDecodeError as error:
            where = f"line {error.lineno}, column {error.colno}"
            self.problem(key, "", f"isn't JSON: {error.msg} at {where}", "correct it")
        except _Duplicate as error:
            self.problem(key, "", str(error), "keep one of the two")
        except yaml.YAMLError as error:
            self.problem(key, "", f"isn't YAML: {_yaml_reason(error)}", "correct it")
        except (RecursionError, ValueError) as error:
            self.problem(key, "", f"can't be read: {error}", "correct it")
        else:
            for name in twice[:_MOST_NAMED]:
                self.warn(key, name, "is there twice, and the last one counts", "keep one of the two")
            return document
        return None

    def section(self, key: str, prefix: str, given: object, fields: Iterable[str]) -> None:
        """Take over what one mapping says about ``fields``; names within ``prefix`` of ``key``."""
        if given is None:
            return
        if not isinstance(given, dict):
            what = f"is {_described(given)} where a mapping of fields to values must be"
            self.problem(key, prefix.rstrip("."), what, "write each field with its value")
            return
        known = {spelling(field): field for field in fields}
        folded = {name.lower(): name for name in known}
        given = {
            _KSERVE.get(name, name) if _KSERVE.get(name) in known else name: value for name, value in given.items()
        }
        unknown = 0
        for given_name, value in given.items():
            shown = str(given_name)[:80]
            name = given_name if given_name in known else folded.get(shown.lower())
            if name is None:
                unknown += 1
                if unknown > _MOST_NAMED:
                    continue
                remedy = _did_you_mean(shown, key, prefix, known)
                self.warn(key, prefix + shown, "isn't a field that doorward knows, and is ignored", remedy)
                continue
            if name != given_name:
                self.warn(key, prefix + shown, f"is taken for {name}", f"write {name}")
            if value is None:
                continue
            field = known[name]
            default = Settings.model_fields[field].default
            value = _MODES.get(value, value) if field in DEPLOY_FIELDS and isinstance(value, str) else value
            self.values[field] = default if value == "" and isinstance(default, str) else value
            self.origins[field] = key, prefix + name
            (self.given.discard if value == "" else self.given.add)(field)
        if unknown > _MOST_NAMED:
            what = f"has {unknown - _MOST_NAMED} more fields that doorward doesn't know, and they are ignored"
            self.warn(key, prefix.rstrip("."), what, "remove them")

    def checked(self) -> Settings | None:
        """The settings, if nothing was or is wrong with them."""
        try:
            settings = Settings.model_validate(self.values, strict=True) if self.values else DEFAULTS
        except ValidationError as error:
            found = error.errors(include_url=False)
            for each in found[:_MOST_NAMED]:
                field, *inner = each["loc"]
                key, name = self.origins.get(str(field)) or self.beside(str(field))
                reason, remedy = _explained(each["type"], each["msg"], each["input"], each.get("ctx", {}))
                self.problem(key, name + _within(inner), reason, remedy)
            if len(found) > _MOST_NAMED:
                self.problem(
                    key,
                    "",
                    f"{counted(len(found) - _MOST_NAMED, 'more field is', 'more fields are')} wrong",
                    "correct those first",
                )
            return None
        domains = enumerate(settings.additional_ingress_domains)
        wrong = ((index, domain, problem) for index, domain in domains if (problem := domain_problem(domain)))
        for index, domain, problem in islice(wrong, _MOST_NAMED):
            key, name = self.origins["additional_ingress_domains"]
            self.warn(key, f"{name}[{index}]", f"{quoted(domain)} {problem}; it is left out", "correct it")
        return None if self.problems else settings

    def beside(self, missing: str) -> tuple[str, str]:
        """Where a field that is missing should have been: with the one that needs it."""
        field = next(field for field in _NEEDING[missing] if field in self.origins)
        key, name = self.origins[field]
        return key, name.removesuffix(spelling(field)) + spelling(missing)

    def problem(self, key: str, field: str, reason: str, remedy: str) -> None:
        self.problems.append(Problem(key, field, reason, remedy))

    def warn(self, key: str, field: str, reason: str, remedy: str) -> None:
        self.warnings.append(Problem(key, field, reason, remedy))


def _did_you_mean(name: str, key: str, prefix: str, known: Iterable[str]) -> str:
    """The remedy for a field that isn't known: its right place, its right name, or to remove it."""
    places = {
        "in key ingress": INGRESS_FIELDS,
        "in key deploy": DEPLOY_FIELDS,
        "in key doorward": DOORWARD_FIELDS,
    }
    if key == "doorward" and not prefix:
        places = {"below ingress": INGRESS_FIELDS, **places}
    for place, fields in places.items():
        if name in map(spelling, fields):
            return f"it belongs {place}"
    close = get_close_matches(name.lower(), [each.lower() for each in known], n=1, cutoff=0.7)
    meant = [each for each in known if close and each.lower() == close[0]]
    return f"did you mean {meant[0]}?" if meant else "remove it"


_TYPES = {
    "string_type": ("text", "put it in quotes"),
    "bool_type": ("true or false", "write true or false, without quotes"),
    "int_type": ("a whole number", "write a whole number, without quotes"),
    "float_type": ("a number", "write a number, without quotes"),
    "tuple_type": ("a list", "write a list, even of one"),
    "dict_type": ("a mapping", "write names with their values"),
}


def _explained(type: str, message: str, given: object, context: Mapping[str, Any]) -> tuple[str, str]:
    """Reason and remedy of one of pydantic's errors."""
    if "remedy" in context:
        return context["reason"], context["remedy"]
    if type in _TYPES:
        wanted, remedy = _TYPES[type]
        return f"is {_described(given)}, not {wanted}", remedy
    if type == "literal_error":
        choices = context["expected"].replace("'", "")
        return f"is {_described(given)}, which isn't among the choices", f"write one of: {choices}".replace(
            " or ", ", "
        )
    if type in ("greater_than", "greater_than_equal", "less_than_equal", "finite_number"):
        wanted = message.removeprefix("Input should be ").removeprefix("a finite number") or "finite"
        return f"is {_described(given)}, not {wanted}", "write another number, or remove it for the default"
    return message, "correct it, or remove it for the default"


def _described(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case str():
            return f"the text {quoted(value)}"
        case float():
            return f"the number {value}"
        case int():
            return f"the number {value}" if value.bit_length() < 64 else "a huge number"
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
    return f"a {type(value).__name__} (text must be in quotes)"


def _within(parts: Iterable[int | str]) -> str:
    return "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in parts if each != "[key]")


def _json(text: str, twice: list[str]) -> object:
    def pairs(given: list[tuple[str, object]]) -> dict[str, object]:
        result = dict(given)
        if len(result) < len(given):
            twice.extend(sorted(name for name, count in Counter(name for name, _ in given).items() if count > 1))
        return result

    def constant(name: str) -> NoReturn:
        raise ValueError(f"{name} isn't JSON")

    if not text.strip():
        raise ValueError("it is empty")
    return json.loads(text, object_pairs_hook=pairs, parse_constant=constant)


class _Loader(yaml.CSafeLoader):
    """YAML without duplicate keys, and without merge keys, which a few lines of text can blow up to gigabytes."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        for name, _ in node.value:
            if name.tag == "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(None, None, "<< isn't supported", name.start_mark)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for name, _ in node.value:
            if isinstance(name, yaml.ScalarNode):
                if (name.tag, name.value) in seen:
                    raise _Duplicate(f"{name.value} is there twice, again in line {name.start_mark.line + 1}")
                seen.add((name.tag, name.value))
        return super().construct_mapping(node, deep=deep)


def _yaml(text: str, _: list[str]) -> object:
    # Not get_single_data in a with block: the loader is made of C and has nothing to close.
    return _Loader(text).get_single_data()


def _yaml_reason(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"{error.problem} in line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1}"
    return " ".join(str(error).split())
