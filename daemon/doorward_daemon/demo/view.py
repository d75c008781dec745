"""What the demo shows: one row per service, and the captions of what is being done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from time import perf_counter

import msgspec
from doorward.engine import Engine
from doorward.model.event import Record
from doorward.model.reference import INFERENCE_SERVICE, JsonObject, Ref
from doorward.model.refusal import Refusal
from doorward.runtime.listener import Listener
from doorward.state.transform import COMPONENTS
from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from doorward_daemon.opener import opener

__all__ = ["Row", "View", "rows"]

_WIDE = 110
"""Columns of a terminal from which on all is shown."""
_CAPTIONS = 5
_FRAME = 0.08
"""Seconds between two frames at least."""


class Row(msgspec.Struct, frozen=True):
    """How one service's door stands."""

    name: str
    components: str
    backend: str
    objects: tuple[str, ...]
    url: str
    ready: bool
    reason: str


def rows(engine: Engine) -> list[Row]:
    return [_row(engine, service) for service in engine.services()]


def _row(engine: Engine, service: JsonObject) -> Row:
    status = service.get("status") or {}
    condition: JsonObject = next((c for c in status.get("conditions") or () if c["type"] == "IngressReady"), {})
    standing = list(engine.objects(service["metadata"]["uid"]))
    names = tuple(f"{ref.kind.partition('.')[0]}/{ref.name}" for ref, _ in standing)
    return Row(
        name=service["metadata"]["name"],
        components=" ".join(c for c in COMPONENTS if c in service["spec"]),
        backend=_backend(engine, service, standing),
        objects=tuple(sorted(names)),
        url=status.get("url") or "",
        ready=condition.get("status") == "True",
        reason=condition.get("reason") or "",
    )


def _backend(engine: Engine, service: JsonObject, standing: Sequence[tuple[Ref, JsonObject]]) -> str:
    """What opens a door outside; else, where anything stands, what every door has inside."""
    metadata, backends = service["metadata"], engine.backends
    try:
        chosen = engine.door(Ref(INFERENCE_SERVICE, metadata["namespace"], metadata["name"])).backend
    except (LookupError, Refusal):
        chosen = None
    inside = [name for name in sorted(backends.hostless) if not backends.by_name[name].has_select()]
    return opener(chosen, standing, backends) or (", ".join(inside) if standing else "")


class View(Listener):
    """A live table on a terminal; plain lines elsewhere."""

    def __init__(self, engine: Engine, console: Console) -> None:
        self._engine = engine
        self._console = console
        self._live = console.is_terminal
        self._captions: list[Text] = []
        self._began = perf_counter()
        self._changed = asyncio.Event()

    def recorded(self, records: Sequence[Record]) -> None:
        if records:
            self._changed.set()

    def say(self, what: str) -> None:
        """What is being done now."""
        self._caption(Text.assemble(("▸ ", "bold cyan"), (what, "bold")))

    def tell(self, what: str) -> None:
        """What came of it."""
        self._caption(Text.assemble(("  ✓ ", "green"), what))

    def _caption(self, text: Text) -> None:
        self._captions.append(text)
        self._changed.set()
        if not self._live:
            self._console.print(Text(f"{perf_counter() - self._began:5.1f} s  ") + text, soft_wrap=True)

    def show_table(self) -> None:
        """Where no table is live, print one."""
        if not self._live:
            for row in rows(self._engine):
                state = "ready" if row.ready else row.reason or "waiting"
                line = f"         {row.name:<11} {row.backend:<14}{row.url:<52} {state}"
                self._console.print(Text(line), soft_wrap=True)

    @asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        """Draw while the block runs."""
        if not self._live:
            yield
            return
        with Live(self._picture(), console=self._console, auto_refresh=False) as live:
            drawing = asyncio.create_task(self._draw(live))
            try:
                yield
            finally:
                drawing.cancel()
                live.update(self._picture(), refresh=True)

    async def _draw(self, live: Live) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            live.update(self._picture(), refresh=True)
            await asyncio.sleep(_FRAME)

    def _picture(self) -> Group:
        table = Table(expand=True, title="InferenceServices and their front doors", title_justify="left", box=None)
        wide = self._console.width >= _WIDE
        table.add_column("SERVICE", min_width=10, no_wrap=True)
        if wide:
            table.add_column("COMPONENTS", min_width=21, no_wrap=True)
        table.add_column("BACKEND", min_width=13, no_wrap=True)
        table.add_column("URL", ratio=1, no_wrap=True, overflow="ellipsis")
        if wide:
            table.add_column("OBJECTS", min_width=32, no_wrap=True)
        table.add_column("READY", min_width=6, no_wrap=True)
        for row in rows(self._engine):
            ready = Text("ready", "green") if row.ready else Text(row.reason or "waiting", "yellow")
            kinds = ", ".join(name.partition("/")[0] for name in row.objects)
            cells = [row.components, row.backend, row.url, kinds] if wide else [row.backend, row.url]
            table.add_row(Text(row.name, "bold"), *cells, ready)
        said = [*self._captions[-_CAPTIONS:], *[Text()] * (_CAPTIONS - len(self._captions))]
        return Group(table, Padding(Group(*said), (1, 0, 0, 0)))
