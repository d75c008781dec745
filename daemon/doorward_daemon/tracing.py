"""Traces: one for each change, from what led to it until its doors are accepted (OpenTelemetry; extra ``tracing``).

A trace follows the causes that records have:

    an InferenceService is edited  <-cause- create Ingress  <-cause- its outcome  <-cause- status written
    '----------- the root span ------------------------------------------------------------------------->'

What a gateway's controller answers of an object that was written belongs to the change that wrote it, so that a trace
ends when the door is accepted, and not when it was applied.  A change that concerns many doors, as an edit of the
settings, is one trace, too.  Nobody knows for certain that no more will come of a change: its root span is told once a
while has gone by, and ends where its last part did.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from doorward.model.action import Action
from doorward.model.event import Applied, Deleted, Issued, Observed, Record, Refused, Unknown
from doorward.model.reference import CONFIG_MAP, JsonObject, Ref
from doorward.runtime.listener import Listener

from doorward_daemon.reported import reported

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

__all__ = ["NoTracing", "Traces", "exporting"]

MISSING = "tracing needs OpenTelemetry, which isn't installed: pip install 'doorward[tracing]', or leave --tracing out"
QUIET = 30.0
"""Seconds without anything new after which a change is over; longer than an overlap that is usual."""
REMEMBERED = 20_000
"""Records of which it is known what they belong to."""


class NoTracing(Exception):
    """OpenTelemetry isn't installed; the message says what to do."""


def exporting() -> TracerProvider:
    """Where spans go: to the collector that OpenTelemetry's own variables name (``OTEL_EXPORTER_OTLP_ENDPOINT``).

    Raises NoTracing.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise NoTracing(MISSING) from error
    provider = TracerProvider(resource=Resource.create({"service.name": "doorward"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


class _Change:
    """What led to something, and what it led to."""

    def __init__(self, at: float, name: str, attributes: dict[str, str]) -> None:
        self.at = at
        self.name = name
        self.attributes = attributes
        self.last = at
        self.root: Span | None = None
        self.running = 0
        """Writes under way."""


class _Write(NamedTuple):
    """A write under way."""

    change: _Change
    span: Span
    ref: Ref


class Traces(Listener):
    """Makes spans of records.  ``named`` gives NAMESPACE/NAME of a service by its UID."""

    def __init__(self, tracer: Tracer, sources: Sequence[str], named: Callable[[str], str]) -> None:
        self._tracer = tracer
        self._sources = frozenset(sources)
        self._named = named
        self._of: OrderedDict[int, _Change] = OrderedDict()
        self._written: OrderedDict[Ref, tuple[_Change, int]] = OrderedDict()
        """By whom an object was written last, and which generation that made of it; 0 while nobody knows."""
        self._open: dict[int, _Change] = {}
        self._running: dict[int, _Write] = {}
        """By the number of the action."""

    def recorded(self, records: Sequence[Record]) -> None:
        for record in records:
            change = self._take(record)
            if change is not None:
                self._of[record.number] = change
                if len(self._of) > REMEMBERED:
                    self._of.popitem(last=False)
        if records:
            self._finish(records[-1].event.at)

    async def keep_finishing(self, clock: Callable[[], float]) -> None:
        """End what is over though nothing new happens, again and again; to be cancelled."""
        while True:
            await asyncio.sleep(QUIET / 6)
            self._finish(clock())

    def close(self) -> None:
        """Tell what isn't over yet, as far as it came."""
        for write in self._running.values():
            write.span.end(_ns(write.change.last))
            write.change.running = 0
        self._running.clear()
        self._finish(float("inf"))

    def _take(self, record: Record) -> _Change | None:
        """What a record belongs to."""
        event = record.event
        change = self._of.get(record.cause)
        match event:
            case Issued(action=action):
                change = change or _Change(event.at, action.reason, {})
                self._begin(change, action, event.at)
            case Applied() | Refused() | Unknown():
                return self._end(event)
            case Observed() | Deleted():
                ref = event.ref
                before, generation = self._written.get(ref, (None, 0))
                if before and id(before) in self._open and generation == _generation(event):
                    self._answered(before, ref, event.at)
                    return before
                return change or _Change(event.at, _told(event, self._sources), {"k8s.object": f"{ref.kind} {ref}"})
            case _:
                return change
        return change

    def _begin(self, change: _Change, action: Action, at: float) -> None:
        from opentelemetry.trace import SpanKind, set_span_in_context

        if change.root is None:
            change.root = self._tracer.start_span(change.name, attributes=change.attributes, start_time=_ns(change.at))
            self._open[id(change)] = change
        change.last = max(change.last, at)
        attributes: dict[str, str | int | list[str]] = {
            "doorward.service": self._named(action.service),
            "doorward.reason": action.reason,
            "doorward.record": action.id,
            "doorward.cause": action.cause,
            "k8s.object": str(action.ref),
        }
        if action.fields:
            attributes["doorward.fields"] = list(action.fields)
        change.running += 1
        span = self._tracer.start_span(
            f"{action.verb} {action.ref.kind.partition('.')[0]}",
            context=set_span_in_context(change.root),
            kind=SpanKind.CLIENT,
            attributes=attributes,
            start_time=_ns(at),
        )
        self._running[action.id] = _Write(change, span, action.ref)
        if action.verb in ("create", "patch"):
            self._written[action.ref] = change, 0
            self._written.move_to_end(action.ref)
            if len(self._written) > REMEMBERED:
                self._written.popitem(last=False)

    def _end(self, event: Applied | Refused | Unknown) -> _Change | None:
        from opentelemetry.trace import Status, StatusCode

        if event.action not in self._running:
            return None
        change, span, ref = self._running.pop(event.action)
        change.last = max(change.last, event.at)
        change.running -= 1
        span.set_attribute("doorward.outcome", type(event).__name__)
        if isinstance(event, Applied):
            if event.object and self._written.get(ref, (None, 0))[0] is change:
                self._written[ref] = change, event.object["metadata"].get("generation") or 0
            if condition := _condition(event.object):
                span.set_attributes(condition)
        else:
            span.set_status(Status(StatusCode.ERROR, event.message))
        span.end(_ns(event.at))
        return change

    def _answered(self, change: _Change, ref: Ref, at: float) -> None:
        """Somebody says something of an object that was written: its controller accepts it, say."""
        change.last = max(change.last, at)
        if change.root is not None:
            change.root.add_event("answered", {"k8s.object": str(ref)}, timestamp=_ns(at))

    def _finish(self, now: float) -> None:
        """End the root spans of what is over."""
        over = [each for each in self._open.values() if now - each.last > QUIET and not each.running]
        for change in over:
            del self._open[id(change)]
            if change.root is not None:
                change.root.end(_ns(change.last))


def _told(event: Observed | Deleted, sources: frozenset[str]) -> str:
    """A change, in a word or two: few, so that traces can be counted by their names."""
    kind = event.ref.kind
    if isinstance(event, Deleted):
        return "deleted"
    return "settings edited" if kind == CONFIG_MAP else "service edited" if kind in sources else "cluster changed"


def _generation(event: Observed | Deleted) -> int:
    """That of an object which was seen; 0 of one without, and -1 of one that is gone: nobody wrote that."""
    return (event.object["metadata"].get("generation") or 0) if isinstance(event, Observed) else -1


def _condition(obj: JsonObject | None) -> dict[str, str]:
    """How the door stands by then, where a status was written."""
    conditions = ((obj or {}).get("status") or {}).get("conditions")
    if told := reported(conditions):
        return {"doorward.door": str(told.get("status")), "doorward.door.reason": str(told.get("reason") or "")}
    return {}


def _ns(at: float) -> int:
    return int(at * 1e9)
