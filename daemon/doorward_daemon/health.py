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

__all__ = ["readiness", "serving"]


def readiness(shell: Shell, candidate: Candidate | None = None) -> tuple[bool, list[str]]:
    """Whether the daemon is ready, to lead or to stand by, and what there is to say about it."""
    engine = shell.engine
    said = []
    if candidate and candidate.problem:
        said.append(f"lease {candidate.namespace}/{candidate.name}: {candidate.problem}")
    elif candidate and not shell.leading:
        said.append(f"stands by: {candidate.holder or 'nobody'} leads")
    if engine.unsynced:
        said.append(f"not listed yet: {', '.join(engine.unsynced)}")
    in_force = engine.settings is not None
    for problem in engine.problems:
        said.append(f"settings: {problem}" + ("; the last good ones stay in force" if in_force else ""))
    if not in_force and not engine.problems and not engine.unsynced:
        said.append("settings: none are in force")
    for kind, state in engine.missing.items():
        what = "isn't served by this cluster" if state == "absent" else "may not be listed"
        said.append(": ".join(filter(None, (f"{kind} {what}", engine.why_missing(kind)))))
    for (kind, _), why in shell.unwatched.items():
        said.append(f"{kind} may not be watched, and is listed again and again: {why}")
    if shell.journal_problem:
        said.append(shell.journal_problem)
    return engine.ready and not (candidate and candidate.problem), said


@asynccontextmanager
async def serving(
    shell: Shell, metrics: Metrics, address: str, candidate: Candidate | None = None
) -> AsyncIterator[str]:
    """Serve ``/healthz``, ``/readyz`` and ``/metrics``; gives the URL.  Raises AddressError."""

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
    runner = web.AppRunner(app, access_log=None)
    async with listening(runner, address) as url:
        yield url
