"""A very large fleet: whether it opens in proportion, and whether one edit of one service takes any longer in it."""

from __future__ import annotations

import gc
from statistics import mean
from time import process_time

from doorward.backends import Backends
from doorward.model.event import Observed
from doorward.model.reference import INFERENCE_SERVICE

from benchmarks.engine_alone import Converged, as_the_daemon_does, converge
from benchmarks.figure import Figure, Scale, percentile, tell
from benchmarks.fleet import fleet

EDITS = 1_000


def measure(scale: Scale) -> list[Figure]:
    as_the_daemon_does()
    backends = Backends()
    few, some, many = 1_000, scale.of(10_000, 500), scale.of(100_000, 5_000)
    cold: dict[int, list[float]] = {}
    worst: dict[int, list[float]] = {}
    # A machine that others share is faster now and slower then: the largest fleet lies between the smaller ones.
    for count in (few, some, many, some, few):
        converged = converge(list(fleet(count)), backends)
        gc.collect()
        gc.freeze()
        times = edits(converged, EDITS)
        gc.unfreeze()
        cold.setdefault(count, []).append(converged.seconds)
        worst.setdefault(count, []).append(percentile(times))
        tell(f"{count} services: cold {converged.seconds:.1f} s, an edit at most {1e6 * worst[count][-1]:.0f} us (p99)")
        del converged
    return [
        Figure(
            name=f"engine alone, {many} / {some} services",
            measured=mean(cold[many]) / mean(cold[some]),
            goal=1.05 * many / some,
            parts={f"{count} services (s)": mean(cold[count]) for count in (many, some)},
        ),
        Figure(
            name=f"one event, p99, {many} / {few} services",
            measured=mean(worst[many]) / mean(worst[few]),
            goal=1.2,
            parts={f"{count} services (us)": 1e6 * mean(worst[count]) for count in (many, few)},
        ),
    ]


def edits(converged: Converged, count: int) -> list[float]:
    """Seconds for each of so many edits that change a door: from the event to the writes that follow."""
    times: list[float] = []
    services = converged.engine.services()
    step = max(1, len(services) // count)
    for turn in range(count):
        obj = services[(turn * step) % len(services)]
        converged.version += 1
        obj["metadata"]["annotations"]["ome.io/ingress-additional-domains"] = f"alt-{turn}.example.com"
        obj["metadata"]["resourceVersion"] = str(converged.version)
        start = process_time()
        converged.receive(Observed(at=1.0, kind=INFERENCE_SERVICE, object=obj))
        actions = converged.ask()
        times.append(process_time() - start)
        converged.answer(actions, 1.0)
        converged.work_off(1.0)
    return times
