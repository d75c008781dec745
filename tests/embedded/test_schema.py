"""Structural schemas beyond what the contract suite's definitions use."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from doorward.cluster.embedded.schema import Schema, admit
from doorward.model.reference import JsonObject


def problems(schema: JsonObject, value: object) -> list[str]:
    root = Schema({"type": "object", "properties": {"spec": schema}})
    return admit(root, {"spec": value})


@pytest.mark.parametrize(
    ("schema", "right", "wrong", "why"),
    [
        ({"type": "string", "maxLength": 2}, "ab", "abc", "Too long: may not be more than 2 bytes"),
        ({"type": "string", "minLength": 2}, "ab", "a", "should be at least 2 chars long"),
        ({"type": "string", "pattern": "^a+$"}, "aa", "b", "spec in body should match '^a+$'"),
        ({"type": "integer", "minimum": 1}, 1, 0, "should be greater than or equal to 1"),
        ({"type": "integer", "maximum": 1}, 1, 2, "should be less than or equal to 1"),
        ({"type": "integer"}, 1, True, 'must be of type integer: "boolean"'),
        ({"type": "number"}, 1.5, "1.5", 'must be of type number: "string"'),
        ({"type": "integer"}, 1, 1.5, 'must be of type integer: "number"'),
        ({"type": "boolean"}, True, 1, 'must be of type boolean: "integer"'),
        ({"x-kubernetes-int-or-string": True}, "80%", [], "integer or string"),
        ({"type": "array", "minItems": 1, "items": {"type": "string"}}, ["a"], [], "should have at least 1 items"),
        (
            {"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": 1},
            {},
            {"a": "", "b": ""},
            "Too many: 2",
        ),
        ({"type": "string", "enum": ["A", "B"]}, "A", "C", 'Unsupported value: "C": supported values: "A", "B"'),
        (
            {"type": "string", "anyOf": [{"pattern": "^a"}, {"pattern": "^b"}]},
            "bx",
            "cx",
            "at least one schema (anyOf)",
        ),
        ({"type": "string", "allOf": [{"pattern": "^a"}, {"pattern": "b$"}]}, "ab", "a", "all the schemas (allOf)"),
        ({"type": "string", "oneOf": [{"pattern": "^a"}, {"pattern": "b$"}]}, "a", "ab", "Found 2 valid alternatives"),
        ({"type": "string", "anyOf": None, "maxLength": 1}, "a", "ab", "Too long"),
        ({"type": "string", "not": {"pattern": "^a"}}, "b", "a", "must not validate the schema (not)"),
    ],
)
def test_limits(schema: JsonObject, right: object, wrong: object, why: str) -> None:
    assert problems(schema, right) == []
    assert why in " ".join(problems(schema, wrong))


def test_what_every_object_has_may_be_required() -> None:
    root = Schema(
        {"type": "object", "required": ["apiVersion", "kind", "metadata", "spec"], "properties": {"spec": {}}}
    )
    manifest = {"apiVersion": "a/v1", "kind": "A", "metadata": {"name": "a"}}
    assert admit(root, {**manifest, "spec": {}}) == []
    assert admit(root, manifest) == ["spec: Required value"]


def test_items_of_a_keyed_list_are_there_once() -> None:
    item = {"type": "object", "properties": {"type": {"type": "string"}, "n": {"type": "integer"}}}
    schema = {"type": "array", "items": item}
    schema |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}
    assert problems(schema, [{"type": "A", "n": 1}, {"type": "B", "n": 1}]) == []
    assert problems(schema, [{"type": "A", "n": 1}, {"type": "A", "n": 2}]) == [
        'spec[1]: Duplicate value: {"type":"A"}'
    ]


def test_a_null_stays_where_it_may() -> None:
    properties = {"may": {"type": "string", "nullable": True}, "may-not": {"type": "string"}}
    schema = Schema({"type": "object", "properties": properties})
    manifest: JsonObject = {"kind": "It", "may": None, "may-not": None, "metadata": {"name": "it"}}
    assert admit(schema, manifest) == []
    assert manifest == {"kind": "It", "may": None, "metadata": {"name": "it"}}


@pytest.mark.parametrize("definition", ["full", "open"])
def test_both_definitions_of_ome_drop_a_component_that_is_null(definition: str) -> None:
    source = Path(__file__).parents[1] / "crds" / "ome" / f"inferenceservices-{definition}.yaml"
    (version,) = yaml.load(source.read_text(), yaml.CSafeLoader)["spec"]["versions"]
    manifest: JsonObject = {"spec": {"engine": None, "router": None, "decoder": {"minReplicas": 1}, "model": None}}
    assert admit(Schema(version["schema"]["openAPIV3Schema"]), manifest) == []
    assert manifest == {"spec": {"decoder": {"minReplicas": 1}}}


def test_a_default_is_nobody_elses() -> None:
    schema = Schema({"type": "object", "properties": {"list": {"type": "array", "default": []}}})
    one: JsonObject = {}
    other: JsonObject = {}
    admit(schema, one)
    admit(schema, other)
    one["list"].append(1)
    assert other == {"list": []}


def test_a_pattern_that_only_go_understands_is_left_to_real_servers() -> None:
    assert problems({"type": "string", "pattern": r"^\p{L}+$"}, "x1") == []
