"""Fixtures that tests of every kind share: a real API server, kubectl, and a real PostgreSQL server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
import structlog

from tests.controlplane import providers
from tests.controlplane.definitions import CRDS, default_files
from tests.controlplane.providers import ApiServer
from tests.patience import PATIENCE
from tests.postgresql import server
from tests.side_by_side import pytest_collection_modifyitems as pytest_collection_modifyitems
from tests.side_by_side import pytest_xdist_auto_num_workers as pytest_xdist_auto_num_workers
from tests.side_by_side import pytest_xdist_make_scheduler as pytest_xdist_make_scheduler

Kubectl = Callable[..., str]


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """What a command sets for its process is undone: it may log to a stream that ends with the test."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def api_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A real API server with the CustomResourceDefinitions of ``tests/crds``, shared by all tests of a run.

    A test works in a namespace of its own, and leaves alone what it didn't make.
    """
    start = _start(request, own=False)
    with start(tmp_path_factory.mktemp("api-server"), default_files()) as server:
        yield server


@pytest.fixture(scope="module")
def own_api_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A real API server for the tests of one file, which look at everything in it."""
    start = _start(request, own=True)
    with start(tmp_path_factory.mktemp("own-api-server"), default_files()) as server:
        yield server


@pytest.fixture(scope="module")
def ome_api_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """The same, sooner there: of the kinds that aren't built in it knows the InferenceService alone."""
    start = _start(request, own=True)
    with start(tmp_path_factory.mktemp("ome-api-server"), [CRDS / "ome" / "inferenceservices-open.yaml"]) as server:
        yield server


@pytest.fixture
def fresh_api_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ApiServer]:
    """An API server for one test alone, with no CustomResourceDefinitions; see ``tests.controlplane.definitions``."""
    start = _start(request, own=True)
    with start(tmp_path / "api-server", ()) as server:
        yield server


@pytest.fixture
def kubectl(api_server: ApiServer) -> Kubectl:
    """Runs kubectl against the shared server: ``kubectl("get", "services", stdin="")`` gives what it prints."""
    binary = providers.kubectl()
    if binary is None:
        _do_without("no kubectl on PATH")

    def run(*arguments: str, stdin: str = "") -> str:
        command = [str(binary), "--kubeconfig", str(api_server.kubeconfig), *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    return run


@pytest.fixture(scope="session")
def shared_postgresql(request: pytest.FixtureRequest) -> Iterator[server.Postgresql]:
    """A real PostgreSQL server, shared by all tests of a run: ``.url()`` is a place of a test's own."""
    with server.postgresql(server.binaries(_teller(request)) or _do_without(server.HOW)) as started:
        yield started


@pytest.fixture(scope="module")
def own_postgresql(request: pytest.FixtureRequest) -> Iterator[server.Postgresql]:
    """One for the tests of a file that end it, or stop it, and start it anew."""
    with server.postgresql(server.binaries(_teller(request)) or _do_without(server.HOW)) as started:
        yield started


def _start(request: pytest.FixtureRequest, *, own: bool) -> providers.Start:
    start = providers.find(_teller(request), own=own)
    return _do_without(providers.HOW) if start is None else start


def _teller(request: pytest.FixtureRequest) -> Callable[[str], None]:
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def tell(message: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"\n{message}", end="", file=sys.stderr, flush=True)

    return tell


def _do_without(what: str) -> NoReturn:
    if providers.required():
        pytest.fail(what)
    pytest.skip(what)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for how in (providers.HOW, server.HOW):
        skipped = [report for report in terminalreporter.stats.get("skipped", ()) if how in str(report.longrepr)]
        if skipped:
            terminalreporter.write_line(f"{len(skipped)} tests skipped, {how}")
