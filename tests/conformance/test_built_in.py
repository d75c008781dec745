"""The backends that come with doorward keep every promise that the kit asks of others."""

from __future__ import annotations

import pytest
from doorward.testing.conformance import Evaluator
from doorward.testing.conformance.report import RULES, try_rule
from doorward.testing.conformance.rule import Rule
from doorward.testing.conformance.subject import Subject

from tests.conformance.built_in import ClusterLocal, GatewayAPI, Ingress, Istio, LoadBalancer

BUILT_IN: dict[str, Evaluator] = {
    "istio": Istio(),
    "k8s_ingress": Ingress(),
    "gateway_api": GatewayAPI(),
    "loadbalancer": LoadBalancer(),
    "cluster_local": ClusterLocal(),
}


@pytest.mark.parametrize(
    "rule", [rule for rule in RULES if not rule.served], ids=lambda rule: rule.name.replace(" ", "-")
)
@pytest.mark.parametrize("name", BUILT_IN)
def test_a_backend_that_comes_with_doorward_keeps_its_promise(name: str, rule: Rule) -> None:
    finding = try_rule(rule, Subject(name, BUILT_IN[name]))
    assert finding.outcome != "broken", finding.what
