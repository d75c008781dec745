"""Every case, played through the engine before the embedded cluster."""

from __future__ import annotations

import pytest
from doorward.model.reference import JsonObject, kind_of

from tests.cases.playing import Case, check, documents, load
from tests.engine.stage import Stage

CASES = load()


def accept(stage: Stage) -> None:
    """Gateways accept every HTTPRoute for every parent that it names."""
    for obj in stage.objects():
        if obj["kind"] == "HTTPRoute":
            metadata = obj["metadata"]
            parents = [
                {
                    "parentRef": parent,
                    "controllerName": "example.com/gateway",
                    "conditions": [
                        condition("Accepted", metadata["generation"]),
                        condition("ResolvedRefs", metadata["generation"]),
                    ],
                }
                for parent in obj["spec"]["parentRefs"]
            ]
            body = {"status": {"parents": parents}}
            stage.patch(kind_of(obj), metadata["namespace"], metadata["name"], body, subresource="status")


def condition(type_: str, generation: int) -> JsonObject:
    return {
        "type": type_,
        "status": "True",
        "reason": type_,
        "message": "",
        "observedGeneration": generation,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }


def address(stage: Stage, ip: str) -> None:
    """Load balancers get their address."""
    for obj in stage.objects():
        if obj["kind"] == "Service" and obj["spec"].get("type") == "LoadBalancer":
            body = {"status": {"loadBalancer": {"ingress": [{"ip": ip}]}}}
            stage.patch("Service", obj["metadata"]["namespace"], obj["metadata"]["name"], body, subresource="status")


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_case(case: Case) -> None:
    stage = Stage()
    for obj in documents(case):
        stage.create(obj)
    stage.start()
    stage.settle()
    if case["given"].get("accepted"):
        accept(stage)
    if "address" in case["given"]:
        address(stage, case["given"]["address"])
    stage.settle()
    service = case["given"]["service"]
    check(case, stage.objects(), stage.service(service["name"], service["namespace"]))
