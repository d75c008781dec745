"""doorward inside a controller of your own: one more task in your event loop, and word of all that it does.

    python examples/embedded_controller.py

It speaks to the cluster that kubectl would speak to, and goes on until it is interrupted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from doorward import Action, Cluster, Engine, KubeCluster, Listener, Outcome, Shell


class Told(Listener):
    """Prints every write, with the reason for it."""

    def performed(self, action: Action, outcome: Outcome, seconds: float) -> None:
        print(f"{action.verb} {action.ref}: {action.reason} -> {type(outcome).__name__} in {seconds:.3f} s")


async def control(cluster: Cluster, yours: Awaitable[object]) -> int:
    """Open doors for as long as ``yours``, the rest of your controller, goes on; gives how many services there were."""
    async with Shell(Engine(budget=100), cluster, listeners=[Told()]) as shell:
        await yours
        return len(shell.engine.services())


async def main() -> None:
    cluster = KubeCluster.connect()
    try:
        await control(cluster, asyncio.Event().wait())
    finally:
        await cluster.close()


if __name__ == "__main__":
    asyncio.run(main())
