"""From a user's edit to what is written: in an idle cluster, and while others converge."""

from __future__ import annotations

import asyncio
from pathlib import Path
from statistics import mean

from benchmarks.cluster.edits import Edits, busy_edits, idle_edits
from benchmarks.cluster.population import in_cluster, populate
from benchmarks.cluster.process import running
from benchmarks.cluster.scene import Scene
from benchmarks.cluster.server import Servers
from benchmarks.figure import Figure, Scale, percentile
from benchmarks.peers import commands

NAMESPACE = "edited"


def measure(scene: Scene, scale: Scale) -> list[Figure]:
    servers, count, edits = scene.servers, scene.count, scale.of(200, 40)
    ours: list[Edits] = []
    theirs: list[Edits] = []
    for _ in range(scale.of(2, 1)):
        ours.append(idle_edits(servers, scene.converged, commands.doorward(), edits))
        theirs.append(idle_edits(servers, scene.converged, commands.controller_runtime(), edits))
    busy = busy_edits(servers, _with_some_open(servers, scene.fresh, edits), commands.doorward(), NAMESPACE)
    (idle, idle_p99), (their_idle, their_p99), busy_p99 = _percentiles(ours), _percentiles(theirs), percentile(busy)
    return [
        Figure(
            name=f"one edit at {count} idle services, round trips",
            measured=mean(each.round_trips for each in ours),
            goal=3,
            unit="requests",
            parts={"controller-runtime (requests)": mean(each.round_trips for each in theirs)},
        ),
        Figure(
            name=f"one edit at {count} idle services, p99",
            measured=idle_p99 / their_p99,
            goal=1.0,
            parts={
                "doorward (s)": idle_p99,
                "controller-runtime (s)": their_p99,
                "doorward, median (s)": idle,
                "controller-runtime, median (s)": their_idle,
            },
        ),
        Figure(
            name=f"an edit while {count} others converge, p99, against idle",
            measured=busy_p99 / idle_p99,
            goal=5,
            parts={"busy (s)": busy_p99, "idle (s)": idle_p99, "edits": len(busy)},
        ),
    ]


def _percentiles(rounds: list[Edits]) -> tuple[float, float]:
    """The median and the 99th percentile of all edits."""
    seconds = [each for edits in rounds for each in edits.seconds]
    return percentile(seconds, 0.5), percentile(seconds)


def _with_some_open(servers: Servers, fresh: Path, count: int) -> Path:
    """An API server with so many services more, whose doors stand, in a namespace of their own."""
    with servers.copy(fresh) as (kubeconfig, folder):
        in_cluster(kubeconfig, lambda cluster: populate(cluster, count, NAMESPACE))
        asyncio.run(_opened(kubeconfig, folder))
    return folder


async def _opened(kubeconfig: Path, folder: Path) -> None:
    command = commands.doorward("--once", "--namespace", NAMESPACE)
    async with running(command, kubeconfig, folder / "controller.log") as process:
        if await process.ended():
            raise RuntimeError(process.said())
