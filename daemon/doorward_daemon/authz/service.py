"""The authorization service at work: inside the daemon, beside its engine, or as a process of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import prometheus_client
import structlog
from doorward.backends import OME, Backends
from doorward.cluster.protocol import Cluster
from doorward.model.event import AnyEvent
from doorward.model.reference import CONFIG_MAP, CORE_RESOURCES
from doorward.runtime.clock import SteadyClock
from doorward.runtime.secrets import Secrets
from doorward.runtime.shell import Shell
from doorward.runtime.watcher import PAUSES, watch_kind
from prometheus_client import CollectorRegistry, Counter

from doorward_daemon.authz.decision import Why
from doorward_daemon.authz.doors import EngineDoors
from doorward_daemon.authz.keys import KeyRings
from doorward_daemon.authz.server import Checks, serving
from doorward_daemon.authz.watched import WatchedDoors, settings_selector

__all__ = ["alone", "beside"]

RESTART = 1.0
"""Seconds before a watch that failed begins again."""

_log = structlog.get_logger("doorward")


@asynccontextmanager
async def beside(shell: Shell, address: str, registry: CollectorRegistry) -> AsyncIterator[str]:
    """Serve checks by what a shell's engine knows, before the shell is started; gives the URL.

    Raises AddressError.
    """
    doors, rings = EngineDoors(shell.engine), KeyRings()
    shell.secrets.takers.append(rings.take)
    checks = Checks(doors, rings, header=lambda: doors.header, count=_counter(registry))
    async with serving(checks, address) as url:
        yield url


@asynccontextmanager
async def alone(
    cluster: Cluster,
    address: str,
    *,
    settings_namespace: str = "ome",
    namespaces: tuple[str, ...] = (),
    sources: Iterable[str] = (OME,),
) -> AsyncIterator[tuple[str, WatchedDoors]]:
    """Serve checks by what the cluster tells; gives the URL, and the doors as they come to be known.

    Raises AddressError.
    """
    scopes = namespaces or ("",)
    served = Backends(sources=sources).sources
    resources = {r.kind: r for r in (*CORE_RESOURCES, *(source.resource for source in served.values()))}
    doors, rings, registry = WatchedDoors(scopes, served), KeyRings(), CollectorRegistry()
    clock = SteadyClock()
    tasks: list[asyncio.Task[None]] = []

    def supervise(work: Callable[[], Coroutine[Any, Any, None]], name: str) -> asyncio.Task[None]:
        tasks.append(task := asyncio.create_task(_for_ever(work, name), name=f"doorward: {name}"))
        return task

    secrets = Secrets(cluster, clock=clock, emit=_ignored, pauses=PAUSES, supervise=supervise)
    secrets.takers.append(rings.take)

    def take(event: AnyEvent) -> None:
        problems = doors.problems
        doors.take(event)
        if doors.problems != problems:
            _log.warning("the settings are wrong; the last good ones stay in force", problems=doors.problems)
        if doors.ready:
            secrets.follow(doors.secrets)

    checks = Checks(
        doors,
        rings,
        header=lambda: doors.header,
        count=_counter(registry),
        metrics=partial(prometheus_client.generate_latest, registry),
    )
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serving(checks, address))
        stack.push_async_callback(_ended, tasks)
        for kind, where, selector in (
            *((source.resource.kind, scope, "") for source in served.values() for scope in scopes),
            (CONFIG_MAP, settings_namespace, settings_selector()),
        ):
            watching = partial(
                watch_kind, cluster, resources[kind], where, clock=clock, emit=take, field_selector=selector
            )
            supervise(watching, f"watch {kind} {where}")
        yield url, doors


def _ignored(_: AnyEvent) -> None:
    """Whether a Secret is of use is the engine's to say; here its keys are enough."""


def _counter(registry: CollectorRegistry) -> Callable[[Why], None]:
    checks = Counter("doorward_authz_checks", "Checks, by what came of them.", ["outcome"], registry=registry)
    return lambda why: checks.labels(why).inc()


async def _for_ever(work: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
    while True:
        try:
            await work()
        except Exception as error:  # without a traceback: what is at hand may be a Secret
            _log.error("a task failed and begins again", task=name, error=type(error).__name__)
        await asyncio.sleep(RESTART)


async def _ended(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
