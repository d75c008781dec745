"""End to end: the daemon as a process before a real API server.

Everyone else is played by the tests (:mod:`tests.e2e.world`): nobody deploys models, accepts routes or gives addresses.
kube-controller-manager is real, and collects by owner references.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest

from tests.controlplane import providers
from tests.controlplane.definitions import CRDS
from tests.controlplane.providers import ApiServer
from tests.e2e.doors import INGRESS
from tests.e2e.place import Place, place
from tests.e2e.world import World, world_of

CLOSED = ("ome/inferenceservices-full", "istio/virtualservices", "gateway-api/httproutes")


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.cluster)


@pytest.fixture(scope="session")
def closed_api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A server of its own where InferenceServices have OME's full schema, which drops what it doesn't know."""
    start = providers.find(print, own=True)
    if start is None:
        if providers.required():
            pytest.fail(providers.HOW)
        pytest.skip(providers.HOW)
    with start(tmp_path_factory.mktemp("closed-api-server"), [CRDS / f"{path}.yaml" for path in CLOSED]) as server:
        yield server


@pytest.fixture(scope="session", name="place")
def _place(api_server: ApiServer) -> Iterator[Place]:
    """The place of all files that don't define one of their own: every kind of door, and overlaps of a second."""
    with place(api_server.kubeconfig, INGRESS, doorward="overlapSeconds: 1") as made:
        yield made


@pytest.fixture
async def world(place: Place) -> AsyncIterator[World]:
    """What the test sees, and how it acts, in the place that its file uses."""
    async with world_of(place.kubeconfig, place.namespaces, place.daemon) as world:
        yield world
