"""The backends among the examples keep every promise, on a server that knows their kinds."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from doorward.testing.conformance.report import RULES, try_rule
from doorward.testing.conformance.rule import Rule
from doorward.testing.conformance.subject import Subject

from tests.conformance.built_in import definitions
from tests.examples import EXAMPLES as FOLDER
from tests.examples import load


class Example(NamedTuple):
    """A backend's folder and module, its evaluator, and the folders of tests/crds with the kinds that it writes."""

    folder: str
    evaluator: str
    crds: tuple[str, ...] = ()


EXAMPLES = {
    "hello": Example("hello_backend", "HelloEvaluator"),
    "dns": Example("dns_backend", "DNSEvaluator"),
    "contour": Example("contour_backend", "ContourEvaluator", ("contour",)),
    "traefik": Example("traefik_backend", "TraefikEvaluator", ("traefik",)),
    "openshift": Example("openshift_backend", "OpenShiftEvaluator", ("openshift",)),
    "file": Example("file_backend", "FileEvaluator"),
    "envoy_gateway": Example("envoy_gateway_backend", "EnvoyGatewayEvaluator", ("gateway-api", "envoy-gateway")),
    "inference_pool": Example("inference_pool_backend", "InferencePoolEvaluator", ("gateway-api", "inference")),
}
"""By the backend's name."""
IN_MEMORY = [rule for rule in RULES if not rule.served]


def subject(name: str, examples: int) -> Subject:
    example = EXAMPLES[name]
    evaluator = getattr(load(f"{example.folder}/evaluator.py"), example.evaluator)()
    evaluator.definitions = definitions(*example.crds)
    return Subject(name, evaluator, load(f"{example.folder}/{example.folder}.py"), examples=examples)


@pytest.mark.parametrize(
    "rule", [rule for rule in RULES if not rule.served], ids=lambda rule: rule.name.replace(" ", "-")
)
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_keeps_its_promise(name: str, rule: Rule) -> None:
    finding = try_rule(rule, subject(name, 40))
    assert finding.outcome != "broken", finding.what


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_short(name: str) -> None:
    folder = EXAMPLES[name].folder
    assert len((FOLDER / folder / f"{folder}.py").read_text().splitlines()) < 100
