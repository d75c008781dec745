"""How many checks a second the authorization service answers on one core, and how long they take.

The service runs in a process of its own that is bound to one core; what asks it runs on another, over kept-alive
connections, as proxies do.  The figures are for API keys, for passwords that were tried before, and for wrong keys,
with a thousand doors of ten clients each.  The rate is told against the time of a processor that the service took:
whatever else the machine does meanwhile takes nothing from it.
"""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import Process
from statistics import median
from time import perf_counter, sleep

import bcrypt
from doorward.model.event import Observed, Synced
from doorward.model.reference import CONFIG_MAP, INFERENCE_SERVICE, SECRET, Ref
from doorward_daemon.authz.keys import KeyRings
from doorward_daemon.authz.server import Checks, serving
from doorward_daemon.authz.watched import WatchedDoors

from benchmarks.figure import Figure, Scale
from tests.controlplane.server import free_port

DOORS, CLIENTS = 1000, 10
CONNECTIONS = 8
SECONDS = 3.0
RATE = 2000
"""Checks a second at which the time of one is measured."""
REQUESTS = {
    "right key": "X-API-Key: key-{0}-3",
    "wrong key": "Authorization: Bearer key-{0}-x",
    "password": "Authorization: Basic " + base64.b64encode(b"alice:password").decode(),
}


def measure(scale: Scale) -> list[Figure]:
    """Checks a second of one core, and the 99th percentile in ms at 2,000 a second; medians of some rounds."""
    rates: dict[str, list[float]] = {}
    times: dict[str, list[float]] = {}
    with _service() as (port, pid):
        for _ in range(scale.of(3, 1)):
            for what, header in REQUESTS.items():
                rate, p99 = asyncio.run(_measured(port, pid, what, header))
                rates.setdefault(what, []).append(rate)
                times.setdefault(what, []).append(p99 * 1000)
    return [
        *(
            Figure(name=f"checks a second of a core, {what}", measured=median(each), goal=RATE, bound="at least")
            for what, each in rates.items()
        ),
        *(
            Figure(name=f"one check at {RATE:,} a second, p99, {what}", measured=median(each), goal=5, unit="ms")
            for what, each in times.items()
        ),
    ]


@contextmanager
def _service() -> Iterator[tuple[int, int]]:
    port = free_port()
    process = Process(target=_serve, args=(port,), daemon=True)
    process.start()
    try:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                sleep(0.1)
        _bind(0)
        assert process.pid
        yield port, process.pid
    finally:
        process.terminate()
        process.join()


def _bind(core: int) -> None:
    """Stay on one core, where there is more than one to choose from."""
    if hasattr(os, "sched_setaffinity") and len(cores := sorted(os.sched_getaffinity(0))) > 1:
        os.sched_setaffinity(0, {cores[core]})


def _serve(port: int) -> None:
    _bind(1)
    asyncio.run(_serving(port))


async def _serving(port: int) -> None:
    doors, rings = WatchedDoors(("",)), KeyRings()
    doors.take(Observed(at=0, kind=CONFIG_MAP, object={"data": {}}))
    hashed = bcrypt.hashpw(b"password", bcrypt.gensalt(10)).decode()
    for number in range(DOORS):
        kind = "basic" if number == 0 else "api-key"
        asked = {"doorward.io/auth": kind, "doorward.io/auth-secret": f"keys-{number}"}
        metadata = {"name": f"m-{number}", "namespace": "a", "uid": str(number), "annotations": asked}
        service = {"metadata": metadata, "spec": {"engine": {}}, "status": {}}
        doors.take(Observed(at=0, kind=INFERENCE_SERVICE, object=service))
        data = {f"client-{each}": f"key-{number}-{each}" for each in range(CLIENTS)}
        data = {"auth": f"alice:{hashed}"} if kind == "basic" else data
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
        rings.take(Ref(SECRET, "a", f"keys-{number}"), {"type": "Opaque", "data": encoded})
    keys = frozenset(("a", f"m-{number}") for number in range(DOORS))
    doors.take(Synced(at=0, kind=INFERENCE_SERVICE, keys=keys))
    async with serving(Checks(doors, rings), f"127.0.0.1:{port}"):
        await asyncio.Event().wait()


async def _measured(port: int, pid: int, what: str, header: str) -> tuple[float, float]:
    connections = [await asyncio.open_connection("127.0.0.1", port) for _ in range(CONNECTIONS)]
    try:
        await _asked(*connections[0], 1, what, header)  # the password is tried
        until, began = perf_counter() + SECONDS, _spent(pid)
        counts = await asyncio.gather(*(_flat_out(*each, until, what, header) for each in connections))
        rate = sum(counts) / (_spent(pid) - began)
        until = perf_counter() + SECONDS
        pace = CONNECTIONS / RATE
        times = await asyncio.gather(*(_paced(*each, until, pace, what, header) for each in connections))
        merged = sorted(time for each in times for time in each)
        return rate, merged[len(merged) * 99 // 100]
    finally:
        for _, writer in connections:
            writer.close()


def _spent(pid: int) -> float:
    """Seconds of a processor that a process has taken (proc(5): fields 14 and 15 of stat)."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _flat_out(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, until: float, what: str, header: str
) -> int:
    count = 0
    while perf_counter() < until:
        await _asked(reader, writer, count, what, header)
        count += 1
    return count


async def _paced(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, until: float, pace: float, what: str, header: str
) -> list[float]:
    times: list[float] = []
    due = perf_counter()
    while (now := perf_counter()) < until:
        if due > now:
            await asyncio.sleep(due - now)
        began = max(due, perf_counter())
        await _asked(reader, writer, len(times), what, header)
        times.append(perf_counter() - began)
        due += pace
    return times


async def _asked(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, count: int, what: str, header: str
) -> None:
    number = 0 if what == "password" else count % (DOORS - 1) + 1
    lines = (
        f"POST /door/envoy/a/m-{number}/v1/chat/completions HTTP/1.1",
        "Host: m.example.com",
        header.format(number),
    )
    writer.write("\r\n".join((*lines, "Content-Length: 0", "", "")).encode())
    answer = await reader.readuntil(b"\r\n\r\n")
    wanted = b" 401 " if what == "wrong key" else b" 200 "
    if wanted not in answer.split(b"\r\n", 1)[0]:
        sys.exit(f"{what}: {answer.decode()}")
