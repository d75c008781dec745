"""What the daemon answers over HTTP: whether it lives, whether it is ready and why not, and its metrics."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from doorward.lease import Candidate
from doorward.runtime.shell import Shell
from prometheus_client import CONTENT_TYPE_LATEST

from doorward_daemon.listening import listening
from doorward_daemon.metrics import Metrics
from doorward_daemon.readiness import readiness

__all__ = ["serving"]


@asynccontextmanager
async def serving(
    shell: Shell,
    metrics: Metrics,
    address: str,
    candidate: Candidate | None = None,
    page: web.Application | None = None,
) -> AsyncIterator[str]:
    """Serve ``/healthz``, ``/readyz`` and ``/metrics``, and the page at ``/ui`` where there is one; gives the URL.

    Raises AddressError.
    """

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        ready, said = readiness(shell, candidate)
        lines = ["ready" if ready else "not ready", *said]
        return web.Response(status=200 if ready else 503, text="\n".join(lines) + "\n")

    async def measured(_: web.Request) -> web.Response:
        return web.Response(body=metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", measured)])
    if page is not None:
        app.add_subapp("/ui", page)
    runner = web.AppRunner(app, access_log=None)
    async with listening(runner, address) as url:
        yield url
