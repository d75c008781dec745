"""The source ``kserve_llm``: KServe's LLMInferenceService (``serving.kserve.io``, v1alpha2 and v1alpha1).

It has one component, the workload, whose Service KServe makes in any case.  Where ``spec.router.route`` is there, by
itself or from a configuration that it refers to, KServe makes HTTPRoutes for it, and it has no door of ours.

Source: kserve/kserve, reconcileWorkloadService in pkg/controller/v1alpha2/llmisvc/workload.go, reconcileHTTPRoutes in
router.go beside it, conditions in pkg/apis/serving/v1alpha2/llm_inference_service_lifecycle.go; ``ChildName`` in
knative.dev/pkg, kmeta/names.go.
"""

from __future__ import annotations

from hashlib import md5

from doorward.hooks import Part, Source, hookimpl
from doorward.model.reference import JsonObject, Resource

from doorward_kserve.reading import CLOSED, STOP, as_map, is_stopped

_SUFFIX = "-kserve-workload-svc"
_LONGEST = 63


def read(obj: JsonObject) -> JsonObject:
    """What a door needs from an LLMInferenceService."""
    metadata, spec = as_map(obj.get("metadata")), as_map(obj.get("spec"))
    annotations = {"doorward.io/deployment-mode": "RawDeployment"}
    routed = "spec.router.route" if as_map(spec.get("router")).get("route") is not None else ""
    if not routed and spec.get("baseRefs") and as_map(obj.get("status")).get("router"):
        routed = "spec.baseRefs"
    if routed:
        message = (
            f"{routed}: KServe's own controller opens a door for this service; remove spec.router.route, here or in "
            "the configuration that spec.baseRefs names, or leave the door to KServe"
        )
        return {"refused": {"reason": "OpenedByAnother", "message": message}, "annotations": {**annotations, **CLOSED}}
    return {
        "spec": {"engine": {"service": _service(str(metadata.get("name", "")))}},
        "annotations": {**annotations, **(CLOSED if is_stopped(metadata) else {})},
    }


def _service(name: str) -> str:
    """The Service of the workload; of a long name, its beginning and its MD5."""
    if len(name) > _LONGEST - len(_SUFFIX):
        digest = md5(name.encode(), usedforsecurity=False).hexdigest()
        name = name[: _LONGEST - len(digest) - len(_SUFFIX)] + digest
    return name + _SUFFIX


SOURCE = Source(
    resource=Resource("LLMInferenceService.serving.kserve.io", "llminferenceservices", ("v1alpha2", "v1alpha1")),
    parts={"engine": Part(called="workload", ready=("WorkloadsReady",))},
    label="serving.kserve.io/llminferenceservice",
    labelled_pods=False,
    read=read,
    reads=(STOP,),
    speaks_tls=True,
    condition="doorward.io/DoorReady",
    controller="kserve",
)


@hookimpl
def source() -> Source:
    return SOURCE
