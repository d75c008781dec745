"""A shell before the embedded cluster, with short ways to change what is there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from doorward.cluster.embedded import EmbeddedCluster, Request, Store
from doorward.cluster.protocol import ApiError
from doorward.engine import Engine
from doorward.journal import Journal
from doorward.model.reference import JsonObject, Ref, Resource, kind_of
from doorward.runtime.shell import Shell
from tenacity import wait_fixed

from tests.engine.stage import backends, component_service, definitions, inference_service, settings
from tests.patience import PATIENCE

RAW = {"ome.io/deployment-mode": "RawDeployment"}
INGRESS = "Ingress.networking.k8s.io"
SERVICE = "InferenceService.ome.io"


class Running:
    """A cluster, and shells before it, one after the other."""

    def __init__(self, cluster: EmbeddedCluster | None = None) -> None:
        self.store = Store(definitions(), clock=time.time)
        self.cluster = cluster or EmbeddedCluster()
        self.cluster.store = self.store
        self.writes: list[Request] = []
        self.store.faults.before.append(self._note)

    def _note(self, request: Request) -> None:
        if request.verb in ("create", "patch", "delete") and request.field_manager == "doorward":
            self.writes.append(request)

    def shell(self, journal: Journal | None = None, **more: Any) -> Shell:
        ahead = more.pop("ahead", 1 << 30)
        plugins = more.pop("backends", None) or backends()
        engine = Engine(plugins, budget=50, ahead=ahead, stands_by="leadership" in more)
        return Shell(engine, self.cluster, journal, **{"pauses": wait_fixed(0.01), "grace": 0.2, **more})

    def create(self, obj: JsonObject) -> None:
        resource, namespace = self.resource(kind_of(obj)), obj["metadata"].get("namespace", "")
        self.store.create(resource, namespace, obj)
        if obj.get("status"):
            body = {"status": obj["status"]}
            self.store.patch(resource, namespace, obj["metadata"]["name"], body, subresource="status")

    def add(self, *names: str, **more: Any) -> None:
        """InferenceServices whose engines are ready, with their Services."""
        for name in names:
            self.create(component_service(name, "engine"))
            self.create(inference_service(name, annotations=RAW, ready=("engine",), **more))

    def settings(self, ingress: JsonObject | None = None, **keys: str) -> None:
        self.create(settings(ingress, **keys))

    def resource(self, kind: str) -> Resource:
        return backends().resources[kind]

    def get(self, kind: str, name: str) -> JsonObject | None:
        try:
            return self.store.get(self.resource(kind), "a", name)
        except ApiError:
            return None

    def patch(self, kind: str, name: str, body: JsonObject, **more: Any) -> None:
        self.store.patch(self.resource(kind), "a", name, body, **more)

    def delete(self, kind: str, name: str) -> None:
        self.store.delete(self.resource(kind), "a", name)

    def ready(self, *names: str) -> bool:
        """Whether all of these report that their doors stand."""
        for name in names:
            service = self.get(SERVICE, name) or {}
            conditions = service.get("status", {}).get("conditions", [])
            if not any(c["type"] == "IngressReady" and c["status"] == "True" for c in conditions):
                return False
        return True

    def host(self, name: str) -> str:
        """The host of an Ingress; empty where there is none."""
        ingress = self.get(INGRESS, name)
        return ingress["spec"]["rules"][0]["host"] if ingress else ""

    def fail(self, verb: str, error: ApiError, *, times: int = 1, kind: str = "", after: bool = False) -> list[Request]:
        """Answer the next requests like these with an error: before, or after they took effect.  Those that were."""
        answered: list[Request] = []

        def answer(request: Request, *_: object) -> None:
            if request.verb == verb and kind in ("", request.resource.kind) and len(answered) < times:
                answered.append(request)
                raise error

        faults = self.store.faults
        (faults.after if after else faults.before).append(answer)
        return answered


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so that the engine isn't told of."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


class Slow(EmbeddedCluster):
    """An API server whose creations wait for a gate to open."""

    def __init__(self, only: Callable[[Ref], bool] = lambda _: True) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.waiting = 0
        self.most = 0
        self._only = only

    async def create(self, resource: Resource, namespace: str, body: JsonObject, **more: Any) -> JsonObject:
        if self._only(Ref(resource.kind, namespace, body["metadata"]["name"])):
            self.waiting += 1
            self.most = max(self.most, self.waiting)
            try:
                await self.gate.wait()
            finally:
                self.waiting -= 1
        return await super().create(resource, namespace, body, **more)
