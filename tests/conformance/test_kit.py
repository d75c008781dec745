"""The kit names what is wrong with a backend, and finds nothing wrong with one that isn't."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from doorward.model.reference import JsonObject, Ref
from doorward.testing.conformance import Answer, Breach, Finding, conform
from doorward.testing.conformance.report import RULES, try_rule
from doorward.testing.conformance.subject import Subject

from tests.conformance.greeting import Greeting, GreetingEvaluator
from tests.conformance.wrong import WRONG
from tests.examples import load

EXAMPLES = 60


def first_broken(backend: Greeting) -> Finding | None:
    subject = Subject("greeting", GreetingEvaluator(), backend, examples=EXAMPLES)
    findings = (try_rule(rule, subject) for rule in RULES)
    return next((finding for finding in findings if finding.outcome == "broken"), None)


def test_a_backend_that_keeps_every_promise_is_told_so() -> None:
    report = conform("greeting", GreetingEvaluator(), Greeting(), examples=EXAMPLES)
    assert report.broken == []
    assert report.to_badge()["color"] == "brightgreen"
    assert report.summary == "greeting keeps 29 of 29 promises"


@pytest.mark.parametrize("backend", WRONG, ids=lambda backend: backend.__name__)
def test_what_is_wrong_with_a_backend_is_named(backend: type[Greeting]) -> None:
    rule, word = WRONG[backend]
    broken = first_broken(backend())
    assert broken is not None, "nothing was found"
    assert (broken.rule, word) == (rule, word if word in broken.what else broken.what)


def test_every_rule_says_what_it_promises() -> None:
    assert all(rule.promise for rule in RULES)
    assert len({rule.name for rule in RULES}) == len(RULES)


def test_a_backend_that_keeps_its_objects_and_never_changes_them_is_named() -> None:
    dns, evaluator = load("dns_backend/dns_backend.py"), load("dns_backend/evaluator.py").DNSEvaluator()
    write = dns.ZONE.write

    async def only_once(ref: Ref, obj: JsonObject | None) -> None:
        if obj is None or ref not in dns.ZONE.objects:
            await write(ref, obj)

    dns.ZONE.write = only_once
    rule = next(rule for rule in RULES if rule.name == "outside of the API server")
    finding = try_rule(rule, Subject("dns", evaluator, dns))
    assert finding.outcome == "broken"
    assert finding.what.startswith("what it keeps doesn't change")


def test_an_evaluator_that_raises_is_named_with_what_it_could_not_judge() -> None:
    class Expecting(GreetingEvaluator):
        def route(self, objects: Sequence[JsonObject], url: str) -> Answer | None:
            greeting = next(obj for obj in objects if obj["kind"] == "Greeting")
            return Answer(greeting["spec"]["default"], url)

    rule = next(rule for rule in RULES if rule.name == "routes")
    finding = try_rule(rule, Subject("greeting", Expecting(), Greeting()))
    assert finding.outcome == "broken"
    assert "Expecting.route raised KeyError: 'default' (test_kit.py:" in finding.what
    assert "kind: Greeting" in finding.what


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("versions", [{"name": "v2", "served": True, "storage": True}], "in version v1, and its definition serves v2"),
        ("names", {"kind": "Greeting", "plural": "greets"}, "as greetings, and its definition as greets"),
        ("scope", "Cluster", "whether it belongs to namespaces"),
    ],
)
def test_a_kind_that_its_definition_serves_otherwise_is_named(field: str, value: object, word: str) -> None:
    spec = {
        "group": "hello.example.com",
        "names": {"kind": "Greeting", "plural": "greetings"},
        "scope": "Namespaced",
        "versions": [{"name": "v1", "served": True, "storage": True}],
    }

    class Defined(GreetingEvaluator):
        definitions = ({"spec": {**spec, field: value}},)

    rule = next(rule for rule in RULES if rule.name == "loads")
    assert word in try_rule(rule, Subject("greeting", Defined(), Greeting())).what
    Defined.definitions = ({"spec": spec},)
    assert try_rule(rule, Subject("greeting", Defined(), Greeting())).outcome == "kept"


def test_a_backend_that_never_comes_to_rest_is_told_what_goes_on() -> None:
    class Defined(GreetingEvaluator):
        definitions = (
            {
                "spec": {
                    "group": "hello.example.com",
                    "names": {"kind": "Greeting", "plural": "greetings"},
                    "scope": "Namespaced",
                    "versions": [{"name": "v2", "served": True, "storage": True}],
                }
            },
        )

    rule = next(rule for rule in RULES if rule.name == "opens")
    finding = try_rule(rule, Subject("greeting", Defined(), Greeting()))
    assert "doesn't come to rest; the last of 1000 turns was status of InferenceService a/m" in finding.what
    assert "KindNotServed" in finding.what


def test_what_shows_a_breach_is_without_who_wrote_which_field() -> None:
    shown = str(Breach("no", [{"metadata": {"name": "m", "managedFields": [{"manager": "doorward"}]}}]))
    assert "name: m" in shown
    assert "manager" not in shown
