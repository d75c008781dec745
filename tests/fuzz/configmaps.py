"""The ConfigMap: whatever its keys hold is read into settings or named problems, alike each time, and serves a door."""

from __future__ import annotations

from typing import Any

import orjson
import yaml
from doorward.model.settings import DEPLOY_FIELDS, DOORWARD_FIELDS, INGRESS_FIELDS, Settings, spelling
from doorward.settings.configuration import parse

from tests.fuzz.choices import Choices
from tests.fuzz.target import Target

FIELDS = {
    key: tuple(map(spelling, fields))
    for key, fields in (("ingress", INGRESS_FIELDS), ("deploy", DEPLOY_FIELDS), ("doorward", DOORWARD_FIELDS))
}
WORDS = ("example.com", "a/b", "gw/gw", "{{.Name}}", "{{.Namespace}}", "/models/", "nginx", "istio", "http", "https",
         "Serverless", "RawDeployment", "api-key", "none", "x", "a.b/c", "*", "ns:80", "-", ".", "1")  # fmt: skip
VALUES = (True, False, None, 0, 1, -1, 64, 2**31, 2**63, 2**70, 1.5, float("inf"), "", [], {}, [[]], {"a": {}})
SYNTAX = ("{", "}", "[", "]", ": ", "- ", "\n", "&a ", "*a ", "<<: ", "!!python/object:os.system ", "!!binary ", "? ",
          "| ", "> ", "---\n", "...\n", "'", '"', "\\u0000", "\\ud800", "1e999", "NaN", "2026-01-01",
          "0x1f", "~")  # fmt: skip


def make(choices: Choices) -> Any:
    data = {}
    for key in ("ingress", "deploy", "doorward"):
        if choices.once_in(3) and key != "doorward":
            continue
        given = mapping(choices, FIELDS[key])
        if key == "doorward" and choices.once_in(3):
            given["ingress"] = mapping(choices, FIELDS["ingress"])
        text = yaml.safe_dump(given) if key == "doorward" else orjson.dumps(bounded(given)).decode()
        data[key] = choices.mutated(text, SYNTAX) if choices.once_in(2) else text
    return data


def mapping(choices: Choices, fields: tuple[str, ...]) -> dict[str, Any]:
    found = {choices.pick(fields): value(choices) for _ in range(choices.below(5))}
    if choices.once_in(6):
        found[choices.text((*WORDS, *fields), 3)] = value(choices)
    return found


def value(choices: Choices, depth: int = 2) -> Any:
    form = choices.below(6 if depth else 4)
    if form < 2:
        return choices.text(WORDS, 4)
    if form < 4:
        return choices.pick(VALUES)
    if form == 4:
        return choices.repeated(lambda: value(choices, depth - 1), 3)
    return {choices.text(WORDS, 2): value(choices, depth - 1) for _ in range(choices.below(3))}


def bounded(value: Any) -> Any:
    """JSON's part of a value: orjson writes no larger integers."""
    if isinstance(value, dict):
        return {key: bounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [bounded(each) for each in value]
    return str(value) if isinstance(value, int) and abs(value) > 2**63 else value


def check(data: Any) -> None:
    parsed = parse(data)
    assert (parsed.settings is None) == bool(parsed.problems)
    for problem in (*parsed.problems, *parsed.warnings):
        assert len(str(problem)) < 3000, "a problem that quotes all of a value"
    if parsed.settings is None:
        return
    again = Settings.model_validate(parsed.settings.model_dump(), strict=True)
    assert again == parsed.settings


TARGET = Target(
    name="configmaps",
    make=make,
    check=check,
    share=8,
)
