"""The API servers that several figures begin from: with services that nobody has seen, and with all doors open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from benchmarks.cluster.cold import cold
from benchmarks.cluster.population import in_cluster, populate
from benchmarks.cluster.server import Servers, servers
from benchmarks.figure import tell
from benchmarks.peers import commands


class Scene:
    """Folders of API servers that have ended; each is made when it is first asked for."""

    def __init__(self, servers: Servers, count: int) -> None:
        self.servers = servers
        self.count = count

    @cached_property
    def fresh(self) -> Path:
        """With ``count`` services that nobody has seen."""
        return self.populated(self.count)

    @cached_property
    def converged(self) -> Path:
        """The same, after doorward has opened every door."""
        return cold(self.servers, self.fresh, commands.doorward(), self.count).server

    def populated(self, count: int) -> Path:
        """With another number of services that nobody has seen."""
        tell(f"creating {count} services")
        with self.servers.empty() as (kubeconfig, folder):
            in_cluster(kubeconfig, lambda cluster: populate(cluster, count))
        return folder


@contextmanager
def scene(count: int) -> Iterator[Scene]:
    with servers() as starting:
        yield Scene(starting, count)
