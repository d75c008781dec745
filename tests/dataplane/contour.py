"""Two Contours, each with its Envoy: how they are started, with their configuration as files in a folder.

::

    class contour        Contour as it comes, for Ingresses alone
    class contour-bound  Contour bound to a Gateway, which takes Ingresses at the Gateway's listeners too

Source: projectcontour/contour, cmd/contour/serve.go (flags), pkg/config/parameters.go (the file),
internal/gatewayapi/listeners.go (the port of a listener).
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import yaml

from tests.controlplane.definitions import default_files
from tests.controlplane.server import free_port
from tests.dataplane.binaries import Parts
from tests.dataplane.network import GATEWAY
from tests.dataplane.starting import Starting

ABSENT = ("tlsroutes", "tcproutes", "backendtlspolicies")
"""Kinds that Contour could read, and that the standard channel of Gateway API doesn't have."""


class _Instance(NamedTuple):
    """One of the two, by its class; its Envoy serves HTTP at ``port``.

    ``gateway`` is the Gateway that it is bound to, whose listener has a port less by 8000; ``too`` is a further class.
    """

    ingress_class: str
    port: int
    stats_port: int
    gateway: str = ""
    too: str = ""

    def configuring(self, starting: Starting) -> Callable[[], None]:
        """Start Contour; call what is returned to start its Envoy once that may ask."""
        xds, health = free_port(), free_port()
        contour = f"{self.ingress_class}-xds"
        relay = starting.relay(contour, xds)
        starting.processes.run(contour, self._serve(starting, xds, health))

        def proxying() -> None:
            starting.wait(contour, lambda: starting.get(health, "/healthz") is not None)
            command = self._command(starting, relay)
            starting.processes.run(self.envoy, command, first=starting.network.entering())

        return proxying

    def serves(self, starting: Starting) -> bool:
        """Whether Envoy has heard from Contour: its word for it is reached by a listener that Contour adds."""
        return starting.get_within(self.stats_port, "/ready") is not None

    @property
    def envoy(self) -> str:
        return f"{self.ingress_class}-envoy"

    def _serve(self, starting: Starting, xds: int, health: int) -> list[str]:
        """The command that starts Contour; two ports on loopback."""
        return [
            str(starting.parts.contour),
            "serve",
            "--insecure",
            "--disable-leader-election",
            f"--kubeconfig={starting.kubeconfig}",
            f"--config-path={self._configuration(starting.folder)}",
            f"--ingress-class-name={','.join(filter(None, (self.ingress_class, self.too)))}",
            "--xds-address=127.0.0.1",
            f"--xds-port={xds}",
            "--health-address=127.0.0.1",
            f"--health-port={health}",
            "--http-address=127.0.0.1",
            f"--http-port={health}",
            f"--debug-http-port={free_port()}",
            f"--envoy-service-http-address={GATEWAY}",
            f"--envoy-service-http-port={self.port}",
            f"--envoy-service-https-address={GATEWAY}",
            f"--envoy-service-https-port={self.port + 1}",
            "--stats-address=127.0.0.1",
            f"--stats-port={self.stats_port}",
            "--envoy-http-access-log=/dev/null",
            "--envoy-https-access-log=/dev/null",
            *(f"--disable-feature={kind}" for kind in ABSENT),
        ]

    def _configuration(self, folder: Path) -> Path:
        namespace, _, name = self.gateway.partition("/")
        gateway = {"gateway": {"gatewayRef": {"namespace": namespace, "name": name}}} if name else {}
        path = folder / f"{self.ingress_class}.yaml"
        path.write_text(yaml.safe_dump(gateway))
        return path

    def _command(self, starting: Starting, relay: Path) -> list[str]:
        """The command that starts Envoy, with the bootstrap that Contour writes, but through a socket."""
        path = starting.folder / f"{self.envoy}.json"
        admin = starting.folder / f"{self.ingress_class}-admin.socket"
        write = [str(starting.parts.contour), "bootstrap", str(path), f"--admin-address={admin}"]
        subprocess.run(write, check=True, capture_output=True)
        bootstrap = json.loads(path.read_text())
        (xds,) = (each for each in bootstrap["static_resources"]["clusters"] if each["name"] == "contour")
        (group,) = xds["load_assignment"]["endpoints"]
        group["lb_endpoints"] = [{"endpoint": {"address": {"pipe": {"path": str(relay)}}}}]
        # A file has no TCP.
        del xds["upstream_connection_options"]
        path.write_text(json.dumps(bootstrap))
        command = [str(starting.parts.envoy), "--config-path", str(path), "--log-level", "warning"]
        command += ["--service-cluster", self.ingress_class, "--service-node", self.envoy, "--concurrency", "1"]
        # For a hot restart each has a socket of one name in the network.
        return [*command, "--disable-hot-restart"]


PLAIN = _Instance("contour", port=8081, stats_port=15101)
BOUND = _Instance("contour-bound", port=16000, stats_port=15201, gateway="projectcontour/ome", too="contour-too")
INGRESS = {"ingressDomain": "example.com", "ingressClassName": PLAIN.ingress_class, "omeIngressGateway": BOUND.gateway}
SHARED = {**INGRESS, "ingressClassName": BOUND.ingress_class}


class Contour:
    """Both of them, in one cluster: the plain one for Ingresses, the other one for HTTPRoutes."""

    standing = Path(__file__).parent / "contour.yaml"
    ingress = INGRESS
    shared = SHARED
    port = BOUND.port
    arguments = ("--namespace", "projectcontour")
    knative = False

    def definitions(self, parts: Parts) -> list[Path]:
        """Of Gateway API, those that Contour knows."""
        others = [path for path in default_files() if path.parent.name != "gateway-api"]
        return [*others, *parts.contour_definitions]

    def start(self, starting: Starting) -> None:
        instances = (PLAIN, BOUND)
        for proxying in [instance.configuring(starting) for instance in instances]:
            proxying()
        for instance in instances:
            starting.wait(instance.envoy, partial(instance.serves, starting))
