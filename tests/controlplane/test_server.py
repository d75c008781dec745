"""The servers that tests get."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from doorward.cluster.kube import KubeCluster
from doorward.cluster.protocol import ApiError
from doorward.model.reference import INFERENCE_SERVICE, JsonObject, Resource

from tests.controlplane.definitions import CRDS, install_definitions
from tests.controlplane.providers import ApiServer
from tests.patience import PATIENCE

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[2]
SERVICES = Resource(INFERENCE_SERVICE, "inferenceservices", ("v1beta1",))
NAMESPACES = Resource("Namespace", "namespaces", namespaced=False)


async def test_the_shared_server_serves_every_kind_of_the_crds(api_server: ApiServer) -> None:
    cluster = KubeCluster.from_kubeconfig(api_server.kubeconfig)
    try:
        assert await cluster.served(SERVICES) == "v1beta1"
        for kind, plural in (
            ("VirtualService.networking.istio.io", "virtualservices"),
            ("HTTPRoute.gateway.networking.k8s.io", "httproutes"),
            ("Service.serving.knative.dev", "services"),
        ):
            assert await cluster.served(Resource(kind, plural)) == "v1"
    finally:
        await cluster.close()


def test_kubectl_speaks_to_the_shared_server(api_server: ApiServer, kubectl: Callable[..., str]) -> None:
    assert kubectl("get", "--raw", "/readyz") == "ok"


async def test_a_fresh_server_is_bare_and_takes_the_full_schema(fresh_api_server: ApiServer) -> None:
    cluster = KubeCluster.from_kubeconfig(fresh_api_server.kubeconfig)
    try:
        assert await cluster.served(SERVICES) is None
        await install_definitions(fresh_api_server.kubeconfig, [CRDS / "ome" / "inferenceservices-full.yaml"])
        body: JsonObject = {
            "apiVersion": "ome.io/v1beta1",
            "kind": "InferenceService",
            "metadata": {"name": "a"},
            "spec": {"engine": {"minReplicas": "many"}},
        }
        with pytest.raises(ApiError, match="minReplicas"):
            await cluster.create(SERVICES, "default", body)
        # The open schema in its place has no opinion.
        await install_definitions(fresh_api_server.kubeconfig, [CRDS / "ome" / "inferenceservices-open.yaml"])
        await _until_created(cluster, body)
    finally:
        await cluster.close()


async def _until_created(cluster: KubeCluster, body: JsonObject) -> None:
    """A schema takes effect a moment after it is accepted."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            await cluster.create(SERVICES, "default", body)
            return
        except ApiError:
            if time.monotonic() > deadline:
                raise


@pytest.fixture
def foreground(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.controlplane", "up"]
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environ)
    yield process
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def started(process: subprocess.Popen[str]) -> tuple[Path, list[int]]:
    """The folder and the process ids of the server that ``up`` has started."""
    assert process.stdout is not None
    folder = Path(process.stdout.readline().strip()).parent
    listed = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout
    children = [int(line) for line in listed.split()]
    assert len(children) >= 2
    return folder, children


def wait_until_gone(processes: list[int]) -> None:
    deadline = time.monotonic() + PATIENCE
    for process in processes:
        while os.path.exists(f"/proc/{process}") and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not os.path.exists(f"/proc/{process}")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of their parent's death")
def test_nothing_is_left_running_when_its_owner_is_killed(
    api_server: ApiServer, foreground: subprocess.Popen[str]
) -> None:
    _, children = started(foreground)
    foreground.send_signal(signal.SIGKILL)
    wait_until_gone(children)


def test_an_interrupt_ends_it_and_removes_its_folder(api_server: ApiServer, foreground: subprocess.Popen[str]) -> None:
    folder, children = started(foreground)
    foreground.send_signal(signal.SIGTERM)
    assert foreground.wait(PATIENCE) == 0
    wait_until_gone(children)
    assert not folder.exists()
