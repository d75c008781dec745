"""``doorward simulate``: the engine against bad days, in memory and in virtual time."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["command"]


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
    from doorward_daemon import simulating

    if scenario is not None:
        raise typer.Exit(simulating.play_file(scenario, story))
    raise typer.Exit(simulating.play(_range(seeds), jobs, story=story, save=save))


def _range(text: str) -> range:
    found = re.fullmatch(r"(\d+)(?:\.\.(\d+))?", text)
    if not found:
        raise typer.BadParameter(f"{text!r} is neither a seed nor A..B", param_hint="--seeds")
    first = int(found[1])
    last = int(found[2]) if found[2] else first
    if last < first:
        raise typer.BadParameter(f"{text} is empty", param_hint="--seeds")
    return range(first, last + 1)
