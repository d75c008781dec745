"""How requests travel by Routes, and what OpenShift's router answers: what the conformance kit judges by."""

from __future__ import annotations

from collections.abc import Sequence

from doorward import JsonObject
from doorward.testing import Answer, Evaluator, split


class OpenShiftEvaluator(Evaluator):
    def route(self, objects: Sequence[JsonObject], url: str) -> Answer | None:
        host, path = split(url)
        routes = [obj for obj in objects if obj["kind"] == "Route" and obj["spec"]["host"] == host]
        taking = [obj for obj in routes if f"{path}/".startswith(obj["spec"].get("path", "") + "/")]
        best = max(taking, key=lambda obj: len(obj["spec"].get("path", "")), default=None)
        if best is None:
            return None
        target = best["metadata"]["annotations"].get("haproxy.router.openshift.io/rewrite-target")
        if target is not None:
            rest = path.removeprefix(best["spec"]["path"])
            path = target + (rest.removeprefix("/") if target == "/" else rest)
        return Answer(best["spec"]["to"]["name"], path)

    def status(self, obj: JsonObject) -> JsonObject | None:
        if obj["kind"] != "Route":
            return None
        admitted = {"type": "Admitted", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
        return {"ingress": [{"host": obj["spec"]["host"], "routerName": "default", "conditions": [admitted]}]}
