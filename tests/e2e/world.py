"""Namespaces on a real API server, and everyone but doorward who acts there: users, OME, gateways, clouds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from functools import cache, partial
from pathlib import Path
from secrets import token_hex
from typing import Any

import orjson
from doorward.backends import Backends
from doorward.cluster.kube import KubeCluster
from doorward.cluster.protocol import ApiError
from doorward.model.reference import JsonObject, Resource, kind_of

from tests.cases.evaluate import route
from tests.e2e.daemon import Daemon
from tests.e2e.view import View
from tests.patience import PATIENCE

NAMESPACE = Resource("Namespace", "namespaces", namespaced=False)
SINCE = "2026-01-01T00:00:00Z"
ROUTES = ("VirtualService", "Ingress", "HTTPRoute", "Service")
SEEN = ("InferenceService", *ROUTES, "ConfigMap", "Event")
OWNER = "doorward.io/owner"
TITLES = {"engine": "EngineReady", "router": "RouterReady", "decoder": "DecoderReady"}


@cache
def resources() -> dict[str, Resource]:
    """The kinds that doorward reads or writes, by name; Knative's Services left out."""
    return {r.name: r for r in Backends().resources.values() if not r.kind.endswith(".knative.dev")}


Answer = Callable[[JsonObject], JsonObject | None]
"""The status that an object should have; None where there is nothing to write."""


def condition(type_: str, status: str = "True", **more: Any) -> JsonObject:
    return {"type": type_, "status": status, "lastTransitionTime": SINCE, **more}


def answer_to(obj: JsonObject) -> JsonObject | None:
    """What a gateway or a cloud would write as the status of an object; None where there is nothing to write."""
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    if obj["kind"] == "HTTPRoute" and not accepted(obj):
        generation = obj["metadata"]["generation"]
        conditions = [
            condition(type_, reason=type_, message="", observedGeneration=generation)
            for type_ in ("Accepted", "ResolvedRefs")
        ]
        parents = [
            {"parentRef": parent, "controllerName": "example.com/gateway", "conditions": conditions}
            for parent in spec["parentRefs"]
        ]
        return {"parents": parents}
    balanced = obj["kind"] == "Service" and spec.get("type") == "LoadBalancer"
    if balanced and not (status.get("loadBalancer") or {}).get("ingress"):
        return {"loadBalancer": {"ingress": [{"hostname": f"{obj['metadata']['name']}.lb.test"}]}}
    return None


def accepted(route: JsonObject) -> bool:
    """Whether every parent accepted the HTTPRoute as it is now."""
    parents = (route.get("status") or {}).get("parents") or ()
    generation = route["metadata"]["generation"]
    fresh = [all(c["observedGeneration"] == generation for c in parent["conditions"]) for parent in parents]
    return len(fresh) == len(route["spec"]["parentRefs"]) and all(fresh)


class World:
    """One test's view of its namespaces, and short ways to act there; the first namespace holds the settings."""

    def __init__(self, cluster: KubeCluster, namespaces: Sequence[str], view: View, daemon: Daemon | None) -> None:
        self.cluster = cluster
        self.namespaces = list(namespaces)
        self.namespace = self.namespaces[-1]
        self.view = view
        self.daemon = daemon
        self.reported = "IngressReady"
        """The condition by which doorward tells how a door stands."""
        self.tasks: list[asyncio.Task[None]] = []
        view.explain = lambda: self.daemon.tail() if self.daemon else ""

    # -- users ---------------------------------------------------------------------------------------------------

    async def create(self, obj: JsonObject) -> JsonObject:
        """Create, with its status; in the world's namespace where the object names none."""
        metadata = {"namespace": self.namespace, **obj["metadata"]}
        obj = {**obj, "metadata": {k: v for k, v in metadata.items() if k not in ("uid", "creationTimestamp")}}
        resource, namespace = self.resource(obj), metadata["namespace"]
        made = await self.cluster.create(resource, namespace, obj, field_manager="test")
        if obj.get("status"):
            body = {"status": obj["status"]}
            made = await self.cluster.patch(resource, namespace, metadata["name"], body, subresource="status")
        return made

    async def patch(self, kind: str, name: str, body: JsonObject, **more: Any) -> JsonObject:
        namespace = more.pop("namespace", self.namespace)
        return await self.cluster.patch(resources()[kind], namespace, name, body, **{"field_manager": "test", **more})

    async def annotate(self, name: str, annotations: dict[str, str | None]) -> None:
        await self.patch("InferenceService", name, {"metadata": {"annotations": annotations}})

    async def delete(self, kind: str, name: str, namespace: str | None = None) -> None:
        await self.cluster.delete(resources()[kind], namespace or self.namespace, name)

    async def configure(self, ingress: JsonObject | None = None, **keys: str) -> None:
        """Write the settings anew."""
        body = settings(self.namespaces[0], ingress, **keys)
        try:
            await self.create(body)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
            name = "inferenceservice-config"
            there = await self.cluster.get(resources()["ConfigMap"], self.namespaces[0], name)
            gone = dict.fromkeys(there.get("data") or ())
            await self.patch(
                "ConfigMap", name, {"data": {**gone, **body.get("data", {})}}, namespace=self.namespaces[0]
            )

    # -- OME -----------------------------------------------------------------------------------------------------

    async def deploy(self, name: str, *components: str) -> None:
        """The Services of these components."""
        for component in components or ("engine",):
            await self.create(component_service(name, component))

    async def ready(self, name: str, *components: str, status: str = "True") -> None:
        """The conditions of these components; all others stay as they are."""
        types = {TITLES[component] for component in components or ("engine",)}
        while True:
            there = await self.cluster.get(resources()["InferenceService"], self.namespace, name)
            others = [c for c in (there.get("status") or {}).get("conditions") or () if c["type"] not in types]
            conditions = [*others, *(condition(type_, status) for type_ in sorted(types))]
            version = there["metadata"]["resourceVersion"]
            body = {"metadata": {"resourceVersion": version}, "status": {"conditions": conditions}}
            try:
                await self.patch("InferenceService", name, body, subresource="status")
                return
            except ApiError as error:
                if error.reason != "Conflict":
                    raise

    async def add(self, name: str, annotations: dict[str, str] | None = None, **more: Any) -> JsonObject:
        """A service whose components (an engine) are deployed and ready."""
        components = more.pop("components", ("engine",))
        if not more.pop("deployed", False):
            await self.deploy(name, *components)
        spec = more.pop("spec", {component: {"minReplicas": 1} for component in components})
        ready = {"conditions": [condition(TITLES[component]) for component in components]}
        status = more.pop("status", ready)
        metadata = {"name": name, "annotations": annotations or {}, **more}
        return await self.create(
            {
                "apiVersion": "ome.io/v1beta1",
                "kind": "InferenceService",
                "metadata": metadata,
                "spec": spec,
                "status": status,
            }
        )

    # -- gateways and clouds -------------------------------------------------------------------------------------

    def answer(self, *, everybodys: bool = False, answer_to: Answer = answer_to) -> None:
        """From now on accept HTTPRoutes and give load balancers addresses: doorward's alone, or everybody's."""

        def answer(obj: JsonObject) -> None:
            mine = OWNER in (obj["metadata"].get("annotations") or {})
            if (mine or everybodys) and (status := answer_to(obj)):
                self.spawn(self.write_status(obj, status))

        self.view.on_change.append(answer)
        for obj in self.view.objects():
            answer(obj)

    async def answered(self) -> None:
        """Wait until gateways and clouds have said all that there is to say of what doorward made."""

        def waits(obj: JsonObject) -> bool:
            return OWNER in (obj["metadata"].get("annotations") or {}) and answer_to(obj) is not None

        await self.view.catch_up()
        await self.view.until(lambda: not any(map(waits, self.view.objects())), what="not all is answered")

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside the test; at the test's end it must be done, and done well."""
        self.tasks.append(asyncio.create_task(work))

    async def write_status(self, obj: JsonObject, status: JsonObject) -> None:
        metadata = obj["metadata"]
        try:
            await self.patch(
                obj["kind"], metadata["name"], {"status": status}, subresource="status", namespace=metadata["namespace"]
            )
        except ApiError as error:
            if error.status not in (404, 409):
                raise

    # -- what is seen --------------------------------------------------------------------------------------------

    def resource(self, obj: JsonObject) -> Resource:
        known = resources()[obj["kind"]]
        assert known.kind == kind_of(obj)
        return known

    def condition(self, name: str, type_: str = "") -> JsonObject:
        conditions = self.status(name).get("conditions") or ()
        return next((c for c in conditions if c["type"] == (type_ or self.reported)), {})

    def status(self, name: str) -> JsonObject:
        status: JsonObject = (self.view.get("InferenceService", name) or {}).get("status") or {}
        return status

    def ours(self, name: str | None = None) -> list[str]:
        """``Kind/name`` of the objects that doorward made, for all services or for one."""
        found = []
        for obj in self.view.objects():
            metadata = obj["metadata"]
            mine = name in (None, (metadata.get("labels") or {}).get("ome.io/inferenceservice"))
            if mine and OWNER in (metadata.get("annotations") or {}):
                found.append(f"{obj['kind']}/{metadata['name']}")
        return sorted(found)

    def events(self) -> list[JsonObject]:
        """doorward's Events; the controllers of Kubernetes have some of their own."""
        return [e for e in self.view.objects("Event") if (e.get("source") or {}).get("component") == "doorward"]

    def told(self, about: str) -> list[str]:
        """The reasons of doorward's Events about an object of this name."""
        return [e["reason"] for e in self.events() if e["involvedObject"]["name"] == about]

    def reaches(self, url: str, *, inside: bool = False) -> str:
        """The component Service that a request gets to; empty where nobody takes it."""
        return reaches(self.view.objects(), url, inside=inside)

    async def versions(self) -> dict[str, str]:
        """The resourceVersion of everything but Events, once nobody whom the test plays is writing."""
        await asyncio.gather(*self.tasks)
        return await self.view.versions()

    async def stands(self, *names: str, within: float = PATIENCE) -> None:
        """Wait until the doors of these services are reported ready."""
        for name in names:
            await self.view.until(partial(self._open, name), within, f"{name} has no door")
        await self.view.catch_up()

    def _open(self, name: str) -> bool:
        return self.condition(name).get("status") == "True"

    async def reports(self, name: str, reason: str, type_: str = "", within: float = PATIENCE) -> JsonObject:
        """Wait until a service's condition gives this reason; the condition."""
        told = await self.view.until(
            lambda: (c := self.condition(name, type_)).get("reason") == reason and c, within, f"{name}: no {reason}"
        )
        assert isinstance(told, dict)
        await self.view.catch_up()
        return told

    async def barrier(self) -> None:
        """Wait until the daemon has gone through all that happened before: it refuses a service, and once more."""
        name = f"barrier-{token_hex(3)}"
        metadata = {"name": name, "annotations": {"ome.io/deployment-mode": "Barrier"}}
        body = {"apiVersion": "ome.io/v1beta1", "kind": "InferenceService", "metadata": metadata}
        await self.create({**body, "spec": {"engine": {}}})
        await self.reports(name, "InvalidDeploymentMode")
        await self.annotate(name, {"ome.io/deployment-mode": None, "doorward.io/backend": "barrier"})
        await self.reports(name, "UnknownBackend")
        await self.delete("InferenceService", name)
        await self.view.until(lambda: not self.view.get("InferenceService", name))


@asynccontextmanager
async def world_of(
    kubeconfig: Path, namespaces: Sequence[str], daemon: Daemon | None = None, *, without: Sequence[str] = ()
) -> AsyncIterator[World]:
    """A world of namespaces that exist already; ``without`` names kinds that the server doesn't have."""
    cluster = KubeCluster.from_kubeconfig(kubeconfig)
    seen = [resources()[kind] for kind in SEEN if kind not in without]
    try:
        async with View(cluster, namespaces, seen) as view:
            world = World(cluster, namespaces, view, daemon)
            yield world
            await asyncio.gather(*world.tasks)
    finally:
        await cluster.close()


async def make_namespaces(kubeconfig: Path, *names: str) -> None:
    """Create those of these namespaces that aren't there."""
    cluster = KubeCluster.from_kubeconfig(kubeconfig)
    try:
        for name in names:
            try:
                await cluster.create(
                    NAMESPACE, "", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
                )
            except ApiError as error:
                if error.reason != "AlreadyExists":
                    raise
    finally:
        await cluster.close()


async def remove_namespaces(kubeconfig: Path, *names: str) -> None:
    """Have them deleted; nobody waits for it."""
    cluster = KubeCluster.from_kubeconfig(kubeconfig)
    try:
        for name in names:
            try:
                await cluster.delete(NAMESPACE, "", name)
            except ApiError as error:
                if error.status not in (404, 409):
                    raise
    finally:
        await cluster.close()


def settings(namespace: str, ingress: JsonObject | None = None, **keys: str) -> JsonObject:
    """The ConfigMap; ``keys`` are further keys of its data, as they are."""
    data = {**({"ingress": orjson.dumps(ingress).decode()} if ingress is not None else {}), **keys}
    metadata = {"name": "inferenceservice-config", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def component_service(name: str, component: str) -> JsonObject:
    labels = {"ome.io/inferenceservice": name, "component": component}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": f"{name}-{component}", "labels": labels},
        "spec": {"selector": labels, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
    }


def reaches(standing: Sequence[JsonObject], url: str, *, inside: bool = False) -> str:
    """The component Service that a request gets to by what stands; a route that isn't accepted takes nothing."""
    routes = [o for o in standing if o["kind"] in ROUTES and (o["kind"] != "HTTPRoute" or accepted(o))]
    hit = route(routes, url, inside=inside)
    return str(hit[0]) if hit else ""
