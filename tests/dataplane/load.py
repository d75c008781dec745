"""A steady load on some doors while a test changes something, and what of it was lost."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from tests.dataplane.network import GATEWAY, Network
from tests.dataplane.starting import ROOT
from tests.patience import PATIENCE

RATE = 240
"""Requests a second, over all targets."""
SECONDS = 300
MOST = 60_000


@dataclass(frozen=True)
class Target:
    """Requests for a host and a path, and the addresses of the pods that may answer."""

    port: int
    host: str
    path: str
    pods: Sequence[str]
    address: str = GATEWAY
    authority: str = ""
    """In PEM, that which the client trusts to tell who the host is; without one it asks in plain HTTP."""


class Load:
    """It runs; see :func:`load`."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._told: dict[str, Any] = {"sent": 0, "answered": 0, "lost": [], "reached": []}
        self._more = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    @property
    def lost(self) -> list[str]:
        """Requests that weren't answered by a pod that should, a line each."""
        return list(self._told["lost"])

    @property
    def reached(self) -> list[dict[str, int]]:
        """By target: how many answers came from each address, or what came instead."""
        return list(self._told["reached"])

    async def more(self, count: int = 2 * RATE) -> None:
        """Wait until so many more requests were answered."""
        await self._until(int(self._told["answered"]) + count)

    async def end(self) -> None:
        """Send no more, and wait until all is answered."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await asyncio.wait_for(self._reading, PATIENCE)
        await self._process.wait()

    async def _until(self, answered: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while self._told["answered"] < answered:
                assert not self._reading.done(), "the load has ended by itself"
                self._more.clear()
                await self._more.wait()

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self._told = orjson.loads(line)
            self._more.set()


@asynccontextmanager
async def load(network: Network, targets: Sequence[Target], rate: float = RATE) -> AsyncIterator[Load]:
    """Requests in turn to each target until the block ends; some come before the block begins.

    The block's end waits for the last answers; afterwards nothing more is added to what was lost.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.dataplane.generator",
        stdin=PIPE,
        stdout=PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        limit=1 << 24,
        preexec_fn=network.entering(),
    )
    try:
        assert process.stdin is not None
        wanted = {"rate": rate, "seconds": SECONDS, "most": MOST, "targets": [asdict(target) for target in targets]}
        process.stdin.write(orjson.dumps(wanted) + b"\n")
        running = Load(process)
        await running.more()
        yield running
        await running.end()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
