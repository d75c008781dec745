"""The daemon: a shell before a real cluster, with health, metrics and logs around it."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
import structlog
import typer
from doorward.backends import OME, Backends, NoSource
from doorward.cluster.kube import AccessError, KubeCluster
from doorward.cluster.protocol import ApiError, Cluster
from doorward.engine import Engine
from doorward.journal import Journal, JournalError
from doorward.lease import Candidate, Terms
from doorward.model.action import Action
from doorward.model.counting import counted
from doorward.model.reference import CORE_RESOURCES, SERVICE
from doorward.runtime.listener import Listener
from doorward.runtime.shell import Shell, Summary

from doorward_daemon import garbage, logs
from doorward_daemon.address import AddressError, is_loopback, parse_address
from doorward_daemon.interrupt import interrupted
from doorward_daemon.journaling import cluster_name, file_of, journal_of, known_to
from doorward_daemon.metered import Metered
from doorward_daemon.metrics import Metrics
from doorward_daemon.reaching import reached
from doorward_daemon.readiness import readiness
from doorward_daemon.reported import condition_type, reported
from doorward_daemon.saying import say_error
from doorward_daemon.tracing import NoTracing, Traces, exporting

__all__ = ["Options", "reconcile", "start"]

BUDGET = 5
"""Doors that are decided at a time, before requests and signals get their turn: some milliseconds' worth."""
AHEAD = 100
"""Writes that wait before no further door is decided of which nothing stands: what the API server does in a second."""
ONCE_TIMEOUT = 600.0
"""Seconds after which ``--once`` gives up."""

_log = structlog.get_logger("doorward")


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line asks for."""

    settings_namespace: str = "ome"
    namespaces: tuple[str, ...] = ()
    journal: str | Path = ""
    """A file, or the URL of a database; empty: none."""
    cluster_name: str = ""
    """Whose journal it is in a database; empty: that of the UID of namespace kube-system."""
    once: bool = False
    dry_run: bool = False
    defaults: bool = False
    listen: str = ""
    authz: str = ""
    ui: bool | None = None
    """Whether the page is served at ``listen``; None: on loopback alone."""
    sources: tuple[str, ...] = (OME,)
    lease: str = ""
    """The name of the Lease by which one of several leads; empty: this one leads."""
    lease_duration: float = 15.0
    tracing: bool = False


def start(kubeconfig: Path | None, context: str | None, options: Options) -> int:
    """Run until stopped; gives the exit status.  What keeps it from beginning is told on standard error."""
    try:
        return asyncio.run(_connected(kubeconfig, context, options))
    except (AccessError, AddressError, JournalError, NoSource, NoTracing, ApiError, OSError) as error:
        say_error(error)
        return 1


async def _connected(kubeconfig: Path | None, context: str | None, options: Options) -> int:
    for address in filter(None, (options.listen, options.authz)):
        parse_address(address)
    cluster = reached(kubeconfig, context)
    try:
        _log.info("starting", server=cluster.server, settings=options.settings_namespace)
        if options.once:
            await _reach(cluster)
        return await reconcile(cluster, options)
    finally:
        await cluster.close()


async def _reach(cluster: KubeCluster) -> None:
    """Raise ApiError where the API server can't be asked: who waits for an answer wants to know at once."""
    resource = next(each for each in CORE_RESOURCES if each.kind == SERVICE)
    try:
        await cluster.served(resource)
    except ApiError as error:
        raise ApiError(error.status, error.reason, f"{cluster.server} doesn't answer: {error}") from None


async def reconcile(cluster: Cluster, options: Options) -> int:
    """Run before a cluster as the options say; gives the exit status.

    Raises AddressError where the address can't be listened on, JournalError where the journal can't be used.
    """
    engine = Engine(
        Backends(sources=options.sources),
        settings_namespace=options.settings_namespace,
        namespaces=options.namespaces,
        use_defaults=options.defaults,
        budget=BUDGET,
        ahead=AHEAD,
        stands_by=bool(options.lease),
    )
    stop = interrupted()
    async with AsyncExitStack() as stack:
        journal = await _journal(options, cluster, engine, stack)
        cluster = metered = Metered(cluster)
        candidate = _candidate(options, cluster) if options.lease else None
        shell = Shell(engine, cluster, journal, dry_run=options.dry_run, leadership=candidate)
        metrics = Metrics(shell, file_of(options.journal), metered)
        shell.listeners += [metrics, logs.WriteLog(shell), *([_Planned(shell)] if options.dry_run else [])]
        if options.tracing:
            await stack.enter_async_context(_traced(shell))
        if options.listen:
            await stack.enter_async_context(_listening(shell, journal, options, candidate, metrics))
        if options.authz:
            url = await stack.enter_async_context(_answering(shell, cluster, options, metrics))
            _log.info("answering checks", url=url)
        if candidate:
            # Left only once the shell has stopped, and with it every request.
            candidate.changed = shell.wake
            await stack.enter_async_context(candidate)
        await stack.enter_async_context(shell)
        metrics.seed()
        lag = asyncio.create_task(metrics.measure_lag())
        synced = asyncio.create_task(_synced(shell))
        stack.callback(lag.cancel)
        stack.callback(synced.cancel)
        if options.once:
            return await _once(shell, stop)
        deposed = [each.deposed for each in (candidate, shell) if each and each.deposed]
        await shell.run(until=_first(stop, *deposed))
        _log.info("stopping")
    return 1 if any(each.is_set() for each in deposed) else 0


@asynccontextmanager
async def _answering(shell: Shell, cluster: Cluster, options: Options, metrics: Metrics) -> AsyncIterator[str]:
    """Answer checks by what the engine knows; where it may stand by, and decides nothing, by what the cluster tells."""
    from doorward_daemon.authz.service import alone, beside

    if not options.lease:
        async with beside(shell, options.authz, metrics.registry) as url:
            yield url
        return
    async with alone(
        cluster,
        options.authz,
        settings_namespace=options.settings_namespace,
        namespaces=options.namespaces,
        sources=options.sources,
    ) as (url, _):
        yield url


@asynccontextmanager
async def _traced(shell: Shell) -> AsyncIterator[None]:
    """Have changes told as traces; what is still to be sent is sent in the end.  Raises NoTracing."""
    provider, engine = exporting(), shell.engine
    traces = Traces(provider.get_tracer("doorward"), tuple(engine.backends.sources), engine.named)
    shell.listeners.append(traces)
    finishing = asyncio.create_task(traces.keep_finishing(shell.clock))
    try:
        yield
    finally:
        finishing.cancel()
        traces.close()
        await asyncio.to_thread(provider.shutdown)


@asynccontextmanager
async def _listening(
    shell: Shell, journal: Journal | None, options: Options, candidate: Candidate | None, metrics: Metrics
) -> AsyncIterator[None]:
    """Serve health and metrics, and the page: on loopback unless that is switched off, elsewhere where it is asked for.

    A server takes longer to import than all lists of a small cluster: who serves nothing begins without one.
    """
    from doorward_daemon.health import serving
    from doorward_daemon.ui.page import Page

    page = None
    loopback = is_loopback(parse_address(options.listen)[0])
    if loopback if options.ui is None else options.ui:
        page = Page(
            shell,
            journal,
            settings_namespace=options.settings_namespace,
            loopback=loopback,
            readiness=lambda: readiness(shell, candidate),
        )
        shell.listeners += page.listeners
    async with serving(shell, metrics, options.listen, candidate, page.application() if page else None) as url:
        _log.info("listening", url=url, **({"page": f"{url}/ui"} if page else {}))
        yield


def _candidate(options: Options, cluster: Cluster) -> Candidate:
    """A process of its own among those of its pod's name: one that was restarted isn't the one that held the Lease."""
    identity = f"{os.environ.get('POD_NAME') or socket.gethostname()}_{secrets.token_hex(4)}"
    terms = Terms.of(options.lease_duration)
    return Candidate(cluster, options.settings_namespace, options.lease, identity=identity, terms=terms)


async def _first(*events: asyncio.Event) -> None:
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waiting:
            each.cancel()


async def _journal(options: Options, cluster: Cluster, engine: Engine, stack: AsyncExitStack) -> Journal | None:
    if not options.journal:
        return None
    name = options.cluster_name
    if not name and file_of(options.journal) is None:
        name = await cluster_name(cluster)
    if options.dry_run:
        known_to(options.journal, name, engine)
        return None
    lease = f"{options.settings_namespace}/{options.lease}" if options.lease else ""
    return journal_of(options.journal, name, lease, stack)


async def _synced(shell: Shell) -> None:
    """Say that everything is listed; what is there by then stays, and needs no garbage collector."""
    await shell.wait_for(lambda: not shell.engine.unsynced)
    garbage.look_at_what_comes()
    ready, said = readiness(shell)
    _log.info("everything is listed", ready=ready, services=shell.engine.service_count, notes=said)


async def _once(shell: Shell, stop: asyncio.Event) -> int:
    done = asyncio.ensure_future(shell.once(ONCE_TIMEOUT))
    stopped = asyncio.ensure_future(stop.wait())
    await asyncio.wait({done, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not done.done():
        done.cancel()
        typer.echo("interrupted; run it again to go on", err=True)
        return 1
    try:
        summary = done.result()
    except TimeoutError:
        typer.echo(f"not still after {ONCE_TIMEOUT:.0f} s: {'; '.join(readiness(shell)[1])}", err=True)
        return 1
    typer.echo(_told(summary, shell))
    return 0 if shell.engine.ready else 1


def _told(summary: Summary, shell: Shell) -> str:
    """What ``--once`` prints at its end."""
    standing, other = _doors(shell)
    verb = "would be written" if shell.dry_run else "written"
    writes = ", ".join(counted(count, *_VERBS[name]) for name, count in summary.writes.items()) or "nothing"
    lines = [f"{counted(summary.services, 'service')}, {standing} with a door that stands"]
    lines += [f"  {line}" for line in other]
    lines.append(
        f"{verb}: {writes}" + (f"; {counted(summary.refused, 'request')} failed on the way" if summary.refused else "")
    )
    lines += readiness(shell)[1]
    return "\n".join([*lines, f"{summary.seconds:.1f} s"])


_VERBS: Mapping[str, tuple[str, ...]] = {
    "create": ("creation",),
    "patch": ("update",),
    "status": ("status", "statuses"),
    "delete": ("deletion",),
    "event": ("event",),
}


def _doors(shell: Shell) -> tuple[int, list[str]]:
    """How many doors stand, and a line for each of the others."""
    standing, other, engine = 0, [], shell.engine
    known = [(source, each) for kind, source in engine.backends.sources.items() for each in engine.services(kind)]
    for source, service in known:
        condition = reported((service.get("status") or {}).get("conditions"), condition_type(source, engine.settings))
        if condition.get("status") == "True":
            standing += 1
        else:
            metadata = service["metadata"]
            why = f"{condition['reason']}: {condition.get('message', '')}" if condition.get("reason") else "no door yet"
            other.append(f"{metadata['namespace']}/{metadata['name']}: {why}")
    return standing, sorted(other)


class _Planned(Listener):
    """Prints what a dry run would write, one line each."""

    def __init__(self, shell: Shell) -> None:
        self._engine = shell.engine

    def planned(self, action: Action) -> None:
        service = self._engine.named(action.service)
        fields = f" ({', '.join(action.fields)})" if action.fields else ""
        typer.echo(f"{action.verb:<7}{action.ref}{fields}: {action.reason}, for {service}")
