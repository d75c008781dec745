"""A real API server in the place of the simulator's store: the same calls, over the wire, one at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

from doorward.cluster.embedded.store import Changes
from doorward.cluster.kube import KubeCluster
from doorward.cluster.protocol import ApiError, Page
from doorward.model.reference import INFERENCE_SERVICE, JsonObject, Resource
from doorward.testing.simulator.poison import backends

from tests.patience import PATIENCE

T = TypeVar("T")


class Standing:
    """An object as it stands, in the shape in which the store tells it."""

    def __init__(self, obj: JsonObject) -> None:
        self.object = obj


class Remote:
    """What the world and the processes of a simulation ask of a store.

    There are no watches: a kind is listed anew when something was written since it was listed last.
    """

    def __init__(self, kubeconfig: Path) -> None:
        self._loop = asyncio.new_event_loop()
        Thread(target=self._loop.run_forever, daemon=True).start()
        self._cluster = self._wait(self._made(kubeconfig))
        self._writes = 1
        self._listed: dict[tuple[str, str], int] = {}

    async def _made(self, kubeconfig: Path) -> KubeCluster:
        return KubeCluster.from_kubeconfig(kubeconfig)

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    @property
    def resource_version(self) -> str:
        return str(self._writes)

    def served(self, resource: Resource) -> str | None:
        return self._wait(self._cluster.served(resource))

    def serves(self, kind: str) -> bool:
        return kind in backends().resources

    def list(self, resource: Resource, namespace: str = "", **_: Any) -> Page:
        self._listed[resource.kind, namespace] = self._writes
        return self._wait(self._cluster.list(resource, namespace))

    def events_since(self, resource: Resource, namespace: str = "", resource_version: str = "") -> Changes:
        if self._writes > self._listed.get((resource.kind, namespace), 0):
            raise ApiError(410, "Expired", "list it anew")
        return Changes(events=[], resource_version=resource_version)

    def get(self, resource: Resource, namespace: str, name: str, **more: Any) -> JsonObject:
        return self._wait(self._cluster.get(resource, namespace, name, **more))

    def create(self, resource: Resource, namespace: str, body: JsonObject, **more: Any) -> JsonObject:
        self._writes += 1
        return self._wait(self._cluster.create(resource, namespace, body, **more))

    def replace(self, resource: Resource, namespace: str, name: str, body: JsonObject, **more: Any) -> JsonObject:
        self._writes += 1
        return self._wait(self._cluster.replace(resource, namespace, name, body, **more))

    def patch(self, resource: Resource, namespace: str, name: str, body: JsonObject, **more: Any) -> JsonObject:
        self._writes += 1
        return self._wait(self._cluster.patch(resource, namespace, name, body, **more))

    def delete(self, resource: Resource, namespace: str, name: str, **more: Any) -> JsonObject | None:
        self._writes += 1
        return self._wait(self._cluster.delete(resource, namespace, name, **more))

    def entry(self, kind: str, key: tuple[str, str]) -> Standing | None:
        try:
            return Standing(self.get(backends().resources[kind], *key))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def entries(self, kind: str) -> dict[tuple[str, str], Standing]:
        found = self._wait(self._cluster.list(backends().resources[kind])).items
        return {(o["metadata"].get("namespace", ""), o["metadata"]["name"]): Standing(_whole(kind, o)) for o in found}

    def collect(self) -> None:
        """Wait until the garbage collector is done."""
        end = time.monotonic() + PATIENCE
        while gone := self._orphans():
            assert time.monotonic() < end, f"the garbage collector leaves {gone}"
            self._writes += 1
            time.sleep(0.1)

    def _orphans(self) -> list[str]:
        alive = {entry.object["metadata"]["uid"] for entry in self.entries(INFERENCE_SERVICE).values()}
        return [
            f"{kind} {key}"
            for kind in ("Service", "VirtualService.networking.istio.io", "Ingress.networking.k8s.io")
            for key, entry in self.entries(kind).items()
            for owner in entry.object["metadata"].get("ownerReferences", ())
            if owner["kind"] == "InferenceService" and owner["uid"] not in alive
        ]


def _whole(kind: str, obj: JsonObject) -> JsonObject:
    """Items of a list may come without their kind."""
    resource = backends().resources[kind]
    return {"apiVersion": resource.api_version(), "kind": resource.name, **obj}
