"""A controller as a process: started, looked at in /proc with its children, and ended."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import perf_counter

import msgspec

from benchmarks.processor import environment
from tests.controlplane.server import die_with

GRACE = 20.0
"""Seconds that a controller has to end in."""


class Command(msgspec.Struct, frozen=True):
    """How a controller is started; the kubeconfig is in its environment."""

    name: str
    arguments: Sequence[str]
    environ: Mapping[str, str] = {}


class Usage(msgspec.Struct, frozen=True):
    """What a process and its children, ended ones included, have taken."""

    cpu: float
    """Seconds of a processor."""
    resident: int
    """Bytes now."""
    peak: int
    """Bytes at most, of the process itself."""


class Running:
    """A process that runs, and when it began on the clock of ``perf_counter``."""

    def __init__(self, process: asyncio.subprocess.Process, began: float, log: Path) -> None:
        self.began = began
        self._process = process
        self._log = log

    @property
    def seconds(self) -> float:
        return perf_counter() - self.began

    async def rested(self) -> None:
        """Wait until it is idle: until it takes less than a fiftieth of a processor, a second long."""
        before = self.usage().cpu
        while True:
            await asyncio.sleep(1.0)
            now = self.usage().cpu
            if now - before < 0.02:
                return
            before = now

    def usage(self) -> Usage:
        """Raises RuntimeError, with the end of the log, where the process has ended."""
        if self._process.returncode is not None:
            raise RuntimeError(f"it ended with {self._process.returncode}:\n{self.said()}")
        return usage_of(self._process.pid)

    def said(self) -> str:
        return self._log.read_text(errors="replace")[-2000:]

    async def ended(self) -> int:
        return await self._process.wait()


@asynccontextmanager
async def running(command: Command, kubeconfig: Path, log: Path) -> AsyncIterator[Running]:
    """A controller before an API server; it is ended at the end."""
    environ = environment({**command.environ, "KUBECONFIG": str(kubeconfig)})
    parent = os.getpid()
    with log.open("wb") as output:
        began = perf_counter()
        process = await asyncio.create_subprocess_exec(
            *command.arguments,
            env=environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=log.parent,
            preexec_fn=lambda: die_with(parent),
        )
    try:
        yield Running(process, began, log)
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), GRACE)
        except TimeoutError:
            process.kill()
            await process.wait()


def usage_of(pid: int) -> Usage:
    """Of a process and its living children (proc(5): stat, status)."""
    cpu, resident, peak = 0.0, 0, 0
    for each in (pid, *_descendants(pid)):
        with suppress(OSError):
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            cpu += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
            status = dict(line.split(":", 1) for line in Path(f"/proc/{each}/status").read_text().splitlines())
            resident += _bytes(status.get("VmRSS", "0"))
            if each == pid:
                peak = _bytes(status.get("VmHWM", "0"))
    return Usage(cpu, resident, peak)


def _bytes(told: str) -> int:
    return int(told.split()[0]) * 1024


def _descendants(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, task.read_text().split()):
                found += [child, *_descendants(child)]
    return found
