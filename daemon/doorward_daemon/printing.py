"""Objects as text: in the usual order of keys, and without what only a server would know."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Literal

import orjson
import yaml
from doorward.model.reference import JsonObject, Ref, ref_of

from doorward_daemon.rendering import Rendered

__all__ = ["text"]

Format = Literal["yaml", "json"]

_ORDER = ("apiVersion", "kind", "metadata", "spec", "status")
_METADATA = ("name", "namespace", "uid", "creationTimestamp", "generation", "labels", "annotations", "ownerReferences")
_IDENTITY = ("uid", "creationTimestamp", "generation")
_OF_A_SERVICE = ("type", "externalName", "selector", "ports", "loadBalancerIP")
"""What we write of a Service; the rest is a server's doing."""


def text(rendered: Rendered, format: Format) -> str:
    """A ``v1`` List of what would stand, then of the InferenceServices that were given."""
    uids = frozenset(uid for obj in rendered.given.values() if (uid := obj["metadata"].get("uid")))
    items = [_clean(obj, rendered.given, uids) for obj in (*rendered.objects, *rendered.services)]
    whole = {"apiVersion": "v1", "kind": "List", "items": items}
    if format == "json":
        return orjson.dumps(whole, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()
    return yaml.dump(whole, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=120)


def _clean(obj: JsonObject, given: Mapping[Ref, JsonObject], uids: Container[str]) -> JsonObject:
    before = given.get(ref_of(obj))
    parts = dict(obj)
    parts["metadata"] = _metadata(obj["metadata"], (before or {}).get("metadata") or {}, uids)
    if obj["kind"] == "Service":
        parts["spec"] = _service_spec(obj["spec"], (before or {}).get("spec") or {})
    if parts.get("status") in ({}, {"loadBalancer": {}}):
        del parts["status"]
    return {key: parts[key] for key in (*_ORDER, *sorted(parts.keys() - set(_ORDER))) if key in parts}


def _metadata(metadata: JsonObject, given: JsonObject, uids: Container[str]) -> JsonObject:
    kept = {k: v for k, v in metadata.items() if v and k not in ("resourceVersion", "managedFields")}
    for key in _IDENTITY:
        if key not in given:
            kept.pop(key, None)
    # A reference by a UID that we made up would have a real cluster collect the object at once.
    owners = [owner for owner in kept.pop("ownerReferences", ()) if owner.get("uid") in uids]
    if owners:
        kept["ownerReferences"] = owners
    return {key: kept[key] for key in (*_METADATA, *sorted(kept.keys() - set(_METADATA))) if key in kept}


def _service_spec(spec: JsonObject, given: JsonObject) -> JsonObject:
    kept = {key: value for key, value in spec.items() if key in _OF_A_SERVICE or key in given}
    if "ports" in kept and not any("nodePort" in port for port in given.get("ports") or ()):
        kept["ports"] = [{k: v for k, v in port.items() if k != "nodePort"} for port in kept["ports"]]
    return kept
