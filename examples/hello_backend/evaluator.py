"""How requests travel by HelloRoutes, and what their gateway answers: what the conformance kit judges by."""

from __future__ import annotations

from collections.abc import Sequence

from doorward import JsonObject
from doorward.testing import Answer, Evaluator, split


class HelloEvaluator(Evaluator):
    annotations = {"ome.io/ingress-class": "hello"}
    door = {"ingress_class": "hello"}

    def route(self, objects: Sequence[JsonObject], url: str) -> Answer | None:
        host, path = split(url)
        for obj in objects:
            if obj["kind"] != "HelloRoute" or host not in obj["spec"]["hosts"]:
                continue
            for route in obj["spec"]["routes"]:
                if f"{path}/".startswith(route["prefix"].rstrip("/") + "/"):
                    return Answer(route["service"], path)
        return None

    def status(self, obj: JsonObject) -> JsonObject | None:
        return {"greeted": True} if obj["kind"] == "HelloRoute" else None
