"""The data plane: everything that a request passes, and what configures it, started together and ended together."""

from __future__ import annotations

import asyncio
import http.client
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Network
from pathlib import Path

import yaml
from doorward.cluster.kube import KubeCluster
from doorward.cluster.protocol import ApiError
from doorward.model.reference import JsonObject, Resource

from tests.controlplane.definitions import default_files, install
from tests.controlplane.server import ControlPlane, Processes, StartError, free_port, running
from tests.dataplane import istio
from tests.dataplane.binaries import Parts
from tests.dataplane.network import PODS, Network
from tests.e2e.place import apart

STANDING = Path(__file__).parent / "cluster.yaml"
ROOT = Path(__file__).parents[2]
START_TIME = 120.0
"""Seconds within which Envoy must serve what istiod knows; it takes about five."""
ENTRANCES = {"k8s_ingress": 80, "istio": 8090, "gateway_api": 8092}
"""The port of Envoy at which a backend's doors are reached."""
LOCAL_PORT = 8091
"""That of the local gateway."""
SECURE = {80: 443, 8090: 8443, 8092: 443}
"""The port for TLS beside one for plain HTTP; it listens once something says that it should."""
TOKEN_SECONDS = 24 * 3600


class DataPlane:
    """It runs.  ``pods`` says which component Service (``NAMESPACE/NAME``) a pod's address belongs to."""

    def __init__(self, control: ControlPlane, network: Network, processes: Processes, parts: Parts) -> None:
        self.kubeconfig = control.kubeconfig
        self.control = control
        self.network = network
        self.parts = parts
        self.pods: dict[str, str] = {}
        self._processes = processes
        self._addresses = iter(IPv4Network(PODS).hosts())

    def address_for(self, component: str) -> str:
        """An address for a pod of a component Service."""
        address = str(next(self._addresses))
        self.pods[address] = component
        return address

    def check(self) -> None:
        """Raise StartError where a process has ended."""
        self._processes.check()


@contextmanager
def data_plane(parts: Parts, folder: Path, *, hasty: bool = True) -> Iterator[DataPlane]:
    """One with its state in ``folder``; ``hasty`` as :func:`istio.istiod_environ` has it.  Raises StartError."""
    folder.mkdir(parents=True, exist_ok=True)
    with running(parts.control_plane, folder / "api-server") as control:
        install(control.kubeconfig, default_files())
        token = apart(_prepare(control.kubeconfig, list(yaml.safe_load_all(STANDING.read_text()))))
        network, processes = Network(), Processes(folder)
        try:
            _start(parts, folder, control.kubeconfig, token, network, processes, hasty=hasty)
            yield DataPlane(control, network, processes, parts)
        finally:
            processes.kill()
            network.close()


def _start(
    parts: Parts, folder: Path, kubeconfig: Path, token: str, network: Network, processes: Processes, *, hasty: bool
) -> None:
    xds, web, monitoring = free_port(), free_port(), free_port()
    istiod = istio.istiod(parts.istiod, folder, kubeconfig, xds, web, monitoring)
    processes.run("istiod", istiod, istio.istiod_environ(hasty=hasty))
    path = os.pathsep.join([str(ROOT), str(parts.packages)])
    relay = folder / "xds.socket"
    processes.run("relay", [sys.executable, "-m", "tests.dataplane.relay", str(relay), str(xds)], {"PYTHONPATH": path})
    processes.run(
        "echo", [sys.executable, "-m", "tests.dataplane.echo"], {"PYTHONPATH": path}, first=network.entering()
    )
    _wait("istiod", processes, lambda: _get(web, "/ready") is not None)
    processes.run("envoy", istio.envoy(parts.envoy, folder, relay, token), first=network.entering())
    _wait("envoy", processes, lambda: _listens(network))
    _wait("echo", processes, lambda: _get(8080, "/", network, PODS.replace(".0/16", ".1")) is not None)


def _listens(network: Network) -> bool:
    """Whether Envoy serves every port."""
    listeners = (_get(istio.ADMIN_PORT, "/listeners", network) or "").split()
    return all(any(each.endswith(f":{port}") for each in listeners) for port in (*ENTRANCES.values(), LOCAL_PORT))


def _wait(program: str, processes: Processes, condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + START_TIME
    while time.monotonic() < deadline:
        processes.check()
        if condition():
            return
        time.sleep(0.05)
    raise StartError(f"{program} isn't ready after {START_TIME:g} s:\n{processes.tail(program)}")


def _get(port: int, path: str, network: Network | None = None, host: str = "127.0.0.1") -> str | None:
    """The body of an answer with status 200, from loopback here or from within a network; None where there is none."""
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        if network is not None:
            connection.sock = network.socket()
            connection.sock.settimeout(5)
            connection.sock.connect((host, port))
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read().decode()
        return body if answer.status == 200 else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


async def _prepare(kubeconfig: Path, objects: list[JsonObject]) -> str:
    """Create what stands, and give a token for the proxy."""
    cluster = KubeCluster.from_kubeconfig(kubeconfig)
    try:
        for obj in objects:
            await put(cluster, obj)
        return await _token(cluster)
    finally:
        await cluster.close()


async def _token(cluster: KubeCluster) -> str:
    """One of the proxy's ServiceAccount, as a projected volume would have it."""
    tokens = Resource("ServiceAccount", f"serviceaccounts/{istio.SERVICE_ACCOUNT}/token")
    body = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"audiences": [istio.AUDIENCE], "expirationSeconds": TOKEN_SECONDS},
    }
    made = await cluster.create(tokens, "istio-system", body)
    return str(made["status"]["token"])


async def put(cluster: KubeCluster, obj: JsonObject) -> None:
    """Create an object of any kind, with its status.

    A pod has to wait until its namespace has a ServiceAccount.
    """
    group, _, version = obj["apiVersion"].rpartition("/")
    plural = obj["kind"].lower() + ("es" if obj["kind"].endswith("s") else "s")
    namespace = obj["metadata"].get("namespace", "")
    name = f"{obj['kind']}.{group}" if group else obj["kind"]
    resource = Resource(name, plural, (version,), namespaced=bool(namespace))
    while True:
        try:
            await cluster.create(resource, namespace, obj)
            break
        except ApiError as error:
            if obj["kind"] != "Pod" or "serviceaccount" not in str(error):
                raise
            await asyncio.sleep(0.05)
    if "status" in obj:
        status = {"status": obj["status"]}
        await cluster.patch(resource, namespace, obj["metadata"]["name"], status, subresource="status")
