"""Echoes: a watch that tells of a write of ours before its answer has come.

Both come from one API server, over two connections, so that the watch is the first as often as not.  What it tells is
known then, and nothing is to be decided before the answer is there as well, which is to be followed up in any case.
"""

from __future__ import annotations

from collections.abc import Callable

from doorward.model.action import Action
from doorward.model.patch import lacking, merge
from doorward.model.reference import JsonObject
from doorward.state.facts import Change, Fact
from doorward.state.packing import packed

Trim = Callable[[str, JsonObject], JsonObject]
"""The part of an object of a kind that matters."""


def is_echo(change: Change, action: Action, trim: Trim) -> bool:
    """Whether a change of an object is what this write of it, which is under way, makes of it.

    What a server added to what was asked may be there as well; what somebody else changed of it may not.
    """
    before, after, body = change.before, change.after, action.body or {}
    if after is None:
        return action.verb == "delete" and before is not None and before.uid == action.uid
    if action.verb == "create":
        return before is None and _has_all(after, body, trim)
    if before is None or before.uid != after.uid or str(before.version) != action.resource_version:
        return False
    if action.verb == "status":
        return is_reported(before, after, body, trim)
    return action.verb == "patch" and _has_all(after, merge(before.object(), body), trim)


def is_reported(before: Fact, after: Fact, body: JsonObject, trim: Trim) -> bool:
    """Whether a service became what a write of its status makes of it, and nothing else of it has changed."""
    return after.body == packed(trim(after.ref.kind, merge(before.object(), {"status": body["status"]})))


def _has_all(fact: Fact, asked: JsonObject, trim: Trim) -> bool:
    return not lacking(_written(trim(fact.ref.kind, asked)), _written(fact.object()))


def _written(obj: JsonObject) -> JsonObject:
    """What our writes set of an object."""
    metadata = obj["metadata"]
    return {"spec": obj.get("spec"), **{key: metadata.get(key) for key in ("labels", "annotations", "ownerReferences")}}
