"""Where a server comes from, and what happens where there is none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.controlplane import providers
from tests.controlplane.binaries import built_folder

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No provider applies."""
    for name in ("DOORWARD_TEST_KUBECONFIG", "DOORWARD_REQUIRE_CLUSTER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path / "assets"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-docker")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")


def programs(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in ("etcd", "kube-apiserver"):
        (folder / name).write_text("#!/bin/sh\nexit 1\n")
        (folder / name).chmod(0o755)


def find(*, own: bool = False) -> providers.Start | None:
    return providers.find(lambda _: None, own=own)


def test_without_any_provider_there_is_none() -> None:
    assert find() is None


def test_a_kubeconfig_of_the_environment_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs(tmp_path / "assets")
    monkeypatch.setenv("DOORWARD_TEST_KUBECONFIG", "relative/config")
    start = find()
    assert start is not None
    with start(tmp_path, ()) as server:
        assert server == providers.ApiServer(Path("relative/config").absolute(), "kubeconfig")


def test_somebodys_cluster_is_never_a_tests_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORWARD_TEST_KUBECONFIG", "config")
    assert find(own=True) is None


def test_binaries_of_the_environment_come_before_built_ones(tmp_path: Path) -> None:
    programs(built_folder())
    assert find() is not None
    programs(tmp_path / "assets")
    (tmp_path / "assets" / "kubectl").write_text("")
    (tmp_path / "assets" / "kubectl").chmod(0o755)
    assert find() is not None
    assert providers.kubectl() == tmp_path / "assets" / "kubectl"


def run_a_cluster_test(**environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests/controlplane/test_server.py"]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **environ}, capture_output=True, text=True)


def test_tests_that_need_a_server_are_skipped_with_one_line() -> None:
    run = run_a_cluster_test()
    assert run.returncode == 0, run.stdout
    assert run.stdout.count(providers.HOW) == 1
    assert "passed" not in run.stdout


def test_a_server_that_is_required_is_not_skipped() -> None:
    run = run_a_cluster_test(DOORWARD_REQUIRE_CLUSTER="1")
    assert run.returncode == 1, run.stdout
    assert providers.HOW in run.stdout
    assert "skipped" not in run.stdout
