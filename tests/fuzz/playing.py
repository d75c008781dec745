"""Inputs at random, from a seed, in chunks that processes share."""

from __future__ import annotations

import importlib
import random

from tests.fuzz.finding import Finding, smaller, tried
from tests.fuzz.target import Target

CHUNK = 250
"""Inputs that a process makes before it reports."""
Chunk = tuple[str, int, int]
"""A target, a seed, and how many inputs."""


def load(name: str) -> Target:
    target: Target = importlib.import_module(f"tests.fuzz.{name}").TARGET
    return target


def shares(targets: list[str], inputs: int) -> dict[str, int]:
    """How many inputs each target gets."""
    weights = {name: load(name).share for name in targets}
    whole = sum(weights.values())
    return {name: -(-inputs * weight // whole) for name, weight in weights.items()}


def play(chunk: Chunk) -> tuple[str, int, list[Finding]]:
    """The inputs of a chunk, from its seed alone; one finding for each line that raises."""
    name, seed, count = chunk
    target, source = load(name), random.Random(f"{name} {seed}")
    found: dict[str, Finding] = {}
    for _ in range(count):
        data = source.randbytes(int(4 * 2 ** source.uniform(0, 7)))
        finding = tried(target, data)
        if finding and finding.where not in found:
            found[finding.where] = smaller(target, data, finding)
    return name, count, list(found.values())


def chunks(counts: dict[str, int], seed: int) -> list[Chunk]:
    """All of them, well mixed, so that a run that is ended early has tried some of each target."""
    found = [
        (name, seed * 1_000_000 + number, min(CHUNK, count - start))
        for name, count in counts.items()
        for number, start in enumerate(range(0, count, CHUNK))
    ]
    random.Random(seed).shuffle(found)
    return found
