"""How requests travel by HTTPProxies, and what Contour answers: what the conformance kit judges by."""

from __future__ import annotations

from collections.abc import Sequence

from doorward import JsonObject
from doorward.testing import Answer, Evaluator, split


class ContourEvaluator(Evaluator):
    def route(self, objects: Sequence[JsonObject], url: str) -> Answer | None:
        host, path = split(url)
        roots = [o["spec"] for o in objects if o["kind"] == "HTTPProxy" and o["spec"]["virtualhost"]["fqdn"] == host]
        if len(roots) != 1:
            return None  # two roots for one host are both invalid
        hits = [(_rank(route["conditions"][0], path), route) for route in roots[0]["routes"]]
        rank, best = max(hits, key=lambda hit: hit[0])
        return Answer(best["services"][0]["name"], path) if rank > (0, 0) else None

    def status(self, obj: JsonObject) -> JsonObject | None:
        if obj["kind"] != "HTTPProxy":
            return None
        generation = obj["metadata"].get("generation", 0)
        valid = {"type": "Valid", "status": "True", "reason": "Valid", "message": "", "observedGeneration": generation}
        return {"currentStatus": "valid", "conditions": [{**valid, "lastTransitionTime": "2026-01-01T00:00:00Z"}]}


def _rank(condition: JsonObject, path: str) -> tuple[int, int]:
    """Exact paths first, then the longest prefix, which needs no end of a segment."""
    if "exact" in condition:
        return (2, 0) if condition["exact"] == path else (0, 0)
    return (1, len(condition["prefix"])) if path.startswith(condition["prefix"]) else (0, 0)
