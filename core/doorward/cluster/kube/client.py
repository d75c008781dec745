"""The Cluster protocol over HTTP, as the Kubernetes documentation has it in "Kubernetes API Concepts"."""

from __future__ import annotations

import os
import random
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path

import orjson

from doorward.cluster import request
from doorward.cluster.kube import kubeconfig
from doorward.cluster.kube.access import Access, AccessError
from doorward.cluster.kube.answer import decode, lines
from doorward.cluster.kube.transport import Transport
from doorward.cluster.protocol import MERGE_PATCH, ApiError, Page, PatchType, WatchEvent
from doorward.cluster.request import Request
from doorward.cluster.status import status_error
from doorward.model.reference import JsonObject, Resource

SILENCE = 150.0
"""Seconds without a line after which a watch is taken for dead; servers send a bookmark about every minute."""
DISCOVERY_CACHE = 5.0
"""Seconds for which a group's resources are remembered."""


class KubeCluster:
    """A real API server.  Connects when it is first used; belongs to one event loop.

    ``timeout`` is in seconds, for one whole request; watches have their own (``watch``, and :data:`SILENCE`).
    """

    def __init__(self, access: Access, *, timeout: float = 30.0) -> None:
        self._access = access
        self._transport = Transport(access, timeout=timeout)
        self._served: dict[str, tuple[float, dict[str, str]]] = {}

    @classmethod
    def connect(cls, context: str | None = None, *, timeout: float = 30.0) -> KubeCluster:
        """The cluster that kubectl would speak to here: that of the kubeconfig, else the one that we run in.

        Raises AccessError where there is neither.
        """
        if kubeconfig.paths() or context is not None:
            return cls.from_kubeconfig(context=context, timeout=timeout)
        if os.environ.get("KUBERNETES_SERVICE_HOST"):
            return cls.in_cluster(timeout=timeout)
        raise AccessError("no cluster: there is no kubeconfig (KUBECONFIG, ~/.kube/config), and this is not a pod")

    @classmethod
    def from_kubeconfig(
        cls, path: str | os.PathLike[str] | None = None, context: str | None = None, *, timeout: float = 30.0
    ) -> KubeCluster:
        """One context of the file at ``path`` (else: of KUBECONFIG's files, else ``~/.kube/config``).

        Raises AccessError for a file or context that isn't there or makes no sense.
        """
        files = kubeconfig.paths() if path is None else [Path(path).expanduser()]
        if not files:
            raise AccessError("no kubeconfig: neither KUBECONFIG nor ~/.kube/config names a file that exists")
        return cls(kubeconfig.read(files, context), timeout=timeout)

    @classmethod
    def in_cluster(cls, *, timeout: float = 30.0) -> KubeCluster:
        """The cluster that this pod runs in, by its service account.  Raises AccessError outside a pod."""
        return cls(kubeconfig.in_cluster(), timeout=timeout)

    @property
    def server(self) -> str:
        """The URL of the API server."""
        return self._access.server

    @property
    def namespace(self) -> str:
        """The namespace that the context or the pod names; empty where none is named."""
        return self._access.namespace

    async def served(self, resource: Resource) -> str | None:
        for version in resource.versions:
            if await self._has(resource, resource.api_version(version)):
                return version
        return None

    async def list(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        version: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 0,
        continue_token: str = "",
    ) -> Page:
        answer = await self._answer(
            request.list(
                resource,
                namespace,
                version=version,
                label_selector=label_selector,
                field_selector=field_selector,
                limit=limit,
                continue_token=continue_token,
            )
        )
        metadata = answer.get("metadata") or {}
        kind = {"apiVersion": resource.api_version(version), "kind": resource.name}
        return Page(
            items=[{**kind, **item} for item in answer.get("items") or ()],
            resource_version=str(metadata.get("resourceVersion") or ""),
            continue_token=metadata.get("continue") or "",
        )

    async def watch(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        resource_version: str,
        version: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        timeout: float | None = None,
    ) -> AsyncGenerator[WatchEvent, None]:
        """See :meth:`doorward.cluster.protocol.Cluster.watch`.

        ``timeout`` is in seconds; without one the server ends the watch after five to ten minutes, so that watches
        that were begun together don't end together.  Raises ApiError 0 for a line that is no event, and after
        silence that is too long.
        """
        seconds = random.uniform(300, 600) if timeout is None else timeout
        asked = request.watch(
            resource,
            namespace,
            resource_version=resource_version,
            version=version,
            label_selector=label_selector,
            field_selector=field_selector,
            timeout=seconds,
        )
        async with aclosing(self._transport.stream(asked.path, asked.query, silence=SILENCE)) as chunks:
            async for line in lines(chunks):
                event = decode(line)
                try:
                    type, object = event["type"], event["object"]
                except (TypeError, KeyError) as error:
                    raise ApiError(0, "", f"not an event of a watch: {line[:200]!r}") from error
                if type == "ERROR":
                    raise status_error(object)
                yield WatchEvent(type, object)

    async def get(self, resource: Resource, namespace: str, name: str, *, version: str | None = None) -> JsonObject:
        return await self._answer(request.get(resource, namespace, name, version=version))

    async def create(
        self,
        resource: Resource,
        namespace: str,
        body: JsonObject,
        *,
        version: str | None = None,
        field_manager: str = "",
        dry_run: bool = False,
    ) -> JsonObject:
        return await self._answer(
            request.create(resource, namespace, body, version=version, field_manager=field_manager, dry_run=dry_run)
        )

    async def replace(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: JsonObject,
        *,
        version: str | None = None,
        subresource: str = "",
        field_manager: str = "",
        dry_run: bool = False,
    ) -> JsonObject:
        return await self._answer(
            request.replace(
                resource,
                namespace,
                name,
                body,
                version=version,
                subresource=subresource,
                field_manager=field_manager,
                dry_run=dry_run,
            )
        )

    async def patch(
        self,
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
    ) -> JsonObject:
        return await self._answer(
            request.patch(
                resource,
                namespace,
                name,
                body,
                type=type,
                version=version,
                subresource=subresource,
                field_manager=field_manager,
                dry_run=dry_run,
            )
        )

    async def delete(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        *,
        version: str | None = None,
        uid: str = "",
        resource_version: str = "",
        dry_run: bool = False,
    ) -> JsonObject | None:
        asked = request.delete(
            resource,
            namespace,
            name,
            version=version,
            uid=uid,
            resource_version=resource_version,
            dry_run=dry_run,
        )
        return request.left(await self._answer(asked))

    async def close(self) -> None:
        """End every connection; watches and requests under way fail with ApiError 0."""
        await self._transport.close()

    async def _answer(self, asked: Request) -> JsonObject:
        return await self._json(asked.method, asked.path, asked.query, body=asked.body, content_type=asked.content_type)

    async def _json(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        *,
        body: JsonObject | Sequence[JsonObject] | None = None,
        content_type: str = "application/json",
    ) -> JsonObject:
        sent = None if body is None else orjson.dumps(body)
        try:
            answer = decode(await self._transport.request(method, path, query, body=sent, content_type=content_type))
        except ApiError as error:
            if error.status == 404:
                self._served.clear()  # It may be the kind that is gone.
            raise
        if not isinstance(answer, dict):
            raise ApiError(0, "", f"the answer to {method} {path} is not an object")
        return answer

    async def _has(self, resource: Resource, api_version: str) -> bool:
        """Whether the server has the kind under that ``apiVersion``; only a yes is remembered."""
        until, kinds = self._served.get(api_version, (0.0, {}))
        if time.monotonic() >= until or resource.plural not in kinds:
            kinds = await self._discover(api_version)
            self._served[api_version] = (time.monotonic() + DISCOVERY_CACHE, kinds)
        return kinds.get(resource.plural) == resource.name

    async def _discover(self, api_version: str) -> dict[str, str]:
        """The kinds that the server has under an ``apiVersion``, by plural; empty where it doesn't have that at all."""
        path = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        try:
            found = await self._json("GET", path)
        except ApiError as error:
            if error.status != 404:
                raise
            await self._confirm_absent(api_version)
            return {}
        if found.get("kind") != "APIResourceList":
            raise ApiError(0, "", f"{path} answers with kind {found.get('kind')!r}, not with an APIResourceList")
        return {str(entry["name"]): str(entry["kind"]) for entry in found.get("resources") or ()}

    async def _confirm_absent(self, api_version: str) -> None:
        """Raise ApiError 503 unless the list of all groups agrees that this one isn't there.

        A proxy, or an API server that is still coming up, may answer 404 for anything.
        """
        groups = await self._json("GET", "/apis")
        if groups.get("kind") != "APIGroupList":
            raise ApiError(0, "", f"/apis answers with kind {groups.get('kind')!r}, not with an APIGroupList")
        served = {
            entry["groupVersion"] for group in groups.get("groups") or () for entry in group.get("versions") or ()
        }
        if api_version in served or "/" not in api_version:
            raise ApiError(503, "ServiceUnavailable", f"discovery lists {api_version} but doesn't serve it")
