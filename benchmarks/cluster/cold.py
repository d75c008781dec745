"""A cold start: services that no controller has seen, until each has its door and is told so."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
from doorward.cluster.kube import KubeCluster

from benchmarks.cluster.onlooker import looking_on, stands
from benchmarks.cluster.outcome import Outcome, outcome
from benchmarks.cluster.population import INFERENCE_SERVICES
from benchmarks.cluster.process import Command, Usage, running
from benchmarks.cluster.server import Servers
from benchmarks.figure import tell

REST = 2.0
"""Seconds after which a controller that has written everything has also read it."""


class Cold(msgspec.Struct, frozen=True):
    times: list[float]
    """When each service was told that its door stands, in order: seconds from the start of the process."""
    usage: Usage
    outcome: Outcome
    server: Path
    """The folder of the API server, which has ended, to start another one from."""

    @property
    def first(self) -> float:
        return self.times[0]

    @property
    def median(self) -> float:
        return self.times[len(self.times) // 2]

    @property
    def last(self) -> float:
        return self.times[-1]


def cold(servers: Servers, state: Path, command: Command, count: int) -> Cold:
    """One cold start of a controller before a copy of an API server that has so many services."""
    with servers.copy(state) as (kubeconfig, folder):
        result = asyncio.run(_cold(kubeconfig, folder, command, count))
    tell(
        f"{command.name}, {count} services: first {result.first:.1f} s, median {result.median:.1f} s, "
        f"all {result.last:.1f} s; {result.usage.cpu:.1f} s of CPU, {result.usage.peak / 2**20:.0f} MiB"
    )
    return result


async def _cold(kubeconfig: Path, folder: Path, command: Command, count: int) -> Cold:
    cluster = KubeCluster.from_kubeconfig(kubeconfig)
    try:
        async with (
            looking_on(cluster, INFERENCE_SERVICES, stands) as onlooker,
            running(command, kubeconfig, folder / "controller.log") as process,
        ):
            times = await onlooker.until(count, process.usage)
            await asyncio.sleep(REST)
            usage = process.usage()
        return Cold([each - process.began for each in times], usage, await outcome(cluster), folder)
    finally:
        await cluster.close()
