"""From an action to one request, and from its answer to the outcome that the engine is told.

Twice: for a :class:`.Cluster` (:func:`perform`), and for a program with a client of its own (:func:`request_of`,
:func:`outcome_of`).
"""

from __future__ import annotations

from typing import Any

import orjson

from doorward.cluster import request as requests
from doorward.cluster.protocol import ApiError, Cluster
from doorward.cluster.request import Request
from doorward.cluster.status import status_error
from doorward.engine import Engine
from doorward.model.action import Action
from doorward.model.event import Applied, Refused, Unknown
from doorward.model.reference import JsonObject, Resource
from doorward.state.transform import FIELD_MANAGER

Outcome = Applied | Refused | Unknown
"""What became of an action: the event that the engine is told."""


def request(action: Action, resource: Resource) -> tuple[str, dict[str, Any]]:
    """The method of :class:`.Cluster` to call, and its arguments."""
    ref = action.ref
    common: dict[str, Any] = {
        "resource": resource,
        "namespace": ref.namespace,
        "version": action.version or None,
    }
    match action.verb:
        case "create" | "event":
            return "create", {**common, "body": action.body, "field_manager": FIELD_MANAGER}
        case "patch":
            return "patch", {**common, "name": ref.name, "body": action.body, "field_manager": FIELD_MANAGER}
        case "status":
            status = {"subresource": "status", "field_manager": FIELD_MANAGER}
            return "patch", {**common, "name": ref.name, "body": action.body, **status}
        case "delete":
            preconditions = {"uid": action.uid, "resource_version": action.resource_version}
            return "delete", {**common, "name": ref.name, **preconditions}
        case "verify":
            return "get", {**common, "name": ref.name}


def succeeded(action: Action, answer: JsonObject | None, at: float) -> Outcome:
    return Applied(at=at, action=action.id, object=answer)


def failed(action: Action, error: ApiError, at: float) -> Outcome:
    """What an error means: an answer is a refusal, the lack of one leaves it open whether anything happened."""
    if error.status == 0:
        return Unknown(at=at, action=action.id, message=error.message)
    if action.verb == "verify" and error.status == 404:
        return Applied(at=at, action=action.id, object=None)
    if action.verb == "event" and error.reason == "AlreadyExists":
        return Applied(at=at, action=action.id, object=None)
    return Refused(
        at=at,
        action=action.id,
        status=error.status,
        reason=error.reason,
        message=error.message + _missing_right(action, error.message),
        retry_after=error.retry_after,
    )


def _missing_right(action: Action, message: str) -> str:
    """The right that a refusal is about, where its own words don't name it; empty for every other.

    Source: the admission plugin OwnerReferencesPermissionEnforcement, kubernetes/kubernetes,
    plugin/pkg/admission/gc/gc_admission.go.
    """
    if "cannot set blockOwnerDeletion" in message:
        owners = ((action.body or {}).get("metadata") or {}).get("ownerReferences") or ()
        kinds = sorted({str(owner.get("kind")) for owner in owners})
        return f"; allow verb update on the subresource finalizers of {' and '.join(kinds)}"
    if "cannot set an ownerRef on a resource you can't delete" in message:
        return f"; allow verb delete on {action.ref.kind}"
    return ""


async def perform(cluster: Cluster, action: Action, resource: Resource) -> JsonObject | None:
    """Carry an action out.  Raises ApiError."""
    method, arguments = request(action, resource)
    answer: JsonObject | None = await getattr(cluster, method)(**arguments)
    return answer


def request_of(engine: Engine, action: Action) -> Request:
    """The request that carries out an action of this engine, for any client to send; to be sent once."""
    method, arguments = request(action, engine.backends.resources[action.ref.kind])
    made: Request = getattr(requests, method)(**arguments)
    return made


def outcome_of(
    action: Action, status: int, answer: bytes | JsonObject = b"", *, at: float, retry_after: float | None = None
) -> Outcome:
    """The outcome of an action, to be received by the engine: from the HTTP status, and what was answered with it.

    ``status`` 0 says that no whole answer came (a time-out, a dropped connection): the request may have been carried
    out, and the engine looks before it goes on.  ``at`` is the time in seconds since the epoch, ``retry_after`` the
    header of that name in seconds.
    """
    found = _read(answer) if isinstance(answer, bytes) else answer
    if not 200 <= status < 300:
        why = status_error(found or {}, status, retry_after) if status else ApiError(0, "", "no answer")
        return failed(action, why, at)
    if found is None:
        return failed(action, ApiError(0, "", f"the answer to {action.verb} is not an object"), at)
    return succeeded(action, requests.left(found) if action.verb == "delete" else found, at)


def _read(answer: bytes) -> JsonObject | None:
    """The object in an answer; None where it is none."""
    try:
        found = orjson.loads(answer)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None
