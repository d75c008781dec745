"""``doorward simulate``: the engine against bad days, in memory and in virtual time."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from doorward.testing.simulator import Failure, Scenario, Tally, dump, failure, generate, load, shrink, sweep, tell

__all__ = ["command"]

_MOST = 3
"""Failing seeds that are shrunk and told; the others are named."""


def command(
    seeds: Annotated[
        str, typer.Option("--seeds", "-s", metavar="A..B", help="The seeds to play, both ends included; or one seed.")
    ] = "0..999",
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Processes to play them in.")] = 1,
    scenario: Annotated[
        Path | None,
        typer.Option("--scenario", metavar="FILE", exists=True, dir_okay=False, help="Play this scenario instead."),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option("--save", metavar="DIR", file_okay=False, help="Where to keep shrunk scenarios that fail."),
    ] = None,
    story: Annotated[bool, typer.Option("--story", help="Tell what happens, step by step.")] = False,
) -> None:
    """Play scenarios of users' edits and of faults, and check that every promise holds.

    Each seed makes one scenario, always the same: services, settings, lost and doubled events, refused and lost
    writes, crashes, meddlers, two leaders … At its end faults stop, and the cluster has to reach what the inputs ask
    for. A seed that fails is shrunk to the shortest scenario that still fails, and told as a story.

    Examples:

        doorward simulate --seeds 0..9999 --jobs 2

        doorward simulate --seeds 17 --story

    Exit status: 0; 1 when a seed fails; 2 when the options make no sense.
    """
    if scenario is not None:
        raise typer.Exit(_play_one(load(scenario.read_bytes()), story))
    asked = _range(seeds)
    if story and len(asked) == 1:
        raise typer.Exit(_play_one(generate(asked[0]), story))
    began = time.monotonic()
    total = Tally()
    for tally in sweep(asked, jobs):
        total.add(tally)
        for seed, found in tally.failures.items():
            if len(total.failures) <= _MOST:
                _tell_failure(seed, found, save)
            else:
                typer.echo(f"seed {seed} fails: {found.message}")
    _summary(total, time.monotonic() - began)
    raise typer.Exit(1 if total.failures else 0)


def _range(text: str) -> range:
    found = re.fullmatch(r"(\d+)(?:\.\.(\d+))?", text)
    if not found:
        raise typer.BadParameter(f"{text!r} is neither a seed nor A..B", param_hint="--seeds")
    first = int(found[1])
    last = int(found[2]) if found[2] else first
    if last < first:
        raise typer.BadParameter(f"{text} is empty", param_hint="--seeds")
    return range(first, last + 1)


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
    typer.echo(f"the shortest scenario that fails so, {len(shortest.steps)} steps:")
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
        f"{total.seeds} seeds, {total.steps} steps, {total.writes} writes, {faults} faults injected, "
        f"{len(total.failures)} failed; {total.seeds / max(seconds, 1e-9):.1f} seeds a second"
    )
    for fault, count in sorted(total.faults.items()):
        if count:
            typer.echo(f"{count:10}  {fault}")


def _lines(lines: Iterable[str]) -> None:
    for line in lines:
        typer.echo(line)
