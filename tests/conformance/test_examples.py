"""The backends among the examples keep every promise."""

from __future__ import annotations

import pytest
from doorward.testing.conformance.report import RULES, try_rule
from doorward.testing.conformance.rule import Rule
from doorward.testing.conformance.subject import Subject

from tests.examples import load

EXAMPLES = {"hello": ("hello_backend", "HelloEvaluator"), "dns": ("dns_backend", "DNSEvaluator")}
"""By the backend's name: its folder and module, and its evaluator."""


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name.replace(" ", "-"))
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_keeps_its_promise(name: str, rule: Rule) -> None:
    folder, evaluator = EXAMPLES[name]
    plugin = load(f"{folder}/{folder}.py")
    evaluate = getattr(load(f"{folder}/evaluator.py"), evaluator)
    finding = try_rule(rule, Subject(name, evaluate(), plugin, examples=40))
    assert finding.outcome != "broken", finding.what
