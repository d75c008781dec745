"""A third source, of some objects of a kind alone: plain Services that bear a label; the oracle reads them translated.

InferenceService (ome.io)      Service
metadata.name  NAME            NAME-engine: it is its own component, and requests are followed to it by that name
annotations    ome.io/…        doorward.io/…; the mode is RawDeployment, whatever is written
spec.engine                    label doorward.io/door
EngineReady                    an endpoint that is ready
IngressReady   status.url      condition doorward.io/DoorReady, with the URL in its message
"""

from __future__ import annotations

import re
from typing import Any

from doorward.model.reference import JsonObject
from doorward.state.transform import HOSTS, HOSTS_WRITTEN
from doorward.testing.simulator import oracle, twin

NAME = "service"
LABEL = "doorward.io/door"
CONDITION = "doorward.io/DoorReady"
_URL = re.compile(r"(https?://[^\s:]+)(: |$)")


def called(name: str) -> str:
    """The name of the Service that is a service of this name."""
    return f"{name}-engine"


def labels(*, selected: bool) -> dict[str, str | None]:
    """The merge patch of labels by which a Service is selected, or isn't."""
    return {LABEL: "true" if selected else None}


def service(name: str, namespace: str, annotations: dict[str, str]) -> JsonObject:
    """A Service that asks for the same door as an InferenceService."""
    notes = {twin.key(key): value for key, value in annotations.items()}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace, "labels": {LABEL: "true"}, "annotations": notes},
        "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
    }


def endpoints(owner: JsonObject, *, ready: bool) -> JsonObject:
    """The EndpointSlice of a Service."""
    meta = owner["metadata"]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": meta["name"],
            "namespace": meta["namespace"],
            "labels": {"kubernetes.io/service-name": meta["name"]},
            "ownerReferences": [{"apiVersion": "v1", "kind": "Service", "name": meta["name"], "uid": meta["uid"]}],
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.0.0.9"], "conditions": {"ready": ready}}],
        "ports": [{"name": "http", "port": 8080}],
    }


def translated(obj: JsonObject, slice_: JsonObject | None) -> JsonObject:
    """A Service in the words of OME; one that bears no label is ``left``."""
    metadata = obj["metadata"]
    selected = (metadata.get("labels") or {}).get(LABEL) == "true"
    told = (obj.get("status") or {}).get("conditions") or ()
    ready = slice_ is not None and slice_["endpoints"][0]["conditions"]["ready"]
    conditions: list[JsonObject] = [{"type": "EngineReady", "status": "True" if ready else "False"}]
    status: dict[str, Any] = {"conditions": conditions}
    for each in told:
        if each["type"] == HOSTS_WRITTEN:
            status["annotations"] = {HOSTS: each["message"]}
        elif each["type"] == CONDITION:
            conditions.append({**each, "type": "IngressReady"})
            found = _URL.match(each.get("message") or "")
            status["url"] = found[1] if found else None
        else:
            conditions.append(each)
    notes = {**twin.notes(metadata.get("annotations") or {}), oracle.MODE: "RawDeployment"}
    spec = {"engine": {"port": 80}} if selected else {"left": True}
    return {**obj, "metadata": {**metadata, "annotations": notes}, "spec": spec, "status": status}
