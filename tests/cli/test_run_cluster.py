"""``doorward run`` as a process, before a real API server."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from tests.conftest import Kubectl
from tests.controlplane.providers import ApiServer
from tests.patience import PATIENCE

NAMESPACE = "cli-run"
MANIFESTS = f"""
apiVersion: v1
kind: Namespace
metadata: {{name: {NAMESPACE}}}
---
apiVersion: v1
kind: Service
metadata: {{name: m-engine, namespace: {NAMESPACE}, labels: {{ome.io/inferenceservice: m, component: engine}}}}
spec: {{selector: {{a: b}}, ports: [{{name: http, port: 80, targetPort: 8080}}]}}
---
apiVersion: ome.io/v1beta1
kind: InferenceService
metadata: {{name: m, namespace: {NAMESPACE}, annotations: {{ome.io/deployment-mode: RawDeployment}}}}
spec: {{engine: {{}}}}
"""
READY = '{"status": {"conditions": [{"type": "EngineReady", "status": "True"}]}}'

Command = Callable[..., list[str]]


@pytest.fixture(scope="module")
def command(api_server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Command:
    folder = tmp_path_factory.mktemp("run")

    def call(*arguments: str | Path) -> list[str]:
        where = ["--kubeconfig", str(api_server.kubeconfig), "--namespace", NAMESPACE]
        more = ["--journal", str(folder / "journal"), "--log-format", "json", *map(str, arguments)]
        return [sys.executable, "-m", "doorward_daemon", "run", *where, *more]

    return call


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POD_NAMESPACE", NAMESPACE)


def run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=os.environ, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.cluster
def test_a_dry_run_a_pass_another_pass_and_the_daemon(command: Command, kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=MANIFESTS)
    kubectl("-n", NAMESPACE, "patch", "inferenceservice", "m", "--subresource=status", "--type=merge", "-p", READY)
    try:
        assert "would be written: 2 creations" in run(command("--once", "--dry-run"))
        assert kubectl("-n", NAMESPACE, "get", "ingress", "-o", "name") == ""
        assert "written: 2 creations, 1 status" in run(command("--once"))
        assert "written: nothing" in run(command("--once"))
        daemon = subprocess.Popen(command("--listen", "127.0.0.1:0"), stderr=subprocess.PIPE, text=True, env=os.environ)
        try:
            _wait_for(daemon, "everything is listed")
            kubectl("-n", NAMESPACE, "delete", "ingress", "m")
            entry = orjson.loads(_wait_for(daemon, f"Ingress {NAMESPACE}/m"))
            assert (entry["event"], entry["reason"]) == ("created", "drift: somebody deleted it")
        finally:
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(20) == 0
        assert re.search(r"ingress.*/m\n", kubectl("-n", NAMESPACE, "get", "ingress", "-o", "name"))
    finally:
        kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def _wait_for(process: subprocess.Popen[str], words: str) -> str:
    assert process.stderr
    for line in process.stderr:
        if words in line:
            return line
    raise AssertionError(f"the daemon ended without a word of {words!r}")
