"""What a data plane is started with, and ways to wait until its programs are ready."""

from __future__ import annotations

import http.client
import os
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol

from doorward.model.reference import JsonObject

from tests.controlplane.server import Processes, StartError
from tests.dataplane.binaries import Parts
from tests.dataplane.network import Network

ROOT = Path(__file__).parents[2]
START_TIME = 120.0
"""Seconds within which a proxy must serve what it is told; it takes about five."""


class Starting(NamedTuple):
    """A data plane whose API server runs; ``folder`` is for files and logs."""

    parts: Parts
    folder: Path
    kubeconfig: Path
    network: Network
    processes: Processes

    def module(self, name: str, module: str, *arguments: str, within: bool = False) -> None:
        """Start a module of the tests with what is installed for them; ``within`` the network, or beside it."""
        path = os.pathsep.join([str(ROOT), str(self.parts.packages)])
        first = self.network.entering() if within else None
        self.processes.run(name, [sys.executable, "-m", module, *arguments], {"PYTHONPATH": path}, first)

    def relay(self, name: str, port: int) -> Path:
        """A socket of the file system that leads to a port on loopback, for who runs in the network."""
        path = self.folder / f"{name}.socket"
        self.module(f"{name}-relay", "tests.dataplane.relay", str(path), str(port))
        return path

    def wait(self, program: str, ready: Callable[[], object]) -> None:
        """Return once a program is ready; raise StartError where it, or another one, has ended."""
        deadline = time.monotonic() + START_TIME
        while time.monotonic() < deadline:
            self.processes.check()
            if ready():
                return
            time.sleep(0.05)
        raise StartError(f"{program} isn't ready after {START_TIME:g} s:\n{self.processes.tail(program)}")

    def get(self, port: int, path: str, address: str = "127.0.0.1") -> str | None:
        """The body of an answer with status 200 from loopback; None where there is none."""
        return _get(socket.socket(), (address, port), path)

    def get_within(self, port: int, path: str, address: str = "127.0.0.1") -> str | None:
        """The same, from an address of the network."""
        return _get(self.network.socket(), (address, port), path)


def _get(own: socket.socket, address: tuple[str, int], path: str) -> str | None:
    connection = http.client.HTTPConnection(*address)
    connection.sock = own
    with own, suppress(OSError, http.client.HTTPException):
        own.settimeout(5)
        own.connect(address)
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read().decode()
        return body if answer.status == 200 else None
    return None


class Proxy(Protocol):
    """A proxy, and the program that tells it what to do."""

    @property
    def standing(self) -> Path:
        """What stands in the cluster before doorward comes."""

    @property
    def ingress(self) -> JsonObject:
        """Key ``ingress`` of the settings under which each kind of door stands at a port of its own."""

    @property
    def shared(self) -> JsonObject:
        """The same, all of them at one port, so that a host stays where it is when its backend changes."""

    @property
    def port(self) -> int:
        """That port."""

    @property
    def arguments(self) -> Sequence[str]:
        """What doorward is told besides the namespaces of its tests: others with Gateways that it has to see."""

    @property
    def knative(self) -> bool:
        """Whether it takes requests on to Knative's revisions."""

    def definitions(self, parts: Parts) -> list[Path]:
        """Files with the kinds that the cluster serves."""

    def start(self, starting: Starting) -> None:
        """Return once the proxy serves.  Raises StartError."""
