"""The watcher and the real client together, against a real API server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_hex

import pytest
import yaml
from doorward.cluster.kube import KubeCluster
from doorward.model.event import AnyEvent, Deleted, Observed, Synced
from doorward.model.reference import CONFIG_MAP, JsonObject, Resource
from doorward.runtime.watcher import watch_kind
from tenacity import wait_fixed

from tests.controlplane.definitions import DEFINITION
from tests.controlplane.providers import ApiServer
from tests.patience import PATIENCE

pytestmark = pytest.mark.cluster

NAMESPACES = Resource("Namespace", "namespaces", namespaced=False)
ROLE = Resource("Role.rbac.authorization.k8s.io", "roles")
BINDING = Resource("RoleBinding.rbac.authorization.k8s.io", "rolebindings")


@pytest.fixture
async def cluster(api_server: ApiServer) -> AsyncIterator[KubeCluster]:
    made = KubeCluster.from_kubeconfig(api_server.kubeconfig)
    yield made
    await made.close()


@pytest.fixture
async def namespace(cluster: KubeCluster) -> AsyncIterator[str]:
    name = f"watcher-{token_hex(4)}"
    await cluster.create(NAMESPACES, "", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    await cluster.delete(NAMESPACES, "", name)


class Told(asyncio.Queue[AnyEvent]):
    async def of(self, *wanted: str) -> None:
        """Wait for events in this order, in short; others may come between."""
        async with asyncio.timeout(PATIENCE):
            for each in wanted:
                while short(await self.get()) != each:
                    pass


def short(event: AnyEvent) -> str:
    if isinstance(event, Observed):
        return f"seen {event.object['metadata']['name']}"
    if isinstance(event, Deleted):
        return "deleted " + event.ref.name
    assert isinstance(event, Synced)
    return event.state


@asynccontextmanager
async def watching(cluster: KubeCluster, resource: Resource, namespace: str) -> AsyncIterator[Told]:
    told = Told()
    task = asyncio.create_task(
        watch_kind(cluster, resource, namespace, clock=lambda: 0.0, emit=told.put, pauses=wait_fixed(0.1))
    )
    yield told
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_definition_that_comes_and_goes_is_followed(cluster: KubeCluster, namespace: str) -> None:
    group = f"g{token_hex(4)}.example.com"
    things = Resource(f"Thing.{group}", "things")
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    definition: JsonObject = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"things.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": "Thing", "plural": "things"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }
    async with watching(cluster, things, namespace) as told:
        await told.of("absent")
        await cluster.create(DEFINITION, "", definition)
        await told.of("listed")
        thing: JsonObject = {"apiVersion": f"{group}/v1", "kind": "Thing", "metadata": {"name": "a"}}
        await cluster.create(things, namespace, thing)
        await told.of("seen a")
        await cluster.patch(things, namespace, "a", {"metadata": {"labels": {"a": "b"}}})
        await told.of("seen a")
        await cluster.delete(things, namespace, "a")
        await told.of("deleted a")
        await cluster.delete(DEFINITION, "", f"things.{group}")
        await told.of("absent")


async def test_a_grant_that_comes_later_is_noticed(
    cluster: KubeCluster, namespace: str, api_server: ApiServer, tmp_path: Path
) -> None:
    config = yaml.safe_load(api_server.kubeconfig.read_text())
    config["users"][0]["user"]["as"] = "eve"
    entry = config["clusters"][0]["cluster"]
    if "certificate-authority" in entry:
        entry["certificate-authority"] = str(api_server.kubeconfig.parent / entry["certificate-authority"])
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    eve = KubeCluster.from_kubeconfig(tmp_path / "config")
    maps = Resource(CONFIG_MAP, "configmaps")
    api = "rbac.authorization.k8s.io"
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list", "watch"]}]
    role: JsonObject = {"apiVersion": f"{api}/v1", "kind": "Role", "metadata": {"name": "r"}, "rules": rules}
    binding: JsonObject = {
        "apiVersion": f"{api}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "r"},
        "roleRef": {"apiGroup": api, "kind": "Role", "name": "r"},
        "subjects": [{"apiGroup": api, "kind": "User", "name": "eve"}],
    }
    try:
        async with watching(eve, maps, namespace) as told:
            await told.of("forbidden")
            await cluster.create(ROLE, namespace, role)
            await cluster.create(BINDING, namespace, binding)
            await told.of("listed")
            data: JsonObject = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
            await cluster.create(maps, namespace, data)
            await told.of("seen a")
    finally:
        await eve.close()
