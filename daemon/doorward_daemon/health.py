"""What the daemon answers over HTTP: whether it lives, whether it is ready and why not, and its metrics."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from doorward.runtime.shell import Shell
from prometheus_client import CONTENT_TYPE_LATEST

from doorward_daemon.metrics import Metrics

__all__ = ["AddressError", "parse_address", "readiness", "serving"]


class AddressError(Exception):
    """An address that can't be listened on."""


def parse_address(text: str) -> tuple[str | None, int]:
    """``HOST:PORT``, ``:PORT`` or ``[IPv6]:PORT``; no host: every address.  Raises AddressError."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise AddressError(f"{text!r} is no address; write HOST:PORT, such as 127.0.0.1:8080 or :8080")
    return host.strip("[]") or None, int(port)


def readiness(shell: Shell) -> tuple[bool, list[str]]:
    """Whether the daemon is ready, and what there is to say about it."""
    engine = shell.engine
    said = []
    if engine.unsynced:
        said.append(f"not listed yet: {', '.join(engine.unsynced)}")
    in_force = engine.settings is not None
    for problem in engine.problems:
        said.append(f"settings: {problem}" + ("; the last good ones stay in force" if in_force else ""))
    if not in_force and not engine.problems and not engine.unsynced:
        said.append("settings: none are in force")
    for kind, state in engine.missing.items():
        what = "isn't served by this cluster" if state == "absent" else "may not be listed"
        said.append(f"{kind} {what}")
    if shell.journal_problem:
        said.append(shell.journal_problem)
    return engine.ready, said


@asynccontextmanager
async def serving(shell: Shell, metrics: Metrics, address: str) -> AsyncIterator[str]:
    """Serve ``/healthz``, ``/readyz`` and ``/metrics``; gives the URL.  Raises AddressError."""
    host, port = parse_address(address)

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        ready, said = readiness(shell)
        lines = ["ready" if ready else "not ready", *said]
        return web.Response(status=200 if ready else 503, text="\n".join(lines) + "\n")

    async def measured(_: web.Request) -> web.Response:
        return web.Response(body=metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", measured)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise AddressError(f"can't listen on {address}: {error.strerror or error}") from None
        bound = runner.addresses[0]
        where = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        yield f"http://{where}:{bound[1]}"
    finally:
        await runner.cleanup()
