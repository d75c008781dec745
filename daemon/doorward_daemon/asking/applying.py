"""What a manifest makes of the object that stands, as ``kubectl apply`` has it.

A three-way merge: what the file has is set, and what the file of the last apply had and this one hasn't is removed
(annotation ``kubectl.kubernetes.io/last-applied-configuration``); lists are replaced whole, as of custom resources.
Source: kubectl, ``CreateThreeWayJSONMergePatch`` in k8s.io/apimachinery, pkg/util/jsonmergepatch/patch.go.
"""

from __future__ import annotations

from typing import Any

import orjson
from doorward.model.merge import merge
from doorward.model.reference import JsonObject

__all__ = ["LAST_APPLIED", "applied"]

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def applied(manifest: JsonObject, live: JsonObject | None) -> JsonObject:
    """The object as it is then; its status is nobody's to apply."""
    wanted = {key: value for key, value in manifest.items() if key != "status"}
    if live is None:
        return wanted
    annotations = live["metadata"].get("annotations") or {}
    try:
        before = orjson.loads(annotations.get(LAST_APPLIED, "{}"))
    except orjson.JSONDecodeError:
        before = {}
    patch = {**_removed(before, wanted), **_with_removed(before, wanted)}
    patch.pop("status", None)
    identity = {key: live["metadata"][key] for key in ("uid", "resourceVersion") if key in live["metadata"]}
    changed: JsonObject = merge(live, patch)
    changed["metadata"] = {**changed["metadata"], **identity}
    return changed


def _removed(before: Any, now: JsonObject) -> JsonObject:
    """Nulls for what was there and isn't any more."""
    return {key: None for key in before if key not in now} if isinstance(before, dict) else {}


def _with_removed(before: Any, now: JsonObject) -> JsonObject:
    """What is there, with nulls within it."""
    known = before if isinstance(before, dict) else {}
    return {
        key: {**_removed(known.get(key), value), **_with_removed(known.get(key), value)}
        if isinstance(value, dict)
        else value
        for key, value in now.items()
    }
