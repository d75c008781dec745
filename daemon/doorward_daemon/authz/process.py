"""The authorization service as a process of its own, from its first connection to a clean stop."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog
import typer
from doorward.backends import NoSource
from doorward.cluster.kube import AccessError, KubeCluster
from doorward.cluster.protocol import ApiError

from doorward_daemon.authz.service import alone
from doorward_daemon.interrupt import interrupted
from doorward_daemon.listening import AddressError, parse_address

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
        typer.secho("error: ", fg=typer.colors.RED, bold=True, nl=False, err=True)
        typer.echo(str(error), err=True)
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
    if kubeconfig is not None:
        cluster = KubeCluster.from_kubeconfig(kubeconfig, context)
    else:
        cluster = KubeCluster.connect(context)
    stop = interrupted()
    try:
        _log.info("starting", server=cluster.server, settings=settings_namespace)
        serving = alone(cluster, listen, settings_namespace=settings_namespace, namespaces=namespaces, sources=sources)
        async with serving as (url, _):
            _log.info("answering checks", url=url)
            await stop.wait()
            _log.info("stopping")
    finally:
        await cluster.close()
