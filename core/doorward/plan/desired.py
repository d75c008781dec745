"""What should stand: a backend's manifest made ours, and what of the object that stands is ours to compare.

Of every object ours are: the owner annotation, the labels and annotations that we set, keys of annotations that could
move traffic, the controller reference; and ``spec`` whole, or of kinds that others write too (Service) the fields that
their backend names.
"""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from doorward.graph.facts import Fact
from doorward.graph.inference_service import InferenceService
from doorward.graph.trim import GUARDED, OWNER, ROUTED, canonical
from doorward.hooks import Watch
from doorward.model.reference import JsonObject, Ref
from doorward.plan.patch import changed_paths, merge_diff

LABEL = "ome.io/inferenceservice"
MANAGED_BY = "app.kubernetes.io/managed-by"


class Desired(msgspec.Struct, frozen=True):
    """One object that should stand."""

    ref: Ref
    manifest: JsonObject
    """Complete, as it would be created."""
    digest: str
    watch: Watch
    backend: str


def decorate(
    manifest: JsonObject,
    service: InferenceService,
    routed: tuple[str, ...],
    watch: Watch,
    version: str,
    backend: str,
    *,
    guarded: bool,
) -> Desired:
    """A backend's manifest, made ours.  ``version`` is the one that the server serves, empty: as rendered."""
    guard = {GUARDED: "true"} if guarded else {}
    given = manifest["metadata"]
    meta = service.metadata
    resource = watch.resource
    metadata: JsonObject = {
        "name": given["name"],
        "namespace": meta.namespace,
        "labels": {**given.get("labels", {}), LABEL: service.label, MANAGED_BY: "doorward"},
        "annotations": {**given.get("annotations", {}), OWNER: meta.uid, ROUTED: ",".join(routed), **guard},
        "ownerReferences": [controller_reference(service), *given.get("ownerReferences", ())],
    }
    whole = {
        "apiVersion": resource.api_version(version or None),
        "kind": resource.name,
        "metadata": metadata,
        "spec": manifest["spec"],
    }
    return Desired(Ref(resource.kind, meta.namespace, given["name"]), whole, digest_of(whole), watch, backend)


def digest_of(manifest: JsonObject) -> str:
    """Tells what is written apart from what was written before; the API version is no part of it."""
    return blake2b(canonical([manifest["metadata"], manifest["spec"]]), digest_size=9).hexdigest()


def controller_reference(service: InferenceService) -> JsonObject:
    return {
        "apiVersion": "ome.io/v1beta1",
        "kind": "InferenceService",
        "name": service.metadata.name,
        "uid": service.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def is_manifest(value: object) -> bool:
    """Whether a backend's answer has the parts of a manifest."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("kind"), str)
        and isinstance(value.get("metadata"), dict)
        and isinstance(value["metadata"].get("name"), str)
        and isinstance(value.get("spec"), dict)
    )


def ours_of(obj: JsonObject, watch: Watch) -> JsonObject:
    """The part of an object's spec that is ours to compare."""
    spec: JsonObject = obj.get("spec") or {}
    if watch.owned == "spec":
        return spec
    kept = {key: spec[key] for key in watch.fields if spec.get(key) not in (None, "", [], {})}
    if "ports" in kept:
        kept["ports"] = [{k: v for k, v in port.items() if k != "nodePort"} for port in kept["ports"]]
    return kept


def correction(desired: JsonObject, observed: JsonObject, watch: Watch) -> JsonObject:
    """The merge patch, without preconditions, that mends what is ours of an observed object; empty: nothing to do.

    ``desired`` is a manifest of ours, or what the server returned for one.
    """
    patch: JsonObject = {}
    metadata = _metadata_patch(desired["metadata"], observed["metadata"], watch)
    if metadata:
        patch["metadata"] = metadata
    target, current = ours_of(desired, watch), ours_of(observed, watch)
    if target != current:
        spec = merge_diff(current, target)
        if spec.get("ports"):
            spec["ports"] = _keep_node_ports(spec["ports"], observed["spec"].get("ports", ()))
        patch["spec"] = spec
    return patch


def fields(patch: JsonObject) -> tuple[str, ...]:
    return changed_paths({key: value for key, value in patch.items() if key != "metadata"}) + changed_paths(
        {"metadata": {k: v for k, v in patch.get("metadata", {}).items() if k not in ("uid", "resourceVersion")}}
        if patch.get("metadata")
        else {}
    )


def _metadata_patch(desired: JsonObject, observed: JsonObject, watch: Watch) -> JsonObject:
    patch: JsonObject = {}
    managed = observed.get("managed", ())
    for part, guarded in (("labels", ()), ("annotations", watch.guarded)):
        want, have = desired.get(part, {}), observed.get(part, {})
        changes = {key: value for key, value in want.items() if have.get(key) != value}
        for key in have:
            if key not in want and (key in managed or (guarded and key.startswith(guarded))):
                changes[key] = None
        if changes:
            patch[part] = changes
    mine = desired.get("ownerReferences", [])
    others = observed.get("ownerReferences", [])
    for reference in mine:
        controls = bool(reference.get("controller"))
        if not any(o.get("uid") == reference["uid"] and bool(o.get("controller")) == controls for o in others):
            others = [*(o for o in others if o.get("uid") != reference["uid"]), reference]
            patch["ownerReferences"] = others
    return patch


def _keep_node_ports(ports: list[JsonObject], observed: list[JsonObject]) -> list[JsonObject]:
    """Ports with the node ports that the server allocated: a list is replaced whole, and they should stay."""
    allocated = {(p.get("port"), p.get("protocol", "TCP")): p["nodePort"] for p in observed if p.get("nodePort")}
    kept = []
    for port in ports:
        node_port = allocated.get((port.get("port"), port.get("protocol", "TCP")))
        kept.append({**port, "nodePort": node_port} if node_port and "nodePort" not in port else port)
    return kept


def preconditioned(patch: JsonObject, fact: Fact) -> JsonObject:
    """A merge patch that fails unless the object is still the one that was looked at."""
    metadata = {**patch.get("metadata", {}), "uid": fact.uid, "resourceVersion": str(fact.version)}
    return {**patch, "metadata": metadata}


def owner_of(fact: Fact) -> str:
    """Whose an object is, for people."""
    metadata = fact.object()["metadata"]
    for reference in metadata.get("ownerReferences", ()):
        if reference.get("controller"):
            return f"controlled by {reference.get('kind')} {reference.get('name')}"
    manager = metadata.get("labels", {}).get(MANAGED_BY)
    return f"managed by {manager}" if manager else "which nobody controls"
