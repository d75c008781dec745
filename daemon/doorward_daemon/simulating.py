"""Playing the simulator's scenarios, and telling people what came of them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

import typer
from doorward.model.counting import counted
from doorward.testing.simulator import Failure, Scenario, Tally, dump, failure, generate, load, shrink, sweep, tell

__all__ = ["play", "play_file"]

_MOST = 3
"""Failing seeds that are shrunk and told; the others are named."""


def play_file(file: Path, story: bool) -> int:
    """Play the scenario in a file; gives the exit status."""
    return _play_one(load(file.read_bytes()), story)


def play(seeds: range, jobs: int, *, story: bool, save: Path | None) -> int:
    """Play what these seeds make, in so many processes, and keep in ``save`` what fails; gives the exit status."""
    if story and len(seeds) == 1:
        return _play_one(generate(seeds[0]), story)
    began = time.monotonic()
    total = Tally()
    for tally in sweep(seeds, jobs):
        total.add(tally)
        for seed, found in tally.failures.items():
            if len(total.failures) <= _MOST:
                _tell_failure(seed, found, save)
            else:
                typer.echo(f"seed {seed} fails: {found.message}")
    _summary(total, time.monotonic() - began)
    return 1 if total.failures else 0


def _play_one(scenario: Scenario, story: bool) -> int:
    if story:
        _lines(tell(scenario))
    found = failure(scenario)
    typer.echo(found.message if found else "every promise holds")
    return 1 if found else 0


def _tell_failure(seed: int, found: Failure, save: Path | None) -> None:
    typer.echo(f"seed {seed} fails: {found.message}")
    shortest = shrink(generate(seed), found.what)
    again = failure(shortest)
    typer.echo(f"the shortest scenario that fails so, {counted(len(shortest.steps), 'step')}:")
    _lines(tell(shortest))
    typer.echo(f"      {again.message if again else 'which fails no more'}")
    if save is not None:
        save.mkdir(parents=True, exist_ok=True)
        file = save / f"seed-{seed}.json"
        file.write_bytes(dump(shortest))
        typer.echo(f"play it again: doorward simulate --scenario {file}")
    typer.echo(f"play the whole seed again: doorward simulate --seeds {seed}")


def _summary(total: Tally, seconds: float) -> None:
    faults = sum(total.faults.values())
    typer.echo(
        f"{counted(total.seeds, 'seed')}, {counted(total.steps, 'step')}, {counted(total.writes, 'write')}, "
        f"{counted(faults, 'fault')} injected, "
        f"{len(total.failures)} failed; {total.seeds / max(seconds, 1e-9):.1f} seeds a second"
    )
    for fault, count in sorted(total.faults.items()):
        if count:
            typer.echo(f"{count:10}  {fault}")


def _lines(lines: Iterable[str]) -> None:
    for line in lines:
        typer.echo(line)
