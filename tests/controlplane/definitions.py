"""The CustomResourceDefinitions of ``tests/crds``, put into a cluster and waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml
from doorward.cluster.kube import KubeCluster
from doorward.cluster.protocol import ApiError
from doorward.model.reference import JsonObject, Resource

CRDS = Path(__file__).parents[1] / "crds"
DEFINITION = Resource(
    "CustomResourceDefinition.apiextensions.k8s.io", "customresourcedefinitions", ("v1",), namespaced=False
)
ESTABLISH_TIME = 60.0
"""Seconds within which all must be served."""


def default_files() -> list[Path]:
    """All but OME's full schema, which a test may put in the place of the open one."""
    return sorted(path for path in CRDS.rglob("*.yaml") if path.name != "inferenceservices-full.yaml")


def install(kubeconfig: Path, files: Sequence[Path]) -> None:
    """Create them, or replace those that are there (too large for an apply), and return once all are served.

    To be called outside an event loop or within one.
    """
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, install_definitions(kubeconfig, files)).result()


async def install_definitions(kubeconfig: Path, files: Sequence[Path]) -> None:
    """The same, for callers that are in an event loop."""
    definitions = [definition for path in files for definition in _load(path)]
    cluster = KubeCluster.from_kubeconfig(kubeconfig, timeout=60)
    try:
        async with asyncio.timeout(ESTABLISH_TIME):
            await asyncio.gather(*(_put(cluster, definition) for definition in definitions))
            await asyncio.gather(*(_served(cluster, definition) for definition in definitions))
    finally:
        await cluster.close()


def _load(path: Path) -> list[JsonObject]:
    documents = yaml.load_all(path.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return [document for document in documents if document]


async def _put(cluster: KubeCluster, definition: JsonObject) -> None:
    name = definition["metadata"]["name"]
    try:
        await cluster.create(DEFINITION, "", definition)
    except ApiError as error:
        if error.reason != "AlreadyExists":
            raise
        there = await cluster.get(DEFINITION, "", name)
        metadata = {**definition["metadata"], "resourceVersion": there["metadata"]["resourceVersion"]}
        await cluster.replace(DEFINITION, "", name, {**definition, "metadata": metadata})


async def _served(cluster: KubeCluster, definition: JsonObject) -> None:
    spec = definition["spec"]
    kind, plural = f"{spec['names']['kind']}.{spec['group']}", spec["names"]["plural"]
    versions = [version["name"] for version in spec["versions"] if version["served"]]
    for version in versions:
        resource = Resource(kind, plural, (version,), namespaced=spec["scope"] == "Namespaced")
        while not await _answers(cluster, resource):  # noqa: ASYNC110 - there is no event for "in discovery"
            await asyncio.sleep(0.05)


async def _answers(cluster: KubeCluster, resource: Resource) -> bool:
    """Established, in discovery, and listable; these come one after the other."""
    try:
        return await cluster.served(resource) is not None and await cluster.list(resource, limit=1) is not None
    except ApiError as error:
        if error.status in {404, 429, 503}:
            return False
        raise
