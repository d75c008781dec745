"""A cold start before a real API server, against kopf."""

from __future__ import annotations

from benchmarks.cluster.cold import cold
from benchmarks.cluster.outcome import assert_same
from benchmarks.cluster.scene import Scene
from benchmarks.figure import Figure, Scale, ratio
from benchmarks.peers import commands


def measure(scene: Scene, _: Scale) -> list[Figure]:
    ours = cold(scene.servers, scene.fresh, commands.doorward(), scene.count)
    theirs = cold(scene.servers, scene.fresh, commands.kopf(), scene.count)
    assert_same(ours.outcome, theirs.outcome, "kopf")
    name = f"cold, {scene.count} services: time against kopf"
    return [ratio(name, [ours.last], [theirs.last], 0.1, sides=("doorward", "kopf"))]
