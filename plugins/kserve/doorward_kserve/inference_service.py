"""The source ``kserve``: KServe's InferenceService (``serving.kserve.io/v1beta1``).

    transformer   takes every request where there is one, else the predictor does
    predictor     answers them
    explainer     is reached inside the cluster: KServe without Knative gives it a host of its own, too

Source: kserve/kserve, pkg/constants/constants.go (names, labels, annotations, modes), GetDeploymentMode in
pkg/controller/v1beta1/inferenceservice/utils/utils.go, createRawIngress in
pkg/controller/v1beta1/inferenceservice/reconcilers/ingress/kube_ingress_reconciler.go.  That reconciler, and the one
for Knative, write IngressReady and the URLs of the status even where they create no ingress, so that doors are reported
in a condition of their own.
"""

from __future__ import annotations

from typing import Any

from doorward.hooks import Part, Source, hookimpl
from doorward.model.quoting import quoted
from doorward.model.reference import JsonObject, Resource

from doorward_kserve.reading import CLOSED, STOP, as_map, is_stopped

MODE = "serving.kserve.io/deploymentMode"
_MODES = {
    "Standard": "RawDeployment",
    "RawDeployment": "RawDeployment",
    "Knative": "Serverless",
    "Serverless": "Serverless",
}
_PARTS = {"engine": "predictor", "router": "transformer"}


def read(obj: JsonObject) -> JsonObject:
    """What a door needs from an InferenceService of KServe's."""
    spec, status = as_map(obj.get("spec")), as_map(obj.get("status"))
    own = as_map(as_map(obj.get("metadata")).get("annotations"))
    mode = status.get("deploymentMode") or own.get(MODE)
    if mode == "ModelMesh":
        return _refused(
            "UnsupportedMode",
            f"annotation {MODE}: {quoted(mode)}: ModelMesh serves its models by one Service of its own, to which no "
            "door leads; choose Standard or Knative",
        )
    predictor = spec.get("predictor")
    if predictor is None:
        return _refused("PredictorRequired", "no predictor: add spec.predictor")
    # What KServe doesn't know as a mode counts as not there, as it does for KServe.
    annotations = {MODE: _MODES.get(str(mode), "")}
    if is_stopped(as_map(obj.get("metadata"))):
        annotations |= CLOSED
    components = as_map(status.get("components"))
    return {
        "spec": {name: _component(obj, spec[part]) for name, part in _PARTS.items() if spec.get(part) is not None},
        "components": {name: components[part] for name, part in _PARTS.items() if part in components},
        "annotations": annotations,
        "unrouted": ["explainer"] if spec.get("explainer") is not None else [],
    }


def _component(obj: JsonObject, value: Any) -> Any:
    """A component, or what stands in its place."""
    if not isinstance(value, dict):
        return value
    kept = {"timeoutSeconds": value.get("timeout")}
    if value.get("workerSpec") is not None:
        kept["worker"] = {}
    if isinstance(name := value.get("name"), str) and name and value is as_map(obj.get("spec")).get("predictor"):
        kept["service"] = f"{as_map(obj.get('metadata')).get('name')}-{name}-predictor"
    return kept


def _refused(reason: str, message: str) -> JsonObject:
    return {"refused": {"reason": reason, "message": message}}


SOURCE = Source(
    resource=Resource("InferenceService.serving.kserve.io", "inferenceservices", ("v1beta1",)),
    parts={
        "engine": Part(called="predictor", ready=("PredictorReady",)),
        "router": Part(called="transformer", ready=("TransformerReady",)),
    },
    label="serving.kserve.io/inferenceservice",
    read=read,
    reads=(STOP,),
    spelled={
        "ome.io/deployment-mode": MODE,
        "networking.ome.io/visibility": "networking.kserve.io/visibility",
    },
    condition="doorward.io/DoorReady",
    controller="kserve",
)


@hookimpl
def source() -> Source:
    return SOURCE
