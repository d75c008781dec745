"""How what is kept of an object is kept: its canonical JSON, packed against the text that such objects usually have.

Most of what stands is alike but for names, so that this leaves about a quarter of it.  Equal bodies are packed to equal
bytes, which are compared without being unpacked.  Nothing outside of one process ever sees them: a journal holds JSON.
"""

from __future__ import annotations

from typing import Any

from lz4.block import compress, decompress

from doorward.model.reference import JsonObject
from doorward.state.transform import canonical


def pack(body: bytes) -> bytes:
    return compress(body, dict=_USUAL)  # type: ignore[no-any-return]


def unpack(packed: bytes) -> bytes:
    """What was packed in this process."""
    return decompress(packed, dict=_USUAL)  # type: ignore[no-any-return]


def packed(value: Any) -> bytes:
    """A value's canonical JSON, packed.  Raises TypeError for what JSON can't hold."""
    return pack(canonical(value))


_UID = "00000000-0000-4000-8000-000000000000"


def _ours(spec: JsonObject) -> JsonObject:
    owner = {"apiVersion": "ome.io/v1beta1", "kind": "InferenceService", "name": "m", "uid": _UID}
    return {
        "metadata": {
            "annotations": {"doorward.io/components": "engine,decoder", "doorward.io/owner": _UID},
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "generation": 1,
            "labels": {"app.kubernetes.io/managed-by": "doorward", "ome.io/inferenceservice": "m"},
            "managed": [
                "app.kubernetes.io/managed-by",
                "doorward.io/components",
                "doorward.io/owner",
                "ome.io/inferenceservice",
            ],
            "name": "m",
            "namespace": "a",
            "ownerReferences": [{**owner, "controller": True, "blockOwnerDeletion": True}],
            "uid": _UID,
        },
        "spec": spec,
    }


def _component(name: str) -> JsonObject:
    labels = {"component": name, "ome.io/inferenceservice": "m"}
    owner = {"apiVersion": "ome.io/v1beta1", "kind": "InferenceService", "name": "m", "uid": _UID}
    port = {"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080}
    return {
        "metadata": {
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "generation": 1,
            "labels": labels,
            "name": f"m-{name}",
            "namespace": "a",
            "ownerReferences": [{**owner, "controller": True, "blockOwnerDeletion": True}],
            "uid": _UID,
        },
        "spec": {"clusterIP": "10.96.0.1", "ports": [port], "selector": labels, "type": "ClusterIP"},
    }


def _condition(type_: str) -> JsonObject:
    time = "2026-01-01T00:00:00Z"
    return {"lastTransitionTime": time, "severity": "Info", "status": "True", "type": type_}


_INFERENCE_SERVICE: JsonObject = {
    "metadata": {
        "annotations": {"ome.io/deployment-mode": "RawDeployment"},
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "finalizers": ["inferenceservice.finalizers"],
        "generation": 1,
        "labels": {"app": "m"},
        "name": "m",
        "namespace": "a",
        "uid": _UID,
    },
    "spec": {
        "decoder": {"minReplicas": 1},
        "engine": {"minReplicas": 1},
        "model": {},
        "router": {"minReplicas": 1},
        "runtime": {},
    },
    "status": {
        "address": {"url": "http://m.a.svc.cluster.local"},
        "annotations": {"doorward.io/hosts": "m.a.example.com/"},
        "components": {
            name: {"address": {"url": f"http://m-{name}.a.svc.cluster.local"}}
            for name in ("decoder", "engine", "router")
        },
        "conditions": [
            *map(_condition, ("EngineReady", "RouterReady", "RoutesReady", "DecoderReady", "LatestDeploymentReady")),
            {"lastTransitionTime": "2026-01-01T00:00:00Z", "status": "True", "type": "IngressReady"},
        ],
        "observedGeneration": 1,
        "url": "http://m.a.example.com",
    },
}
_BACKENDS = [
    {"backend": {"service": {"name": f"m-{name}", "port": {"number": 80}}}, "path": path, "pathType": "Prefix"}
    for name, path in (("decoder", "/v1/decoder"), ("engine", "/"))
]
_OUTSIDE, _LOCAL = "knative-serving/knative-ingress-gateway", "knative-serving/knative-local-gateway"
_LOCAL_SERVICE = "knative-local-gateway.istio-system.svc.cluster.local"
_HTTP = {
    "headers": {
        "request": {
            "set": {"Host": "m-engine.a.svc.cluster.local", "OME-Isvc-Namespace": "a", "OMe-Isvc-Name": "m"},
        },
    },
    "match": [
        {"authority": {"regex": r"m\.a\.example\.com(:\d+)?"}, "gateways": [_OUTSIDE, _LOCAL]},
        {"authority": {"regex": r"m\.a(\.svc(\.cluster\.local)?)?(:\d+)?"}, "gateways": [_LOCAL, "mesh"]},
        {"uri": {"exact": "/v1/decoder"}},
        {"uri": {"prefix": "/v1/decoder/"}},
    ],
    "route": [{"destination": {"host": _LOCAL_SERVICE, "port": {"number": 80}}}],
}
_RULE = {
    "backendRefs": [{"group": "", "kind": "Service", "name": "m-engine", "port": 80, "weight": 1}],
    "filters": [{"requestHeaderModifier": {"set": [{"name": "OMe-Isvc-Name", "value": "m"}]}}],
    "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
}
_USUAL = b"".join(
    canonical(each)
    for each in (
        _ours({"hostnames": ["m.a.example.com"], "parentRefs": [], "rules": [_RULE]}),
        _ours({"gateways": [_OUTSIDE, _LOCAL, "mesh"], "hosts": ["m.a.example.com"], "http": [_HTTP]}),
        _ours({"externalName": _LOCAL_SERVICE, "type": "ExternalName"}),
        _ours({"ingressClassName": "istio", "rules": [{"host": "m.a.example.com", "http": {"paths": _BACKENDS}}]}),
        *map(_component, ("router", "decoder", "engine")),
        _INFERENCE_SERVICE,
    )
)
"""Another text here packs otherwise, and changes nothing else."""
