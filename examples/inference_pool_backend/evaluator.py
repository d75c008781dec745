"""How requests travel by HTTPRoutes to InferencePools: what the conformance kit judges by."""

from __future__ import annotations

from collections.abc import Sequence

from doorward import JsonObject
from doorward.testing import Answer, Evaluator, accepted, standard


class InferencePoolEvaluator(Evaluator):
    """Each component's Service has a pool beside it, of the same name."""

    version = "inference.networking.k8s.io/v1"
    config = {"omeIngressGateway": "ingress/ome"}

    def beside(self, service: JsonObject) -> Sequence[JsonObject]:
        name, namespace = service["metadata"]["name"], service["metadata"]["namespace"]
        spec = {"selector": {"matchLabels": service["spec"]["selector"]}, "targetPorts": [{"number": 8080}]}
        spec["endpointPickerRef"] = {"name": f"{name}-picker", "port": {"number": 9002}}
        metadata = {"name": name, "namespace": namespace}
        return ({"apiVersion": self.version, "kind": "InferencePool", "metadata": metadata, "spec": spec},)

    def route(self, objects: Sequence[JsonObject], url: str) -> Answer | None:
        """Who leads to anything but a pool leads nowhere."""
        rules = [rule for obj in objects if obj["kind"] == "HTTPRoute" for rule in obj["spec"]["rules"]]
        refs = [ref for rule in rules if "headers" not in rule["matches"][0] for ref in rule.get("backendRefs", ())]
        group = self.version.partition("/")[0]
        led = all((ref["group"], ref["kind"]) == (group, "InferencePool") and "port" not in ref for ref in refs)
        return standard(objects, url) if led else None

    def status(self, obj: JsonObject) -> JsonObject | None:
        return accepted(obj) if obj["kind"] == "HTTPRoute" else None
