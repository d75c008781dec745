"""InferenceServices in an API server, each with the Services of its components: what a controller finds when it starts.

All are RawDeployment, and none has a decoder, so that each service is due an Ingress, a Service and a status, and
nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import orjson
from doorward.cluster.kube import KubeCluster
from doorward.model.reference import INFERENCE_SERVICE, SERVICE, Resource

from benchmarks.fleet import fleet

Json = dict[str, Any]
T = TypeVar("T")

CONCURRENCY = 16
NAMESPACE = Resource("Namespace", "namespaces", namespaced=False)
SERVICES = Resource(SERVICE, "services")
INFERENCE_SERVICES = Resource(INFERENCE_SERVICE, "inferenceservices", ("v1beta1",))
INGRESSES = Resource("Ingress.networking.k8s.io", "ingresses")
PARTS = (("engine",), ("engine", "router"))


async def populate(cluster: KubeCluster, count: int, namespace: str = "") -> None:
    """Create ``count`` services, in fifty namespaces, or in this one."""
    documents = [orjson.loads(each) for each in fleet(count, parts=PARTS, modes=("RawDeployment",))]
    if namespace:
        for each in documents:
            each["metadata"]["namespace"] = namespace
    names = sorted({each["metadata"]["namespace"] for each in documents})
    await each_of(names, lambda name: _namespace(cluster, name))
    await each_of(documents, lambda document: _put(cluster, document))


async def each_of(items: Iterable[T], work: Callable[[T], Awaitable[Any]]) -> None:
    """Do something for each item, so many at a time as doorward does."""
    queue = iter(items)

    async def worker() -> None:
        for item in queue:
            await work(item)

    await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))


async def everything(cluster: KubeCluster, resource: Resource) -> list[Json]:
    """Every object of a kind."""
    items, token = [], ""
    while True:
        page = await cluster.list(resource, limit=500, continue_token=token)
        items += page.items
        if not (token := page.continue_token):
            return items


async def _namespace(cluster: KubeCluster, name: str) -> None:
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    await cluster.create(NAMESPACE, "", body)


async def _put(cluster: KubeCluster, obj: Json) -> None:
    metadata = obj["metadata"]
    for key in ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"):
        metadata.pop(key, None)
    status = obj.pop("status")
    if obj["kind"] == "Service":
        for key in ("clusterIP", "clusterIPs"):
            obj["spec"].pop(key)
        await cluster.create(SERVICES, metadata["namespace"], obj)
        return
    await cluster.create(INFERENCE_SERVICES, metadata["namespace"], obj)
    patch = {"status": status}
    await cluster.patch(INFERENCE_SERVICES, metadata["namespace"], metadata["name"], patch, subresource="status")


def in_cluster(kubeconfig: Path, work: Callable[[KubeCluster], Awaitable[T]]) -> T:
    """Run something with a client of this API server."""

    async def run() -> T:
        cluster = KubeCluster.from_kubeconfig(kubeconfig)
        try:
            return await work(cluster)
        finally:
            await cluster.close()

    return asyncio.run(run())
