"""A client of the API server that isn't doorward's: HTTP and JSON, and nothing that it shares with what is tested."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from types import TracebackType
from typing import Any

import aiohttp
import yaml

Json = dict[str, Any]

KINDS = {
    "Namespace": ("/api/v1", "namespaces"),
    "ConfigMap": ("/api/v1", "configmaps"),
    "Service": ("/api/v1", "services"),
    "InferenceService": ("/apis/ome.io/v1beta1", "inferenceservices"),
    "Ingress": ("/apis/networking.k8s.io/v1", "ingresses"),
    "HTTPRoute": ("/apis/gateway.networking.k8s.io/v1", "httproutes"),
    "VirtualService": ("/apis/networking.istio.io/v1", "virtualservices"),
}
MERGE = "application/merge-patch+json"
REST = 0.2
"""Seconds between two attempts while nobody answers."""


class NotDone(Exception):
    """What the server said no to; ``status`` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class Client:
    """An administrator's.  Whoever asks waits until the server answers: it may be away for a while."""

    def __init__(self, kubeconfig: Path) -> None:
        content = yaml.safe_load(kubeconfig.read_text())
        cluster = content["clusters"][0]["cluster"]
        context = ssl.create_default_context(cafile=str(kubeconfig.parent / cluster["certificate-authority"]))
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        self._context = context
        self._server = cluster["server"]
        self._headers = {"Authorization": f"Bearer {content['users'][0]['user']['token']}"}

    async def __aenter__(self) -> Client:
        connector = aiohttp.TCPConnector(ssl=self._context, limit=32)
        timeout = aiohttp.ClientTimeout(total=20)
        self._session = aiohttp.ClientSession(connector=connector, headers=self._headers, timeout=timeout)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._session.close()

    async def ready(self) -> None:
        """Wait until the server says that it is."""
        await self._done("GET", "/readyz", raw=True)

    async def create(self, obj: Json) -> None:
        """Have it there; one that is there already stays."""
        await self._done("POST", self._path(obj["kind"], obj["metadata"].get("namespace", "")), obj, fine=(409,))

    async def patch(self, kind: str, namespace: str, name: str, body: Json, subresource: str = "") -> None:
        """A merge patch; none where there is no such object."""
        path = "/".join(part for part in (self._path(kind, namespace), name, subresource) if part)
        await self._done("PATCH", path, body, fine=(404,), content_type=MERGE)

    async def delete(self, kind: str, namespace: str, name: str) -> None:
        """Have it gone."""
        await self._done("DELETE", f"{self._path(kind, namespace)}/{name}", fine=(404,))

    async def list(self, kind: str, namespace: str = "") -> list[Json]:
        """Every object there is."""
        items: list[Json] = (await self._done("GET", self._path(kind, namespace)))["items"]
        return items

    async def revision(self) -> int:
        """How far everything is by now."""
        answer = await self._done("GET", self._path("Namespace", ""))
        return int(answer["metadata"]["resourceVersion"])

    async def _done(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        fine: tuple[int, ...] = (),
        content_type: str = "application/json",
        raw: bool = False,
    ) -> Json:
        while True:
            try:
                sent = self._session.request(
                    method, self._server + path, json=body, headers={"Content-Type": content_type}
                )
                async with sent as answer:
                    if answer.status < 300 or answer.status in fine:
                        content: Json = {} if raw else await answer.json()
                        return content
                    if answer.status < 500 and answer.status not in (401, 403, 429):
                        raise NotDone(answer.status, await answer.text())
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(REST)

    @staticmethod
    def _path(kind: str, namespace: str) -> str:
        root, plural = KINDS[kind]
        return f"{root}/namespaces/{namespace}/{plural}" if namespace else f"{root}/{plural}"
