"""Whose a manifest is: kind, version, namespace and name agree with the request, and what is given once stays.

After apiserver ``pkg/registry/rest`` (``BeforeUpdate``) and ``pkg/endpoints/handlers``.
"""

from __future__ import annotations

from typing import Any

from doorward.cluster.embedded import metadata
from doorward.cluster.embedded.discovery import Kind
from doorward.cluster.embedded.errors import bad_request
from doorward.model.reference import JsonObject

_GIVEN = frozenset(
    {
        "annotations",
        "deletionTimestamp",
        "finalizers",
        "generateName",
        "labels",
        "managedFields",
        "name",
        "namespace",
        "ownerReferences",
        "resourceVersion",
        "uid",
    }
)
"""The metadata that callers may write, or at least send along; all else is the server's."""
_KEPT = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds")


def settle_identity(kind: Kind, version: str, new: Any, namespace: str, name: str | None) -> None:
    """Fill in what a manifest leaves to the request, and drop metadata that isn't the caller's, in place.

    ``name`` is that of the request, None for a creation.  Raises ApiError 400 where the two disagree.
    """
    resource = kind.resource
    wanted = resource.api_version(version)
    if not isinstance(new, dict) or not metadata.typed(new.setdefault("metadata", {})):
        raise bad_request(f'{resource.name} in version "{version}" cannot be handled as a {resource.name}')
    if kind.custom and not (new.get("apiVersion") and new.get("kind")):
        why = f"Object '{'apiVersion' if new.get('kind') else 'Kind'}' is missing"
        raise bad_request(f"the object provided is unrecognized (must be of type {resource.name}): {why}")
    if (given := new.get("apiVersion") or wanted) != wanted:
        why = f"the API version in the data ({given}) does not match the expected API version ({wanted})"
        raise bad_request(why)
    if (new.get("kind") or resource.name) != resource.name:
        raise bad_request(f'{new["kind"]} in version "{version}" cannot be handled as a {resource.name}')
    new["apiVersion"], new["kind"] = resource.api_version(kind.storage), resource.name
    meta: JsonObject = new["metadata"]
    if not resource.namespaced:
        meta.pop("namespace", None)
    elif (meta.get("namespace") or namespace) != namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    else:
        meta["namespace"] = namespace
    if name is not None and meta.get("name") != name:
        why = "the name of the object (based on URL) was undeterminable: name must be provided"
        if meta.get("name"):
            why = f"the name of the object ({meta['name']}) does not match the name on the URL ({name})"
        raise bad_request(why)
    for field in [field for field in meta if field not in _GIVEN or not meta[field]]:
        del meta[field]


def carry_over(meta: JsonObject, standing: JsonObject) -> list[str]:
    """Take from the metadata that stands what no write changes; what is wrong with the new, as ``FIELD: WHY``."""
    found = []
    for field in ("uid", "deletionTimestamp"):
        if field in meta and meta[field] != standing.get(field):
            found.append(f"metadata.{field}: Invalid value: {metadata.shown(meta[field])}: field is immutable")
    if "deletionTimestamp" in standing:
        added = [each for each in meta.get("finalizers") or () if each not in standing.get("finalizers", ())]
        if added:
            why = "no new finalizers can be added if the object is being deleted, found new finalizers"
            quoted = ", ".join(metadata.shown(each) for each in added)
            found.append(f"metadata.finalizers: Forbidden: {why} []string{{{quoted}}}")
    for field in _KEPT:
        meta.pop(field, None)
        if field in standing:
            meta[field] = standing[field]
    return found
