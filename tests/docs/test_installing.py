"""Every command that the pages about installing and monitoring have, run in the order in which they stand there."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.controlplane import providers
from tests.controlplane.providers import ApiServer
from tests.deploy.conftest import chart as chart
from tests.deploy.rendering import Chart
from tests.docs import ROOT, commands
from tests.docs.test_readme import arguments
from tests.patience import PATIENCE

INSTALLING = ROOT / "docs" / "installing.md"
MONITORING = ROOT / "docs" / "monitoring.md"


@pytest.mark.cluster
def test_what_a_reader_types_to_install_it_works(fresh_api_server: ApiServer, chart: Chart, tmp_path: Path) -> None:
    from tests.controlplane.definitions import install

    kubectl = providers.kubectl()
    assert kubectl
    install(fresh_api_server.kubeconfig, [ROOT / "tests" / "deploy" / "servicemonitors.yaml"])
    (tmp_path / "helm").symlink_to(chart.helm)
    path = f"{tmp_path}{os.pathsep}{kubectl.parent}{os.pathsep}{os.environ['PATH']}"
    environ = {**os.environ, "KUBECONFIG": str(fresh_api_server.kubeconfig), "PATH": path}
    install_it, *others = commands(INSTALLING)
    for command in (install_it, *commands(MONITORING), *others):
        words = arguments(command) if command.startswith("./dev run ") else command.split()
        done = subprocess.run(words, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, f"{command}: {done.stderr}"
