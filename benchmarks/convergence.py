"""A cold start before a real API server: doorward, its peers, and the same writes with nobody who decides."""

from __future__ import annotations

from pathlib import Path

from benchmarks.cluster.cold import Cold, cold
from benchmarks.cluster.outcome import assert_same
from benchmarks.cluster.population import in_cluster, populate
from benchmarks.cluster.server import Servers
from benchmarks.figure import Figure, Scale, ratio
from benchmarks.peers import commands
from benchmarks.peers.raw import Raw, raw

OPERATOR = "controller-runtime"


def populated(servers: Servers, count: int) -> Path:
    """The folder of an API server with so many services that nobody has seen."""
    with servers.empty() as (kubeconfig, folder):
        in_cluster(kubeconfig, lambda cluster: populate(cluster, count))
    return folder


def measure(servers: Servers, state: Path, count: int, scale: Scale) -> tuple[list[Figure], Path]:
    """The figures, and the folder of an API server where doorward has opened every door."""
    ours: list[Cold] = []
    theirs: list[Cold] = []
    bare: list[Raw] = []
    for _ in range(scale.of(3, 1)):
        ours.append(cold(servers, state, commands.doorward(), count))
        theirs.append(cold(servers, state, commands.controller_runtime(), count))
        assert_same(ours[0].outcome, theirs[-1].outcome, OPERATOR)
        bare.append(raw(servers, state))
    sides = ("doorward", OPERATOR)
    name = f"cold, {count} services"
    return [
        ratio(f"{name}: time", [c.last for c in ours], [c.last for c in theirs], 1.0, sides=sides),
        ratio(f"{name}: CPU", [c.usage.cpu for c in ours], [c.usage.cpu for c in theirs], 1.2, sides=sides),
        ratio(f"{name}: first door", [c.first for c in ours], [c.first for c in theirs], 1.0, sides=sides),
        ratio(f"{name}: median door", [c.median for c in ours], [c.median for c in theirs], 1.0, sides=sides),
        ratio(
            f"{name}: writes a second against raw",
            [each.writes / run.last for each, run in zip(bare, ours, strict=True)],
            [each.writes / each.seconds for each in bare],
            0.9,
            bound="at least",
            unit="writes a second",
            sides=("doorward", "raw"),
        ),
    ], ours[-1].server


def against_kopf(servers: Servers, count: int) -> list[Figure]:
    state = populated(servers, count)
    ours = cold(servers, state, commands.doorward(), count)
    theirs = cold(servers, state, commands.kopf(), count)
    assert_same(ours.outcome, theirs.outcome, "kopf")
    name = f"cold, {count} services: time against kopf"
    return [ratio(name, [ours.last], [theirs.last], 0.1, sides=("doorward", "kopf"))]


def memory(servers: Servers, count: int) -> list[Figure]:
    state = populated(servers, count)
    ours = cold(servers, state, commands.doorward(), count).usage
    theirs = cold(servers, state, commands.controller_runtime(), count).usage
    sides = ("doorward", OPERATOR)
    name = f"memory, {count} services"
    megabytes = [[each / 2**20] for each in (ours.resident, theirs.resident, ours.peak, theirs.peak)]
    return [
        ratio(f"{name}: resident", megabytes[0], megabytes[1], 1.0, sides=sides, unit="MiB"),
        ratio(f"{name}: peak", megabytes[2], megabytes[3], None, sides=sides, unit="MiB"),
    ]
