"""helm, promtool and buildah, for tests that look at what is deployed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.controlplane import providers
from tests.controlplane.binaries import Tell
from tests.deploy import tools
from tests.deploy.rendering import Chart


@pytest.fixture(scope="session")
def chart(request: pytest.FixtureRequest) -> Chart:
    return Chart(_tool(request, tools.helm))


@pytest.fixture(scope="session")
def promtool(request: pytest.FixtureRequest) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs promtool; gives what came of it."""
    program = _tool(request, tools.promtool)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(program), *arguments], capture_output=True, text=True)

    return run


@pytest.fixture(scope="session")
def buildah(request: pytest.FixtureRequest) -> Path:
    return _tool(request, tools.buildah)


def _tool(request: pytest.FixtureRequest, get: Callable[[Tell], Path]) -> Path:
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def tell(message: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"\n{message}", end="", file=sys.stderr, flush=True)

    try:
        return get(tell)
    except tools.Missing as missing:
        if providers.required():
            pytest.fail(str(missing))
        pytest.skip(str(missing))
