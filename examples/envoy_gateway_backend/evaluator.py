"""How requests travel by HTTPRoutes and their policies: what the conformance kit judges by."""

from __future__ import annotations

from collections.abc import Sequence

from doorward import JsonObject
from doorward.testing import Answer, Evaluator, accepted, standard


class EnvoyGatewayEvaluator(Evaluator):
    config = {"omeIngressGateway": "ingress/ome"}

    def route(self, objects: Sequence[JsonObject], url: str) -> Answer | None:
        return standard(objects, url)

    def is_guarded(self, objects: Sequence[JsonObject], url: str) -> bool:
        guarded = {o["spec"]["targetRefs"][0]["name"] for o in objects if o["kind"] == "SecurityPolicy"}
        routes = [obj for obj in objects if obj["kind"] == "HTTPRoute"]
        return all(not standard([route], url) or route["metadata"]["name"] in guarded for route in routes)

    def status(self, obj: JsonObject) -> JsonObject | None:
        return accepted(obj) if obj["kind"] == "HTTPRoute" else None
