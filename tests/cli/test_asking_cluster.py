"""The commands that ask, as ``kubectl doorward``, before a real API server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from doorward_daemon.commands import app
from typer.testing import CliRunner

from tests.cli.test_run_cluster import READY
from tests.conftest import Kubectl
from tests.controlplane import providers
from tests.controlplane.providers import ApiServer
from tests.patience import PATIENCE

NAMESPACE = "cli-asking"
SERVICE = f"""
apiVersion: v1
kind: Service
metadata: {{name: m-engine, namespace: {NAMESPACE}, labels: {{ome.io/inferenceservice: m, component: engine}}}}
spec: {{selector: {{a: b}}, ports: [{{name: http, port: 80, targetPort: 8080}}]}}
"""
ISVC = f"""
apiVersion: ome.io/v1beta1
kind: InferenceService
metadata:
  name: m
  namespace: {NAMESPACE}
  annotations:
    ome.io/deployment-mode: RawDeployment
spec: {{engine: {{}}}}
"""
MANIFESTS = f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {NAMESPACE}}}\n---{SERVICE}---{ISVC}"


@pytest.mark.cluster
def test_a_door_is_asked_about_in_every_way(api_server: ApiServer, kubectl: Kubectl, tmp_path: Path) -> None:
    environ = {"KUBECONFIG": str(api_server.kubeconfig), "POD_NAMESPACE": NAMESPACE}
    journal = tmp_path / "journal"

    def ask(*arguments: str | Path, status: int = 0, stdin: str = "") -> str:
        result = CliRunner().invoke(app, [*map(str, arguments)], input=stdin, env=environ)
        assert result.exit_code == status, result.output
        return result.output

    kubectl("apply", "-f", "-", stdin=MANIFESTS)
    try:
        kubectl("-n", NAMESPACE, "patch", "inferenceservice", "m", "--subresource=status", "--type=merge", "-p", READY)
        ask("run", "--once", "--namespace", NAMESPACE, "--journal", journal)
        url = f"http://m.{NAMESPACE}.example.com"
        (row,) = orjson.loads(by_kubectl(environ, "get", "-n", NAMESPACE, "-o", "json"))
        assert (row["service"], row["backend"], row["url"], row["ready"]) == ("m", "k8s_ingress", url, "True")
        told = orjson.loads(ask("explain", f"{NAMESPACE}/m", "--journal", journal, "-o", "json"))
        (mode,) = next(part["because"] for part in told["parts"] if part["part"] == "mode")
        assert (mode["manager"], mode["record"] > 0) == ("kubectl-client-side-apply", True)

        versions = ("get", "ingress,service,inferenceservice", "-n", NAMESPACE, "-o", "jsonpath={..resourceVersion}")
        before = sorted(kubectl(*versions).split())
        assert ask("diff", "-n", NAMESPACE, "-f", "-", stdin=ISVC) == ""
        edited = ISVC.replace("RawDeployment", "RawDeployment\n    ome.io/ingress-domain: example.org")
        moved = ask("diff", "-n", NAMESPACE, "-f", "-", stdin=edited, status=1)
        assert f"  {NAMESPACE}/m: {url} → http://m.{NAMESPACE}.example.org" in moved.splitlines()
        changed = ask(
            "diff", "-n", NAMESPACE, "-f", "-", stdin=SERVICE.replace("targetPort: 8080", "targetPort: 9090"), status=1
        )
        assert f"+++ Service {NAMESPACE}/m (then)" in changed.splitlines()
        assert "warning" not in changed
        refused = ask("diff", "-n", NAMESPACE, "-f", "-", stdin=SERVICE.replace("port: 80", "port: 800000"), status=2)
        assert "the API server refuses it" in refused
        assert sorted(kubectl(*versions).split()) == before

        assert f"created Ingress {NAMESPACE}/m" in ask("log", f"{NAMESPACE}/m", "--journal", journal)
        assert "3 writes compared" in ask("replay", "--journal", journal)
    finally:
        kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def by_kubectl(environ: dict[str, str], *arguments: str) -> str:
    """What ``kubectl doorward`` prints, where doorward is on the PATH."""
    binary = providers.kubectl()
    assert binary
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    env = {**os.environ, **environ, "PATH": path}
    command = [str(binary), "doorward", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=env, check=True).stdout
