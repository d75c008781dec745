"""What a call of :class:`~doorward.cluster.protocol.Cluster` is in HTTP: method, path, parameters and body.

Each function has the name and the arguments of the method that it is of.  Source: the Kubernetes documentation,
"Kubernetes API Concepts".
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from doorward.cluster.protocol import MERGE_PATCH, PatchType
from doorward.model.reference import JsonObject, Resource

__all__ = ["Request"]

JSON = "application/json"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request to an API server, for any client to send.

    ``method`` is in capitals.  ``path`` begins with a slash and has no parameters; ``query`` has them, unquoted.
    ``body`` is sent as JSON, with ``content_type`` as its header; None: without one.
    """

    method: str
    path: str
    query: dict[str, str] = {}
    body: JsonObject | Sequence[JsonObject] | None = None
    content_type: str = JSON


def list(
    resource: Resource,
    namespace: str = "",
    *,
    version: str | None = None,
    label_selector: str = "",
    field_selector: str = "",
    limit: int = 0,
    continue_token: str = "",
) -> Request:
    query = _given(
        labelSelector=label_selector,
        fieldSelector=field_selector,
        limit=str(limit or ""),
        **{"continue": continue_token},
    )
    return Request(method="GET", path=resource.path(namespace, version=version), query=query)


def watch(
    resource: Resource,
    namespace: str = "",
    *,
    resource_version: str,
    version: str | None = None,
    label_selector: str = "",
    field_selector: str = "",
    timeout: float = 300.0,
) -> Request:
    query = _given(
        watch="true",
        allowWatchBookmarks="true",
        resourceVersion=resource_version,
        timeoutSeconds=str(max(1, round(timeout))),
        labelSelector=label_selector,
        fieldSelector=field_selector,
    )
    return Request(method="GET", path=resource.path(namespace, version=version), query=query)


def get(resource: Resource, namespace: str, name: str, *, version: str | None = None) -> Request:
    return Request(method="GET", path=resource.path(namespace, name, version=version))


def create(
    resource: Resource,
    namespace: str,
    body: JsonObject,
    *,
    version: str | None = None,
    field_manager: str = "",
    dry_run: bool = False,
) -> Request:
    path = resource.path(namespace, version=version)
    return Request(method="POST", path=path, query=_writing(field_manager, dry_run), body=body)


def replace(
    resource: Resource,
    namespace: str,
    name: str,
    body: JsonObject,
    *,
    version: str | None = None,
    subresource: str = "",
    field_manager: str = "",
    dry_run: bool = False,
) -> Request:
    path = resource.path(namespace, name, version=version, subresource=subresource)
    return Request(method="PUT", path=path, query=_writing(field_manager, dry_run), body=body)


def patch(
    resource: Resource,
    namespace: str,
    name: str,
    body: JsonObject | Sequence[JsonObject],
    *,
    type: PatchType = MERGE_PATCH,
    version: str | None = None,
    subresource: str = "",
    field_manager: str = "",
    dry_run: bool = False,
) -> Request:
    path = resource.path(namespace, name, version=version, subresource=subresource)
    query = _writing(field_manager, dry_run)
    return Request(method="PATCH", path=path, query=query, body=body, content_type=type)


def delete(
    resource: Resource,
    namespace: str,
    name: str,
    *,
    version: str | None = None,
    uid: str = "",
    resource_version: str = "",
    dry_run: bool = False,
) -> Request:
    options: JsonObject = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
    if preconditions := _given(uid=uid, resourceVersion=resource_version):
        options["preconditions"] = preconditions
    if dry_run:
        options["dryRun"] = ["All"]
    return Request(method="DELETE", path=resource.path(namespace, name, version=version), body=options)


def left(answer: JsonObject) -> JsonObject | None:
    """What the answer to a deletion says is still there: an object that waits for finalizers; else None.

    Some kinds answer a deletion that is complete with the object that was, and not with a Status.
    """
    stays = answer.get("kind") != "Status" and (answer.get("metadata") or {}).get("deletionTimestamp")
    return answer if stays else None


def _given(**parameters: str) -> dict[str, str]:
    return {key: value for key, value in parameters.items() if value}


def _writing(field_manager: str, dry_run: bool) -> dict[str, str]:
    return _given(fieldManager=field_manager, dryRun="All" if dry_run else "")
