"""Doors of a cluster, told once or for as long as somebody looks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import typer
from doorward.backends import OME, Backends
from doorward.cluster.protocol import Cluster
from doorward.engine import SETTINGS_NAME
from doorward.explaining import ExplainingEngine
from doorward.model.event import Deleted, Observed, Record
from doorward.model.quoting import visible
from doorward.model.reference import CONFIG_MAP, Ref
from doorward.runtime.listener import Listener

from doorward_daemon.asking import looking
from doorward_daemon.asking.doors import COLUMNS, Row, row, rows
from doorward_daemon.asking.failing import warn_beside
from doorward_daemon.asking.meant import did_you_mean
from doorward_daemon.asking.printing import echo, line, structured, table
from doorward_daemon.asking.services import About
from doorward_daemon.doctor.finding import edit_of_settings
from doorward_daemon.interrupt import interrupted
from doorward_daemon.saying import say, say_error

__all__ = ["Question", "get"]

GONE = "Deleted"
"""In place of a reason, for a service that is gone."""
GATHER = 0.1
"""Seconds for which changes gather before they are told."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked; ``namespace`` is empty where none was named."""

    names: tuple[str, ...] = ()
    namespace: str = ""
    everywhere: bool = False
    format: str = "table"
    settings_namespace: str = "ome"
    sources: tuple[str, ...] = ()

    def engine(self, about: About) -> ExplainingEngine:
        return ExplainingEngine(
            Backends(sources=self.sources or (OME,)),
            settings_namespace=self.settings_namespace,
            namespaces=about.namespaces,
            use_defaults=True,
        )


def get(kubeconfig: Path | None, context: str | None, question: Question, *, watch: bool) -> int:
    """Print the doors that are asked about; gives the exit status.  Raises what keeps a cluster from answering."""
    return asyncio.run(asked(kubeconfig, context, question, watch=watch))


async def asked(kubeconfig: Path | None, context: str | None, question: Question, *, watch: bool) -> int:
    reached = looking.connect(kubeconfig, context)
    try:
        about = About.of(question.names, question.namespace or reached.namespace, everywhere=question.everywhere)
        engine = question.engine(about)
        if watch:
            await _follow(reached.cluster, engine, about, question.format)
            return 0
        await looking.look(reached.cluster, engine, secrets=False)
    finally:
        await reached.cluster.close()
    _note_rejected(engine, question.settings_namespace)
    found = rows(engine, about)
    if question.format != "table":
        echo(structured([each.plain() for each in found], question.format), nl=False)
    elif found:
        _print(found, None)
    return _missing(about, found, engine)


def _missing(about: About, found: Sequence[Row], engine: ExplainingEngine) -> int:
    missing = about.missing([each.ref for each in found])
    for name in missing:
        say_error(f"there is no service {name}{did_you_mean(name, engine)}")
    if not found and not missing:
        where = f"namespace {', '.join(about.namespaces)} (-A: all of them)" if about.namespaces else "the cluster"
        typer.echo(f"no services in {where}", err=True)
    return 1 if missing else 0


def _note_rejected(engine: ExplainingEngine, namespace: str) -> None:
    """That edits of the settings change no door just now, for who wonders why."""
    if engine.problems and CONFIG_MAP not in engine.missing:
        what = f"ConfigMap {namespace}/{SETTINGS_NAME} is rejected, and changes no door: {engine.problems[0]}"
        say("note", typer.colors.YELLOW, f"{visible(what)}; to put it right: {edit_of_settings(namespace)}")


def _print(found: Sequence[Row], widths: list[int] | None) -> None:
    now = time.time()
    for each in table(COLUMNS, [each.cells(now) for each in found], widths=widths):
        echo(each)


class _Changed(Listener):
    """The services of which something was observed, or a component's Service came or went, since they were last asked
    about."""

    def __init__(self, engine: ExplainingEngine) -> None:
        self.refs: set[Ref] = set()
        self.woken = asyncio.Event()
        self._engine = engine
        self._sources = engine.backends.sources
        self._lacking: dict[Ref, object] = {}

    def recorded(self, records: Sequence[Record]) -> None:
        for record in records:
            event = record.event
            if isinstance(event, Observed | Deleted):
                kinds = [kind for kind, source in self._sources.items() if source.resource.kind == event.ref.kind]
                self.refs.update(event.ref._replace(kind=kind) for kind in kinds)
        before, self._lacking = self._lacking, dict(self._engine.lacking)
        self.refs.update(ref for ref in before | self._lacking if before.get(ref) != self._lacking.get(ref))
        if self.refs:
            self.woken.set()

    async def gathered(self) -> list[Ref]:
        """Wait until there are some."""
        await self.woken.wait()
        await asyncio.sleep(GATHER)
        self.woken.clear()
        refs, self.refs = sorted(self.refs), set()
        return refs


async def _follow(cluster: Cluster, engine: ExplainingEngine, about: About, format: str) -> None:
    """Tell the doors, and then each that changes, until interrupted."""
    from doorward.runtime.shell import Shell

    warn_beside()
    changed, stop = _Changed(engine), asyncio.ensure_future(interrupted().wait())
    told: dict[Ref, Row] = {}
    widths: list[int] = []

    def tell(found: Sequence[Row]) -> None:
        told.update((each.ref, each) for each in found)
        if format == "table" and found:
            _print(found, widths)
        elif format != "table":
            for each in found:
                echo(line(each.plain(), format), nl=False)

    async with Shell(engine, cluster, listeners=[changed], dry_run=True) as shell:
        listed = asyncio.ensure_future(shell.once())
        await asyncio.wait({listed, stop}, return_when=asyncio.FIRST_COMPLETED)
        if listed.done():
            changed.refs.clear()
            tell(rows(engine, about))
        while not stop.done():
            gathered = asyncio.ensure_future(changed.gathered())
            await asyncio.wait({gathered, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not gathered.done():
                gathered.cancel()
                break
            tell([now for ref in gathered.result() if about.has(ref) and (now := _now(engine, ref, told)) is not None])
        listed.cancel()


def _now(engine: ExplainingEngine, ref: Ref, told: dict[Ref, Row]) -> Row | None:
    """How a door stands by now, where that is news; a service that is gone is told by its last line."""
    before, now = told.get(ref), row(engine, ref)
    if now is None and before is not None and before.reason != GONE:
        return msgspec.structs.replace(before, url="", ready="False", reason=GONE, message="")
    return now if now != before else None
