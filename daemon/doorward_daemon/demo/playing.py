"""The demo from its beginning to its summary."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from time import perf_counter

import structlog
from doorward.backends import Backends
from doorward.engine import Engine
from doorward.model.counting import counted
from doorward.runtime.shell import Shell
from rich.console import Console

from doorward_daemon.demo.cluster import DemoCluster
from doorward_daemon.demo.story import Story
from doorward_daemon.demo.view import View, rows
from doorward_daemon.interrupt import interrupted

__all__ = ["play"]

PAUSE = 0.7
"""Seconds to read what happened, on a terminal."""
SHORT_PAUSE = 0.1


def play(keep: bool) -> None:
    """Show the demo; ``keep``: until interrupted."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("error"))
    with suppress(KeyboardInterrupt, asyncio.CancelledError):
        asyncio.run(_demo(keep))


async def _demo(keep: bool) -> None:
    began = perf_counter()
    console = Console(highlight=False)
    backends = Backends()
    cluster = DemoCluster(backends)
    engine = Engine(backends)
    view = View(engine, console)
    stop = interrupted()
    async with Shell(engine, cluster, listeners=[view]) as shell:
        others = asyncio.create_task(cluster.answer())
        story = Story(shell, cluster, view, PAUSE if console.is_terminal else SHORT_PAUSE)
        playing = asyncio.ensure_future(story.play())
        stopped = asyncio.ensure_future(stop.wait())
        try:
            async with view.shown():
                await asyncio.wait({playing, stopped}, return_when=asyncio.FIRST_COMPLETED)
                if playing.done():
                    playing.result()
                    if keep:
                        view.say("that was all; Ctrl-C ends it")
                        await stop.wait()
            view.show_table()
            console.print(_summary(shell, story, perf_counter() - began), soft_wrap=True)
        finally:
            for task in (playing, stopped, others):
                task.cancel()
            await asyncio.gather(playing, stopped, others, return_exceptions=True)


def _summary(shell: Shell, story: Story, seconds: float) -> str:
    writes = sum(shell.summary().writes.values())
    standing = rows(shell.engine)
    ready = sum(row.ready for row in standing)
    repaired = f"{len(story.repairs)} repaired"
    if story.repairs:
        repaired += f", the slowest after {max(story.repairs) * 1000:.0f} ms"
    return (
        f"{counted(len(standing), 'service')}, {ready} with a door that stands; {counted(writes, 'write')}; "
        f"{counted(story.followed, 'edit')} followed; {repaired}; {seconds:.1f} s in all"
    )
