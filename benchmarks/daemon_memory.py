"""What the daemon holds once it has opened every door and is still, against controller-runtime."""

from __future__ import annotations

from benchmarks.cluster.cold import cold
from benchmarks.cluster.scene import Scene
from benchmarks.convergence import SIDES
from benchmarks.figure import Figure, Scale, ratio
from benchmarks.peers import commands


def measure(scene: Scene, scale: Scale) -> list[Figure]:
    count = scale.of(3_000, scene.count)
    state = scene.fresh if count == scene.count else scene.populated(count)
    ours = cold(scene.servers, state, commands.doorward(), count).usage
    theirs = cold(scene.servers, state, commands.controller_runtime(), count).usage
    name = f"daemon, {count} services"
    return [
        ratio(f"{name}: memory", _mib(ours.resident), _mib(theirs.resident), 1.0, sides=SIDES, unit="MiB"),
        ratio(f"{name}: most memory on the way", _mib(ours.peak), _mib(theirs.peak), None, sides=SIDES, unit="MiB"),
    ]


def _mib(size: int) -> list[float]:
    return [size / 2**20]
