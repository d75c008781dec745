"""A host that the namespace may not have any more goes at once, whatever else changes with it; the rest drains."""

from __future__ import annotations

import pytest
from doorward.model.reference import JsonObject

from tests.engine.scenes import Scene, service
from tests.engine.stage import settings

GATEWAY: JsonObject = {"enableGatewayAPI": True, "omeIngressGateway": "gw/shared"}


@pytest.mark.parametrize("ingress", [{}, GATEWAY], ids=["the same object", "another backend's"])
def test_a_host_that_is_forbidden_while_the_door_moves_does_not_drain(ingress: JsonObject) -> None:
    scene = Scene(settings(), *service(raw=True))
    assert scene.reaches("http://m.a.example.com/") == "m-engine"
    scene.configure({"ingressDomain": "apps.test", **ingress}, doorward="namespaceDomains: {a: [apps.test]}")
    assert scene.reaches("http://m.a.example.com/") == ""


def test_a_host_that_is_allowed_drains_all_the_same() -> None:
    scene = Scene(settings(), *service(raw=True))
    scene.configure({"ingressDomain": "apps.test"}, doorward="namespaceDomains: {a: [apps.test, example.com]}")
    assert scene.reaches("http://m.a.example.com/") == "m-engine"
    assert scene.reaches("http://m.a.apps.test/") == "m-engine"
