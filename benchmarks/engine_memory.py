"""What the engine keeps for one service, its components and its objects: bytes that Python has handed out."""

from __future__ import annotations

import gc
import tracemalloc
from multiprocessing import get_context

from doorward.backends import Backends

from benchmarks.engine_alone import converge
from benchmarks.figure import Figure, Scale
from benchmarks.fleet import fleet


def measure(scale: Scale) -> list[Figure]:
    count = scale.of(100_000, 1_000)
    with get_context("spawn").Pool(1) as process:
        size = process.apply(bytes_a_service, (count,))
    return [Figure(name=f"engine alone, {count} services, bytes a service", measured=size, goal=8_000, unit="bytes")]


def bytes_a_service(count: int) -> float:
    """In a process that has nothing else to keep."""
    backends = Backends()
    documents = list(fleet(count))
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    converged = converge(documents, backends)
    converged.actions.clear()
    gc.collect()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert converged.engine.idle
    return (after - before) / count
