"""``doorward demo``: the real engine before a cluster that exists in memory only."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["command"]


def command(
    keep: Annotated[
        bool, typer.Option("--keep", help="Stay at the end, until interrupted, instead of exiting.")
    ] = False,
) -> None:
    """Watch doors open, change and be repaired, in a cluster that exists in memory only.

    The engine, the backends and the shell are the real ones; OME, the gateways and the cloud are played. Takes some
    ten seconds, needs no cluster, and touches nothing.
    """
    from doorward_daemon.demo import playing

    playing.play(keep)
