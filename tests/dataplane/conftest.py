"""The data plane of a test run: started once, shared by all, skipped where it can't be had."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from tests.controlplane import providers
from tests.dataplane.binaries import Missing, Parts, find
from tests.dataplane.models import Models, models_in, place_in
from tests.dataplane.plane import DataPlane, data_plane
from tests.dataplane.ways import PROXIES, WAYS
from tests.e2e.place import Place


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


Planes = Callable[[str], DataPlane]
Places = Callable[[str], Place]


@pytest.fixture(scope="session")
def planes(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planes]:
    """The data plane of each proxy, started when it is first asked for.  A test works in a namespace of its own."""
    with ExitStack() as started:

        @cache
        def plane(proxy: str) -> DataPlane:
            return started.enter_context(data_plane(parts, tmp_path_factory.mktemp(proxy), PROXIES[proxy]))

        yield plane


@pytest.fixture(scope="module", name="places")
def _places(planes: Planes) -> Iterator[Places]:
    """A place by proxy, of all files that don't define their own."""
    with ExitStack() as made:

        @cache
        def in_plane(proxy: str) -> Place:
            return made.enter_context(place_in(planes(proxy), PROXIES[proxy].ingress, doorward="overlapSeconds: 3"))

        yield in_plane


@pytest.fixture
def proxy(request: pytest.FixtureRequest) -> str:
    """Whom a test is about that isn't told by a parameter of this name: the proxy of its way, or Istio's."""
    return WAYS[request.getfixturevalue("way")].proxy if "way" in request.fixturenames else "istio"


@pytest.fixture
def plane(planes: Planes, proxy: str) -> DataPlane:
    return planes(proxy)


@pytest.fixture
async def models(plane: DataPlane, places: Places, proxy: str) -> AsyncIterator[Models]:
    """What the test deploys and asks, in the place that its file uses."""
    async with models_in(plane, places(proxy)) as models:
        yield models
