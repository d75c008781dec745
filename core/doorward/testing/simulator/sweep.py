"""Many seeds, over as many processes as there are to spare."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator
from functools import partial
from multiprocessing import get_context

import msgspec

from doorward.testing.simulator.generate import Sources, generate
from doorward.testing.simulator.invariants import Violation
from doorward.testing.simulator.runner import Run
from doorward.testing.simulator.shrink import Failure

CHUNK = 50
"""Seeds that a process plays before it reports."""


class Tally(msgspec.Struct):
    """What became of some seeds."""

    seeds: int = 0
    steps: int = 0
    writes: int = 0
    faults: Counter[str] = msgspec.field(default_factory=Counter)
    failures: dict[int, Failure] = {}

    def add(self, other: Tally) -> None:
        self.seeds += other.seeds
        self.steps += other.steps
        self.writes += other.writes
        self.faults.update(other.faults)
        self.failures |= other.failures


def play_seeds(seeds: range, sources: Sources = "ome") -> Tally:
    """Play the scenarios of these seeds, one after the other."""
    tally = Tally()
    for seed in seeds:
        scenario = generate(seed, sources)
        run = Run(scenario)
        try:
            run.play()
        except Violation as violation:
            tally.failures[seed] = Failure(violation.invariant, str(violation))
        except Exception as error:
            told = f"the engine raises {type(error).__name__}: {error}"
            tally.failures[seed] = Failure(type(error).__name__, told)
        tally.seeds += 1
        tally.steps += len(scenario.steps)
        tally.writes += run.writes
        tally.faults.update(run.faults)
    return tally


def _freeze() -> None:
    """What a process imports stays: looking for garbage there, again and again, takes a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)


def sweep(seeds: range, jobs: int = 1, sources: Sources = "ome") -> Iterator[Tally]:
    """Tallies of one chunk of seeds after the other, in their order; ``jobs`` processes work on them."""
    chunks = [seeds[at : at + CHUNK] for at in range(0, len(seeds), CHUNK)]
    if jobs == 1 or len(chunks) == 1:
        yield from (play_seeds(chunk, sources) for chunk in chunks)
        return
    with get_context("spawn").Pool(jobs, _freeze) as pool:
        yield from pool.imap(partial(play_seeds, sources=sources), chunks)
