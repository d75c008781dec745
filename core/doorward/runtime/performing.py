"""From an action to one request, and from its answer to the outcome that the engine is told."""

from __future__ import annotations

from typing import Any

from doorward.cluster.protocol import ApiError, Cluster
from doorward.model.action import Action
from doorward.model.event import Applied, Refused, Unknown
from doorward.model.reference import JsonObject, Resource
from doorward.state.transform import FIELD_MANAGER

Outcome = Applied | Refused | Unknown


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
        message=error.message,
        retry_after=error.retry_after,
    )


async def perform(cluster: Cluster, action: Action, resource: Resource) -> JsonObject | None:
    """Carry an action out.  Raises ApiError."""
    method, arguments = request(action, resource)
    answer: JsonObject | None = await getattr(cluster, method)(**arguments)
    return answer
