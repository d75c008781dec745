"""Who deploys models, and what runs them: component Services with pods, and Knative's routes to its revisions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Any

from doorward.cluster.kube import KubeCluster
from doorward.model.reference import JsonObject, Resource

from tests.dataplane.plane import DataPlane, put
from tests.dataplane.requests import Answer, Client
from tests.e2e.place import Place, place
from tests.e2e.view import View
from tests.e2e.world import SEEN, World, component_service, resources
from tests.patience import PATIENCE

LOCAL_GATEWAY_SERVICE = "knative-local-gateway.istio-system.svc.cluster.local"
ENDPOINT_SLICE = Resource("EndpointSlice.discovery.k8s.io", "endpointslices", ("v1",))
SERVICE = Resource("Service", "services")


class Models(World):
    """A world whose services have pods that answer, and a client that asks them through the doors."""

    plane: DataPlane
    client: Client

    async def add(self, name: str, annotations: dict[str, str] | None = None, **more: Any) -> JsonObject:
        """The same with pods; ``knative`` and ``port`` as :meth:`deploy` takes them."""
        how = {key: more.pop(key) for key in ("knative", "port") if key in more}
        await self.deploy(name, *more.get("components", ()), **how)
        return await super().add(name, annotations, deployed=True, **more)

    async def deploy(self, name: str, *components: str, knative: bool = False, port: JsonObject | None = None) -> None:
        """The components' Services and a pod for each; reached through Knative's local gateway too.

        ``knative``: the Services are as Knative makes them, names of its local gateway.  ``port``: in place of port 80,
        named ``http``, to 8080.
        """
        for component in components or ("engine",):
            service = component_service(name, component)
            if port:
                service["spec"]["ports"] = [port]
            if knative:
                service["spec"] = {"type": "ExternalName", "externalName": LOCAL_GATEWAY_SERVICE}
            await self.create(service)
            await put(self.cluster, self._pod(name, component))
            if not self.plane.proxy.knative:
                continue
            revision = component_service(name, component)
            # Those labels would make it a component's Service, as they don't in Knative.
            revision["metadata"] = {"name": f"{name}-{component}-00001"}
            revision["spec"]["ports"] = [port or {"name": "http", "port": 80, "targetPort": 8012}]
            await self.create(revision)
            await put(self.cluster, self._knative_route(f"{name}-{component}"))

    def _pod(self, name: str, component: str) -> JsonObject:
        metadata = {
            "name": f"{name}-{component}-0",
            "namespace": self.namespace,
            "labels": {"ome.io/inferenceservice": name, "component": component},
        }
        address = self.plane.address_for(f"{self.namespace}/{name}-{component}")
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": metadata,
            "spec": {
                "nodeName": "node",
                "automountServiceAccountToken": False,
                "containers": [{"name": "model", "image": "model"}],
            },
            "status": {
                "phase": "Running",
                "podIP": address,
                "podIPs": [{"ip": address}],
                "conditions": [{"type": "Ready", "status": "True"}],
            },
        }

    def _knative_route(self, service: str) -> JsonObject:
        """As net-istio makes one for a Knative Service that is visible inside the cluster alone.

        Source: knative-extensions/net-istio, pkg/reconciler/ingress/resources/virtual_service.go.
        """
        hosts = [f"{service}.{self.namespace}{form}" for form in ("", ".svc", ".svc.cluster.local")]
        destination = {"host": f"{service}-00001.{self.namespace}.svc.cluster.local", "port": {"number": 80}}
        gateway = "knative-serving/knative-local-gateway"
        match = [{"authority": {"prefix": hosts[0]}, "gateways": [gateway]}]
        rule = {"match": match, "route": [{"destination": destination, "weight": 100}]}
        return {
            "apiVersion": "networking.istio.io/v1",
            "kind": "VirtualService",
            "metadata": {"name": f"{service}-ingress", "namespace": self.namespace},
            "spec": {"gateways": [gateway], "hosts": hosts, "http": [rule]},
        }

    def reached(self, answer: Answer) -> str:
        """The component Service whose pod answered, or the status where none did."""
        if answer.status != 200:
            return str(answer.status)
        return self.plane.pods[answer.body["address"]].removeprefix(f"{self.namespace}/")

    def pods_of(self, name: str, component: str) -> list[str]:
        """The addresses of a component's pods."""
        service = f"{self.namespace}/{name}-{component}"
        return [address for address, its in self.plane.pods.items() if its == service]

    async def inside(self, host: str, *paths: str, headers: dict[str, str] | None = None) -> list[Answer]:
        """What a pod without a sidecar gets from a Service's name, for each path."""
        service = host.partition(":")[0].removesuffix(".cluster.local").removesuffix(".svc")
        name, _, namespace = service.partition(".")
        address, port = await self._endpoint(namespace, name)
        return [await self.client.ask(host, path, port=port, address=address, headers=headers) for path in paths]

    async def known_inside(self, host: str, path: str) -> None:
        """Wait until a Service's name is answered: proxies hear of a door later than its object stands."""
        async with asyncio.timeout(PATIENCE):
            while (await self.inside(host, path))[0].status != 200:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def _endpoint(self, namespace: str, name: str) -> tuple[str, int]:
        """Where DNS and a node's rules lead to: from an external name to its Service, from a Service to its pod."""
        service = await self.cluster.get(SERVICE, namespace, name)
        if service["spec"].get("type") == "ExternalName":
            name, namespace = service["spec"]["externalName"].split(".")[:2]
        page = await self.cluster.list(ENDPOINT_SLICE, namespace)
        for each in page.items:
            mine = each["metadata"]["labels"]["kubernetes.io/service-name"] == name
            for endpoint in (each.get("endpoints") or ()) if mine else ():
                if endpoint["conditions"].get("ready"):
                    return endpoint["addresses"][0], each["ports"][0]["port"]
        raise AssertionError(f"Service {namespace}/{name} has no endpoint")


def place_in(
    plane: DataPlane, ingress: JsonObject, *, serve: bool = True, doorward: str = ""
) -> AbstractContextManager[Place]:
    """A place in a data plane, where doorward sees the Gateways that it needs; settings by their keys."""
    return place(plane.kubeconfig, ingress, *plane.proxy.arguments, serve=serve, doorward=doorward)


@asynccontextmanager
async def models_in(plane: DataPlane, place: Place) -> AsyncIterator[Models]:
    """The models of a place, whose namespaces exist."""
    cluster = KubeCluster.from_kubeconfig(plane.kubeconfig)
    try:
        seen = [resources()[kind] for kind in SEEN]
        async with View(cluster, place.namespaces, seen) as view, Client(plane.network) as client:
            models = Models(cluster, place.namespaces, view, place.daemon)
            models.plane, models.client = plane, client
            yield models
    finally:
        await cluster.close()
