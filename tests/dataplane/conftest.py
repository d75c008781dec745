"""The data plane of a test run: started once, shared by all, skipped where it can't be had."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest

from tests.controlplane import providers
from tests.dataplane.binaries import Missing, Parts, find
from tests.dataplane.models import INGRESS, Models, models_in
from tests.dataplane.plane import DataPlane, data_plane
from tests.e2e.place import Place, place


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.dataplane)


@pytest.fixture(scope="session")
def parts(request: pytest.FixtureRequest) -> Parts:
    """What the tier runs, built on first use; where it can't be had, a test that asks for it is skipped."""
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def tell(message: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"\n{message}", end="", file=sys.stderr, flush=True)

    try:
        return find(tell)
    except Missing as missing:
        if providers.required():
            pytest.fail(str(missing))
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def plane(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataPlane]:
    """A data plane with gateways of each kind.  A test works in a namespace of its own."""
    with data_plane(parts, tmp_path_factory.mktemp("data-plane")) as plane:
        yield plane


@pytest.fixture(scope="module", name="place")
def _place(plane: DataPlane) -> Iterator[Place]:
    """The place of all files that don't define one of their own."""
    with place(plane.kubeconfig, INGRESS, doorward="overlapSeconds: 3") as made:
        yield made


@pytest.fixture
async def models(plane: DataPlane, place: Place) -> AsyncIterator[Models]:
    """What the test deploys and asks, in the place that its file uses."""
    async with models_in(plane, place) as models:
        yield models
