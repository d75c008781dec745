"""Where the records of the zone lead: to the gateway, and what comes then is another backend's."""

from __future__ import annotations

from collections.abc import Sequence

from doorward import JsonObject
from doorward.testing import Answer, Evaluator, split


class DNSEvaluator(Evaluator):
    modes = ("Serverless", "RawDeployment", "MultiNode")
    annotations = {"ome.io/ingress-class": "dns"}
    door = {"ingress_class": "dns"}

    def route(self, objects: Sequence[JsonObject], url: str) -> Answer | None:
        host, path = split(url)
        led = any(obj["kind"] == "Records" and host in obj["spec"]["hosts"] for obj in objects)
        return Answer("", path) if led else None
