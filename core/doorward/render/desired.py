"""What should stand: a backend's manifest made ours, and what of the object that stands is ours to compare.

Of every object ours are: the owner annotation, the labels and annotations that we set, keys of annotations that could
move traffic, the controller reference; and ``spec`` whole, or of kinds that others write too (Service) the fields that
their backend names.
"""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from doorward.hooks import Watch
from doorward.model.reference import JsonObject, Ref
from doorward.state.inference_service import InferenceService
from doorward.state.transform import GUARDED, OWNER, ROUTED, canonical

MANAGED_BY = "app.kubernetes.io/managed-by"


class Desired(msgspec.Struct, frozen=True, gc=False):
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
        "labels": {**given.get("labels", {}), service.source.label: service.label, MANAGED_BY: "doorward"},
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
    api_version, kind = service.source.owner
    return {
        "apiVersion": api_version,
        "kind": kind,
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
