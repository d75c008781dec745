"""The serving runtime that is to bring an engine to a service that names none."""

from __future__ import annotations

from doorward.model.reference import JsonObject, Resource

from doorward_daemon.doctor.examination import Examination, Patient
from doorward_daemon.doctor.finding import Finding, kubectl

__all__ = ["CLUSTER_RUNTIMES", "RUNTIMES", "of_service"]

RUNTIMES = Resource("ServingRuntime.ome.io", "servingruntimes", ("v1beta1",))
CLUSTER_RUNTIMES = Resource("ClusterServingRuntime.ome.io", "clusterservingruntimes", ("v1beta1",), namespaced=False)


async def of_service(examination: Examination, patient: Patient) -> list[Finding]:
    """A runtime that isn't there, or that has no engine.

    Source: OME's ServingRuntimeSpec, ``engineConfig``, in ``pkg/apis/ome/v1beta1/servingruntime_types.go``.
    """
    spec = patient.object.get("spec") or {}
    name = _named(spec.get("runtime"))
    if patient.source.resource.group != "ome.io" or "engine" in spec or not name:
        return []
    namespace = patient.ref.namespace
    found: list[JsonObject] = []
    for resource in (RUNTIMES, CLUSTER_RUNTIMES):
        if await examination.cluster.served(resource) is None:
            return []
        if there := await examination.get(resource, namespace if resource.namespaced else "", name):
            found.append(there)
    if found and (found[0].get("spec") or {}).get("engineConfig") is not None:
        return []
    what = f"ServingRuntime {name}, and no ClusterServingRuntime of that name"
    cause = (
        f"there is no {what}" if not found else f"{found[0]['kind']} {name} brings no engine: it has no engineConfig"
    )
    listed = kubectl(namespace, "get", "servingruntimes.ome.io,clusterservingruntimes.ome.io")
    edit = kubectl(namespace, "edit", patient.kubectl)
    return [
        Finding(
            about=patient.name,
            reason="RuntimeWithoutEngine" if found else "RuntimeMissing",
            cause=cause,
            evidence=(f"spec.runtime.name is {name}, and there is no spec.engine",),
            remedy=(listed, edit),
        )
    ]


def _named(runtime: object) -> str:
    return str(runtime.get("name") or "") if isinstance(runtime, dict) else ""
