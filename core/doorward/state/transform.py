"""What the engine keeps of an object: the part that a door can depend on, in canonical form.

Trimming is idempotent, so that a journal may hold trimmed objects and replay them.  Heartbeats, managed fields and
everything else that no door depends on never get past this file; a change of theirs is no change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from doorward.model import credentials
from doorward.model.reference import (
    CONFIG_MAP,
    ENDPOINT_SLICE,
    KNATIVE_SERVICE,
    SECRET,
    SERVICE,
    JsonObject,
)
from doorward.model.source import Source
from doorward.model.urls import is_plain

OWNER = "doorward.io/owner"
"""Annotation: the UID of the service whose object it is."""
ROUTED = "doorward.io/components"
"""Annotation: the components that an object of ours routes to, so that a restart knows."""
GUARDED = "doorward.io/guarded"
"""Annotation: an object of ours was written behind a guard, so that one which stands open is told apart."""
HOSTS = "doorward.io/hosts"
"""Annotation in a service's status: the claims that we wrote for it, so that a restart without a journal knows."""
HOSTS_WRITTEN = "doorward.io/Hosts"
"""Condition that tells the same in its message, for kinds whose status has no annotations."""
FINALIZER = "external.doorward.io/"
"""What our finalizers begin with; the kind that they are for is behind it."""
FIELD_MANAGER = "doorward"
COMPONENTS = ("engine", "router", "decoder")
READ = "$read"
"""Key of a service that is trimmed: its source has read it from another shape."""

_GATEWAY = "Gateway.gateway.networking.k8s.io"
_BULKY = "kubectl.kubernetes.io/last-applied-configuration"
_SETTINGS_KEYS = ("ingress", "deploy", "doorward")


def canonical(value: Any) -> bytes:
    """JSON with sorted keys: equal values, equal bytes.

    Copied, since orjson's own answer keeps the buffer that it was written into, which is several times as large.
    """
    return bytes(memoryview(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)))


def as_map(value: Any) -> JsonObject:
    """``value`` where it is an object, else an empty one: what others wrote may have any shape."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def transform(kind: str, obj: JsonObject, source: Source | None = None) -> JsonObject:
    """The part of an object of this kind that matters, as an object of the same shape.

    What has a ``source`` is a service: it comes in the one shape that all services have.
    """
    return _TRIMMERS.get(kind, _whole)(obj) if source is None else _of_source(obj, source)


def of_many(kind: str, obj: JsonObject) -> JsonObject:
    """The same of an object of a kind some of which are services: with what we may have put on those."""
    trimmed = transform(kind, obj)
    metadata = as_map(obj.get("metadata"))
    finalizers = [each for each in as_list(metadata.get("finalizers")) if isinstance(each, str)]
    conditions = as_list(as_map(obj.get("status")).get("conditions"))
    ours = (*finalizers, *(str(as_map(each).get("type")) for each in conditions))
    if OWNER in trimmed["metadata"].get("annotations", ()) and not any("doorward.io/" in each for each in ours):
        return trimmed  # what we wrote for somebody, and others keep finalizers on
    if finalizers:
        trimmed["metadata"]["finalizers"] = finalizers
    if conditions:
        trimmed["status"] = {**trimmed.get("status", {}), "conditions": conditions}
    return trimmed


def selected(obj: JsonObject, source: Source, *, remains: bool) -> JsonObject | None:
    """An object of such a kind (trimmed) as the service that it is; None where it is none.

    One that isn't selected (any more) is a service that is ``left`` as long as something of ours remains of it.  What
    we wrote ourselves for somebody is never selected.
    """
    assert source.selected is not None
    metadata = obj["metadata"]
    if OWNER not in metadata.get("annotations", ()):
        try:
            if source.selected(obj):
                return _of_source(obj, source)
        except Exception as error:
            return _of_source(_unread(obj, source, error), source)
    told = {each.get("type") for each in as_list(as_map(obj.get("status")).get("conditions")) if isinstance(each, dict)}
    held = any(each.startswith(FINALIZER) for each in metadata.get("finalizers", ()))
    if not (remains or held or told & {HOSTS_WRITTEN, source.condition}):
        return None
    named = {part: source.named(as_map(metadata.get(part))) for part in ("annotations", "labels")}
    return {
        **_inference_service({**obj, "metadata": {**metadata, **named}, "spec": {}}),
        "spec": {"left": True},
        READ: True,
    }


def mended(value: Any, depth: int = 0) -> Any:
    """``value`` as JSON that every encoder can hold: for what a server that checks nothing lets through.

    Integers beyond 64 bits become text, halves of surrogate pairs question marks, and what is nested over a hundred
    levels deep is left out.
    """
    if depth > 100:
        return None
    if isinstance(value, dict):
        return {mended(str(key)): mended(each, depth + 1) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [mended(each, depth + 1) for each in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str(value)
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _metadata(obj: JsonObject) -> JsonObject:
    whole = as_map(obj.get("metadata"))
    kept: JsonObject = {"name": whole.get("name", "")}
    for key in ("namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp"):
        if value := whole.get(key):
            kept[key] = value
    if labels := as_map(whole.get("labels")):
        kept["labels"] = labels
    if annotations := as_map(whole.get("annotations")):
        if _BULKY in annotations:
            annotations = {key: value for key, value in annotations.items() if key != _BULKY}
        if annotations:
            kept["annotations"] = annotations
    if owners := as_list(whole.get("ownerReferences")):
        kept["ownerReferences"] = owners
    return kept


def _whole(obj: JsonObject) -> JsonObject:
    """Metadata, spec and status; of an object that we wrote, which labels and annotations our writes put there."""
    metadata = _metadata(obj)
    if OWNER in metadata.get("annotations", ()):
        managed, others = _managers(obj["metadata"])
        if managed:
            metadata["managed"] = managed
        if others:
            metadata["otherManager"] = others
    kept: JsonObject = {"metadata": metadata}
    for key in ("spec", "status"):
        if value := obj.get(key):
            kept[key] = value
    return kept


def _managers(metadata: JsonObject) -> tuple[list[str], str]:
    """The annotation and label keys that our field manager set, sorted, and who else wrote last."""
    if "managedFields" not in metadata:
        return metadata.get("managed", []), metadata.get("otherManager", "")
    keys: set[str] = set()
    latest, other = "", ""
    for entry in as_list(metadata["managedFields"]):
        if entry.get("manager") == FIELD_MANAGER:
            fields = as_map(as_map(entry.get("fieldsV1")).get("f:metadata"))
            for part in ("f:annotations", "f:labels"):
                keys.update(key[2:] for key in as_map(fields.get(part)) if key != ".")
        elif entry.get("subresource") != "status" and str(entry.get("time", "")) >= latest:
            latest, other = str(entry.get("time", "")), str(entry.get("manager", ""))
    return sorted(keys), other


def _service(obj: JsonObject) -> JsonObject:
    kept = _whole(obj)
    spec = as_map(obj.get("spec"))
    kept["spec"] = {
        key: value
        for key in ("type", "selector", "ports", "externalName", "clusterIP", "loadBalancerIP")
        if (value := spec.get(key)) is not None
    }
    kept.pop("status", None)
    if ingress := as_list(as_map(as_map(obj.get("status")).get("loadBalancer")).get("ingress")):
        kept["status"] = {"loadBalancer": {"ingress": ingress}}
    return kept


def _gateway(obj: JsonObject) -> JsonObject:
    """Without the number of its routes: each that comes or goes would have every door of the Gateway decided anew."""
    kept = _whole(obj)
    if listeners := as_list(as_map(kept.get("status")).get("listeners")):
        counted = ({k: v for k, v in as_map(each).items() if k != "attachedRoutes"} for each in listeners)
        kept["status"] = {**kept["status"], "listeners": list(counted)}
    return kept


def _knative_service(obj: JsonObject) -> JsonObject:
    status = as_map(obj.get("status"))
    ready = [c for c in as_list(status.get("conditions")) if as_map(c).get("type") == "Ready"]
    return {
        "metadata": _metadata(obj),
        "status": {
            "conditions": [{"type": "Ready", "status": c.get("status", "Unknown")} for c in ready],
            **({"observedGeneration": status["observedGeneration"]} if "observedGeneration" in status else {}),
        },
    }


def _endpoint_slice(obj: JsonObject) -> JsonObject:
    """Which Service it belongs to, and whether one of its endpoints is ready (``ready`` missing means ready)."""
    metadata = _metadata(obj)
    labels = metadata.get("labels", {})
    service = labels.get("kubernetes.io/service-name", "")
    ready = any(as_map(as_map(e).get("conditions")).get("ready") is not False for e in as_list(obj.get("endpoints")))
    kept = {key: metadata[key] for key in ("name", "namespace", "uid", "resourceVersion") if key in metadata}
    return {
        "metadata": {**kept, "labels": {"kubernetes.io/service-name": service}},
        "endpoints": [{"conditions": {"ready": True}}] if ready else [],
    }


def _config_map(obj: JsonObject) -> JsonObject:
    data = as_map(obj.get("data"))
    return {"metadata": _metadata(obj), "data": {key: data[key] for key in _SETTINGS_KEYS if key in data}}


def _of_source(obj: JsonObject, source: Source) -> JsonObject:
    """A service, as its source reads it; what was read before bears a mark, and is trimmed again alone."""
    if source.read is None:
        return _inference_service(obj)
    told = obj if READ in obj else _read(obj, source)
    trimmed = _inference_service(told)
    spec = as_map(told.get("spec"))
    for component in COMPONENTS:
        if component not in source.parts:
            trimmed["spec"].pop(component, None)
            as_map(as_map(trimmed.get("status")).get("components")).pop(component, None)
            continue
        told_of = as_map(spec.get(component))
        if isinstance(name := told_of.get("service"), str) and name:
            trimmed["spec"][component]["service"] = name[:253]
        if isinstance(port := told_of.get("port"), int) and 0 < port < 1 << 16:
            trimmed["spec"][component]["port"] = port
    if unrouted := [str(each)[:63] for each in as_list(spec.get("unrouted"))]:
        trimmed["spec"]["unrouted"] = unrouted
    if refused := as_map(spec.get("refused")):
        trimmed["spec"]["refused"] = {key: str(refused.get(key, ""))[:1024] for key in ("reason", "message")}
    return {**trimmed, READ: True}


def _read(obj: JsonObject, source: Source) -> JsonObject:
    """An object of another kind in the shape of the first one's."""
    assert source.read is not None
    metadata, status = as_map(obj.get("metadata")), as_map(obj.get("status"))
    try:
        told = source.read(obj)
        spec, components = as_map(told.get("spec")), as_map(told.get("components"))
        refused, annotations = as_map(told.get("refused")), as_map(told.get("annotations"))
        beside = {key: told[key] for key in ("unrouted",) if key in told}
    except Exception as error:
        return _unread(obj, source, error)
    own = as_map(metadata.get("annotations"))
    return {
        "metadata": {
            **metadata,
            "annotations": source.named({**own, **annotations}),
            "labels": source.named(as_map(metadata.get("labels"))),
        },
        "spec": {**spec, **beside, **({"refused": refused} if refused else {})},
        "status": {**status, "components": components},
        READ: True,
    }


def _unread(obj: JsonObject, source: Source, error: Exception) -> JsonObject:
    """An object that its source fails to read, in the same shape."""
    metadata = as_map(obj.get("metadata"))
    message = f"source {source.resource.kind} can't read it: {type(error).__name__}: {error}"
    return {
        "metadata": {
            **metadata,
            "annotations": source.named(as_map(metadata.get("annotations"))),
            "labels": source.named(as_map(metadata.get("labels"))),
        },
        "spec": {"refused": {"reason": "SourceError", "message": message}},
        "status": {**as_map(obj.get("status")), "components": {}},
        READ: True,
    }


def _inference_service(obj: JsonObject) -> JsonObject:
    spec, status = as_map(obj.get("spec")), as_map(obj.get("status"))
    kept: JsonObject = {}
    for component in COMPONENTS:
        if (part := spec.get(component)) is not None:
            kept[component] = _component(part)
    for key in ("runtime", "model"):
        if spec.get(key) is not None:
            kept[key] = {}
    trimmed: JsonObject = {"metadata": _metadata(obj), "spec": kept}
    trimmed["metadata"].pop("ownerReferences", None)
    if finalizers := [each for each in as_list(as_map(obj.get("metadata")).get("finalizers")) if isinstance(each, str)]:
        trimmed["metadata"]["finalizers"] = finalizers  # whole, since a merge patch replaces the list
    seen: JsonObject = {}
    for key in ("url", "observedGeneration", "conditions"):
        if status.get(key) or status.get(key) == 0:
            seen[key] = status[key]
    if url := as_map(status.get("address")).get("url"):
        seen["address"] = {"url": url}
    if isinstance(hosts := as_map(status.get("annotations")).get(HOSTS), str):
        seen["annotations"] = {HOSTS: hosts}
    if components := as_map(status.get("components")):
        seen["components"] = {
            name: _component_status(components[name]) for name in COMPONENTS if components.get(name) is not None
        }
    if seen:
        trimmed["status"] = seen
    return trimmed


def _component(value: Any) -> Any:
    if not isinstance(value, dict):
        return {"malformed": type(value).__name__}
    kept: JsonObject = {}
    for key in ("minReplicas", "timeoutSeconds", "malformed"):
        if (told := value.get(key)) is not None:
            kept[key] = told
    for key in ("leader", "worker"):
        if value.get(key) is not None:
            kept[key] = {}
    if annotations := as_map(value.get("annotations")):
        modes = {
            key: annotations[key] for key in ("ome.io/deployment-mode", "ome.io/deploymentMode") if key in annotations
        }
        if modes:
            kept["annotations"] = modes
    return kept


def _component_status(value: Any) -> JsonObject:
    """Where a component says that it is reached, as far as that can be a door's URL, or give a door its host."""
    status = as_map(value)
    kept: JsonObject = {}
    if is_plain(url := status.get("url")):
        kept["url"] = url
    if is_plain(url := as_map(status.get("address")).get("url")):
        kept["address"] = {"url": url}
    return kept


_TRIMMERS: dict[str, Callable[[JsonObject], JsonObject]] = {
    SERVICE: _service,
    KNATIVE_SERVICE: _knative_service,
    ENDPOINT_SLICE: _endpoint_slice,
    CONFIG_MAP: _config_map,
    SECRET: credentials.summary,
    _GATEWAY: _gateway,
}
