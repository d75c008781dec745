"""A cold start before a real API server: doorward, controller-runtime, and the same writes with nobody who decides."""

from __future__ import annotations

from benchmarks.cluster.cold import Cold, cold
from benchmarks.cluster.outcome import assert_same
from benchmarks.cluster.scene import Scene
from benchmarks.figure import Figure, Scale, ratio
from benchmarks.peers import commands
from benchmarks.peers.raw import Raw, raw

SIDES = ("doorward", "controller-runtime")


def measure(scene: Scene, scale: Scale) -> list[Figure]:
    ours: list[Cold] = []
    theirs: list[Cold] = []
    bare: list[Raw] = []
    for _ in range(scale.of(2, 1)):
        ours.append(cold(scene.servers, scene.fresh, commands.doorward(), scene.count))
        theirs.append(cold(scene.servers, scene.fresh, commands.controller_runtime(), scene.count))
        assert_same(ours[0].outcome, theirs[-1].outcome, SIDES[1])
        bare.append(raw(scene.servers, scene.fresh))
    scene.converged = ours[-1].server
    name = f"cold, {scene.count} services"
    time = ratio(f"{name}: time", [c.last for c in ours], [c.last for c in theirs], 1.0, sides=SIDES)
    time.series.update({SIDES[0]: ours[-1].times, SIDES[1]: theirs[-1].times})
    return [
        time,
        ratio(f"{name}: CPU", [c.usage.cpu for c in ours], [c.usage.cpu for c in theirs], 1.2, sides=SIDES),
        ratio(f"{name}: first door", [c.first for c in ours], [c.first for c in theirs], 1.0, sides=SIDES),
        ratio(f"{name}: median door", [c.median for c in ours], [c.median for c in theirs], 1.0, sides=SIDES),
        ratio(
            f"{name}: writes a second, against raw",
            [each.writes / run.last for each, run in zip(bare, ours, strict=True)],
            [each.writes / each.seconds for each in bare],
            0.9,
            bound="at least",
            unit="writes/s",
            sides=("doorward", "raw"),
        ),
    ]
