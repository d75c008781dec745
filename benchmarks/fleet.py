"""A fleet of InferenceServices as an API server serves them after kubectl and OME's controller: managed fields,
last applied configuration, status and all, with their component Services; for measurements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

Json = dict[str, Any]

MODES = ("Serverless", "RawDeployment", "RawDeployment", "MultiNode")
NAMESPACES = 50
PARTS = (("engine",), ("engine", "router"), ("engine", "decoder"), ("engine", "router", "decoder"))


def fleet(count: int, parts: Sequence[tuple[str, ...]] = PARTS, modes: Sequence[str] = MODES) -> Iterator[bytes]:
    """The JSON of ``count`` services and their component Services: what lists and watches would bring.

    ``parts`` and ``modes`` are what the services have in turn.
    """
    version = 1000
    for index in range(count):
        name, namespace = f"model-{index:06d}", f"team-{index % NAMESPACES:02d}"
        components = parts[index % len(parts)]
        version += 1
        yield orjson.dumps(_service(name, namespace, components, modes[index % len(modes)], index, version))
        for part in components:
            version += 1
            yield orjson.dumps(_component(name, namespace, part, version))


def _service(name: str, namespace: str, parts: tuple[str, ...], mode: str, index: int, version: int) -> Json:
    container = {
        "name": "ome-container",
        "image": "registry.example.com/sglang:v0.4.9",
        "args": ["--model-path=$(MODEL_PATH)", "--tp-size=8", "--host=0.0.0.0", "--port=8080", "--enable-metrics"],
        "resources": {"requests": {"cpu": "16", "memory": "160Gi", "nvidia.com/gpu": 8}},
        "env": [{"name": f"OPTION_{n}", "value": str(n)} for n in range(6)],
    }
    spec: Json = {"model": {"name": "llama-3-70b-instruct", "kind": "ClusterBaseModel"}}
    for part in parts:
        spec[part] = {"minReplicas": 1, "maxReplicas": 3, "runner": container}
    conditions = [
        {"type": kind, "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z", "severity": "Info"}
        for kind in ("EngineReady", "RouterReady", "DecoderReady", "LatestDeploymentReady")
    ]
    applied = {"apiVersion": "ome.io/v1beta1", "kind": "InferenceService", "metadata": {"name": name}, "spec": spec}
    status = {
        "conditions": conditions,
        "observedGeneration": 1,
        "modelStatus": {"copies": {"failedCopies": 0, "totalCopies": 1}, "transitionStatus": "UpToDate"},
        "components": {part: _component_status(name, namespace, part) for part in parts},
    }
    return {
        "apiVersion": "ome.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            **_metadata(name, namespace, index, version),
            "annotations": {
                "ome.io/deployment-mode": mode,
                "team.example.com/contact": "models@example.com",
                "kubectl.kubernetes.io/last-applied-configuration": orjson.dumps(applied).decode(),
            },
            "labels": {"app": name, "team": namespace},
            "managedFields": [_managed("kubectl-client-side-apply", spec), _managed("manager", status)],
        },
        "spec": spec,
        "status": status,
    }


def _component_status(name: str, namespace: str, part: str) -> Json:
    """As OME writes it for a component that Knative or a Deployment runs."""
    revision = f"{name}-{part}-00001"
    return {
        "latestCreatedRevision": revision,
        "latestReadyRevision": revision,
        "latestRolledoutRevision": revision,
        "traffic": [{"latestRevision": True, "percent": 100, "revisionName": revision}],
        "address": {"url": f"http://{name}-{part}.{namespace}.svc.cluster.local"},
    }


def _component(name: str, namespace: str, part: str, version: int) -> Json:
    labels = {"ome.io/inferenceservice": name, "component": part}
    spec = {
        "type": "ClusterIP",
        "selector": labels,
        "ports": [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}],
        "clusterIP": "10.96.1.1",
        "clusterIPs": ["10.96.1.1"],
        "sessionAffinity": "None",
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
        "internalTrafficPolicy": "Cluster",
    }
    metadata = {**_metadata(f"{name}-{part}", namespace, version, version), "labels": labels}
    metadata["managedFields"] = [_managed("manager", spec)]
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec, "status": {"loadBalancer": {}}}


def _metadata(name: str, namespace: str, index: int, version: int) -> Json:
    return {
        "name": name,
        "namespace": namespace,
        "uid": f"{version:08x}-0000-4000-8000-{index:012x}",
        "resourceVersion": str(version),
        "generation": 1,
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }


def _managed(manager: str, owned: Json) -> Json:
    def fields(value: Any) -> Json:
        return {f"f:{k}": fields(v) for k, v in value.items()} if isinstance(value, dict) else {}

    entry = {"manager": manager, "operation": "Update", "apiVersion": "v1", "time": "2026-01-01T00:00:00Z"}
    return {**entry, "fieldsType": "FieldsV1", "fieldsV1": fields({"spec": owned})}
