"""Doors wait for room to write, and the shell for what makes room."""

from __future__ import annotations

from tests.patience import PATIENCE
from tests.shell.running import Running, Slow

NAMES = tuple(f"m{number}" for number in range(8))


async def test_doors_that_wait_for_writes_are_told_without_an_age_and_open_in_the_end() -> None:
    cluster = Slow()
    running = Running(cluster)
    running.add(*NAMES)
    now = 1_000_000.0
    shell = running.shell(ahead=2, concurrency=1, clock=lambda: now)
    async with shell:
        await shell.wait_for(lambda: cluster.waiting == 1 and shell.engine.unissued >= 2, PATIENCE)
        now += 30
        (doors, doors_for), (writes, writes_for) = shell.queues["doors"], shell.queues["writes"]
        assert doors > 0
        assert doors_for == 0
        assert writes >= 2
        assert writes_for == 30
        cluster.gate.set()
        await shell.wait_for(lambda: running.ready(*NAMES), PATIENCE)
        assert shell.queues["doors"] == (0, 0.0)
