"""The error answers of kube-apiserver, in its words (apimachinery ``pkg/api/errors``)."""

from __future__ import annotations

from collections.abc import Sequence

from doorward.cluster.protocol import ApiError
from doorward.model.reference import Resource

MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def quoted(resource: Resource, name: str) -> str:
    """``services "x"``, ``virtualservices.networking.istio.io "x"``."""
    group = f".{resource.group}" if resource.group else ""
    return f'{resource.plural}{group} "{name}"'


def unserved() -> ApiError:
    return ApiError(404, "NotFound", "the server could not find the requested resource")


def not_found(resource: Resource, name: str) -> ApiError:
    return ApiError(404, "NotFound", f"{quoted(resource, name)} not found")


def namespace_not_found(namespace: str) -> ApiError:
    return ApiError(404, "NotFound", f'namespaces "{namespace}" not found')


def terminating(resource: Resource, name: str, namespace: str) -> ApiError:
    why = f"unable to create new content in namespace {namespace} because it is being terminated"
    return ApiError(403, "Forbidden", f"{quoted(resource, name)} is forbidden: {why}")


def already_exists(resource: Resource, name: str, *, leaving: bool = False) -> ApiError:
    prefix = "object is being deleted: " if leaving else ""
    return ApiError(409, "AlreadyExists", f"{prefix}{quoted(resource, name)} already exists")


def conflict(resource: Resource, name: str, why: str = MODIFIED) -> ApiError:
    return ApiError(409, "Conflict", f"Operation cannot be fulfilled on {quoted(resource, name)}: {why}")


def precondition(resource: Resource, name: str, why: str) -> ApiError:
    """A delete whose preconditions don't hold; here the server names the kind, not the plural."""
    return ApiError(409, "Conflict", f'Operation cannot be fulfilled on {resource.kind} "{name}": {why}')


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def invalid(what: str, name: str, problems: Sequence[str]) -> ApiError:
    """``what`` is the kind, or the plural where only the storage noticed; each problem is ``FIELD: WHY``."""
    text = problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"
    return ApiError(422, "Invalid", f'{what} "{name}" is invalid: {text}')


def rejected() -> ApiError:
    """A JSON patch that can't be applied; the server tells no more than this."""
    return ApiError(422, "Invalid", "the server rejected our request due to an error in our request")


def expired(since: int, oldest: int) -> ApiError:
    return ApiError(410, "Expired", f"too old resource version: {since} ({oldest})")


def expired_page() -> ApiError:
    return ApiError(
        410,
        "Expired",
        "The provided continue parameter is too old to display a consistent list result. "
        "You can start a new list without the continue parameter.",
    )
