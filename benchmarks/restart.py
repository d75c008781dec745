"""A restart where nothing has changed: nothing is written, and it takes little longer than to read everything."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from doorward.engine import Engine
from doorward.model.reference import CONFIG_MAP, EVENT

from benchmarks.cluster.process import Command, running
from benchmarks.cluster.requests import WRITES, requests
from benchmarks.cluster.scene import Scene
from benchmarks.figure import Figure, Scale, ratio, tell
from benchmarks.peers import commands

ROOT = Path(__file__).parents[1]
NOT_LISTED = (CONFIG_MAP, EVENT)
"""The one ConfigMap is looked at by name, and Events only written."""


def measure(scene: Scene, scale: Scale) -> list[Figure]:
    count = scene.count
    ours: list[float] = []
    theirs: list[float] = []
    writes = 0
    listing = _listing()
    with scene.servers.copy(scene.converged) as (kubeconfig, folder):
        for _ in range(scale.of(5, 2)):
            seconds, written = asyncio.run(_run(commands.doorward("--once"), kubeconfig, folder))
            ours.append(seconds)
            writes += written
            theirs.append(asyncio.run(_run(listing, kubeconfig, folder))[0])
    tell(f"restart, {count} services: {min(ours):.2f} s, {writes} writes; listing alone {min(theirs):.2f} s")
    return [
        Figure(name=f"restart, {count} services unchanged: writes", measured=writes, goal=0, unit="writes"),
        ratio(
            f"restart, {count} services unchanged: time against listing and decoding",
            ours,
            theirs,
            1.3,
            sides=("doorward --once", "listing"),
        ),
    ]


def _listing() -> Command:
    engine = Engine()
    resources = [engine.backends.resources[kind] for kind in engine.scopes if kind not in NOT_LISTED]
    kinds = [f"{each.kind}/{each.plural}/{each.versions[0]}" for each in resources]
    program = [sys.executable, "-m", "benchmarks.peers.listing"]
    return Command("listing", [*program, *kinds], {"PYTHONPATH": str(ROOT)})


async def _run(command: Command, kubeconfig: Path, folder: Path) -> tuple[float, int]:
    """Seconds from the start of a process to its end, and the writes that the server saw meanwhile."""
    before = await requests(kubeconfig, WRITES)
    async with running(command, kubeconfig, folder / "controller.log") as process:
        status = await process.ended()
        seconds = process.seconds
        if status:
            raise RuntimeError(process.said())
    return seconds, await requests(kubeconfig, WRITES) - before
