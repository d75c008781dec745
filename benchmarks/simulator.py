"""The simulator, against what it was at a commit of the past: both play the same seeds, one after the other.

The seeds are the same numbers; the scenarios that they make may have grown since, as the engine has.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack

from benchmarks.figure import Figure, Scale, ratio, tell
from benchmarks.past import ROOT, files_of, python_path
from benchmarks.processor import cpu_seconds

THEN = "4d233680fe1d8f62109c28c24288ddc2cbd653f8"
"""The commit before work on speed began."""


def measure(scale: Scale) -> list[Figure]:
    """No figure where the commit isn't at hand, such as in a shallow clone."""
    seeds, rounds = scale.of(100, 20), scale.of(3, 1)
    now, then = [], []
    with ExitStack() as stack:
        past = stack.enter_context(files_of(THEN))
        if past is None:
            tell(f"the simulator isn't measured: git has no commit {THEN[:12]} here")
            return []
        paths = [stack.enter_context(python_path(root)) for root in (ROOT, past)]
        for path in paths:
            _seconds(path, "0..0")
        for turn in range(rounds):
            played = f"{turn * seeds}..{(turn + 1) * seeds - 1}"
            now.append(seeds / _seconds(paths[0], played))
            then.append(seeds / _seconds(paths[1], played))
    figure = ratio(
        f"simulator, seeds a second against commit {THEN[:7]}",
        now,
        then,
        2,
        bound="at least",
        unit="seeds a second of CPU",
        sides=("now", "then"),
    )
    tell(f"simulator: {figure.parts}")
    return [figure]


def _seconds(path: str, seeds: str) -> float:
    """Of a processor."""
    return cpu_seconds(
        [sys.executable, "-S", "-m", "doorward_daemon", "simulate", "--seeds", seeds], {"PYTHONPATH": path}
    )
