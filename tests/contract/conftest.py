"""One suite, two clusters: whatever it says holds for the embedded cluster and for a real API server alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from secrets import token_hex

import pytest
import yaml
from doorward.cluster.embedded import EmbeddedCluster, Store
from doorward.cluster.kube import KubeCluster
from doorward.cluster.protocol import ApiError, Cluster
from doorward.model.reference import JsonObject, Resource

from tests.patience import PATIENCE

CRDS = Path(__file__).parents[1] / "crds"
DEFINITION = Resource(
    "CustomResourceDefinition.apiextensions.k8s.io", "customresourcedefinitions", ("v1",), namespaced=False
)
NAMESPACE = Resource("Namespace", "namespaces", namespaced=False)
NEEDED = ("gateway-api/httproutes", "istio/virtualservices", "ome/inferenceservices-open")


@cache
def _definition(path: str) -> JsonObject:
    loaded: JsonObject = yaml.load((CRDS / f"{path}.yaml").read_text(), yaml.CSafeLoader)
    return loaded


Condition = Callable[[], Awaitable[bool]]
Until = Callable[[Condition], Awaitable[None]]


@pytest.fixture
def until() -> Until:
    """Wait for something that a real cluster does in its own time; the embedded one has done it already."""

    async def wait(condition: Condition) -> None:
        async with asyncio.timeout(PATIENCE):
            while not await condition():  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    return wait


@pytest.fixture(params=["embedded", pytest.param("real", marks=pytest.mark.cluster)])
def kubeconfig(request: pytest.FixtureRequest) -> Path | None:
    """Where the cluster of this run is: None for the embedded one."""
    if request.param == "embedded":
        return None
    path: Path = request.getfixturevalue("api_server").kubeconfig
    return path


@pytest.fixture
async def cluster(kubeconfig: Path | None, until: Until) -> AsyncIterator[Cluster]:
    """A cluster with the kinds that the tests use; the real one is shared by all of them."""
    made: Cluster
    if kubeconfig is None:
        store = Store([_definition(path) for path in NEEDED], strict_namespaces=True)
        made = EmbeddedCluster(store, bookmark_every=5)
    else:
        made = KubeCluster.from_kubeconfig(kubeconfig)
    for path in NEEDED:
        await _install(made, _definition(path), until)
    yield made
    await made.close()


async def _install(cluster: Cluster, definition: JsonObject, until: Until) -> None:
    spec = definition["spec"]
    kind = Resource(f"{spec['names']['kind']}.{spec['group']}", spec["names"]["plural"], (spec["versions"][0]["name"],))
    if await cluster.served(kind) is None:
        try:
            await cluster.create(DEFINITION, "", definition)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise

        async def listed() -> bool:
            try:
                await cluster.list(kind)
            except ApiError as error:
                if error.status in (404, 429, 503):  # not there yet, or its storage is being made ready
                    return False
                raise
            return await cluster.served(kind) is not None

        await until(listed)


@pytest.fixture
async def namespace(cluster: Cluster) -> AsyncIterator[str]:
    """A namespace of the test's own."""
    name = f"contract-{token_hex(4)}"
    await cluster.create(NAMESPACE, "", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    try:
        await cluster.delete(NAMESPACE, "", name)
    except ApiError as error:
        if error.status != 404:
            raise


@pytest.fixture
def refused() -> Callable[..., AbstractContextManager[None]]:
    """``with refused(409, "Conflict", "words of the message"):`` what is done inside must be refused so."""

    @contextmanager
    def expecting(status: int, reason: str | None = None, words: str = "") -> Iterator[None]:
        with pytest.raises(ApiError) as caught:
            yield
        error = caught.value
        assert (error.status, error.reason if reason is not None else None) == (status, reason), error.message
        assert words in error.message

    return expecting
