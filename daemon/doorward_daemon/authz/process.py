"""The authorization service as a process of its own, from its first connection to a clean stop."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog
from doorward.backends import NoSource
from doorward.cluster.kube import AccessError
from doorward.cluster.protocol import ApiError

from doorward_daemon import garbage
from doorward_daemon.address import AddressError, parse_address
from doorward_daemon.authz.service import alone
from doorward_daemon.interrupt import interrupted
from doorward_daemon.reaching import reached
from doorward_daemon.saying import say_error

__all__ = ["start"]

_log = structlog.get_logger("doorward")


def start(
    kubeconfig: Path | None,
    context: str | None,
    *,
    listen: str,
    settings_namespace: str,
    namespaces: tuple[str, ...],
    sources: tuple[str, ...],
) -> int:
    """Run until stopped; gives the exit status.  What keeps it from beginning is told on standard error."""
    try:
        parse_address(listen)
        asyncio.run(_run(kubeconfig, context, listen, settings_namespace, namespaces, sources))
    except (AccessError, AddressError, NoSource, ApiError, OSError) as error:
        say_error(error)
        return 1
    return 0


async def _run(
    kubeconfig: Path | None,
    context: str | None,
    listen: str,
    settings_namespace: str,
    namespaces: tuple[str, ...],
    sources: tuple[str, ...],
) -> None:
    cluster = reached(kubeconfig, context)
    stop = interrupted()
    try:
        _log.info("starting", server=cluster.server, settings=settings_namespace)
        serving = alone(cluster, listen, settings_namespace=settings_namespace, namespaces=namespaces, sources=sources)
        async with serving as (url, _):
            garbage.look_at_what_comes()
            _log.info("answering checks", url=url)
            await stop.wait()
            _log.info("stopping")
    finally:
        await cluster.close()
