"""The data plane: everything that a request passes, and what configures it, started together and ended together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Network
from pathlib import Path

import yaml
from doorward.cluster.kube import KubeCluster
from doorward.cluster.protocol import ApiError
from doorward.model.reference import JsonObject, Resource

from tests.controlplane.server import ControlPlane, Processes, running
from tests.dataplane.binaries import Parts
from tests.dataplane.network import PODS, Network
from tests.dataplane.starting import Proxy, Starting
from tests.e2e.place import apart


class DataPlane:
    """It runs.  ``pods`` says which component Service (``NAMESPACE/NAME``) a pod's address belongs to."""

    def __init__(
        self, proxy: Proxy, control: ControlPlane, network: Network, processes: Processes, parts: Parts
    ) -> None:
        self.proxy = proxy
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
def data_plane(parts: Parts, folder: Path, proxy: Proxy) -> Iterator[DataPlane]:
    """One with its state in ``folder``.  Raises StartError."""
    folder.mkdir(parents=True, exist_ok=True)
    with running(parts.control_plane, folder / "api-server", definitions=proxy.definitions(parts)) as control:
        apart(_put_all(control.kubeconfig, list(yaml.safe_load_all(proxy.standing.read_text()))))
        network, processes = Network(), Processes(folder)
        starting = Starting(parts, folder, control.kubeconfig, network, processes)
        try:
            starting.module("echo", "tests.dataplane.echo", within=True)
            proxy.start(starting)
            starting.wait("echo", lambda: starting.get_within(8080, "/", PODS.replace(".0/16", ".1")))
            yield DataPlane(proxy, control, network, processes, parts)
        finally:
            processes.kill()
            network.close()


async def _put_all(kubeconfig: Path, objects: list[JsonObject]) -> None:
    cluster = KubeCluster.from_kubeconfig(kubeconfig)
    try:
        for obj in objects:
            await put(cluster, obj)
    finally:
        await cluster.close()


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
