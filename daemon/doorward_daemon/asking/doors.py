"""One line for each door: what is reported of it, and by which backend it is opened.

The report is that of the service's status: URL, condition and reason, as the daemon wrote them.  The backend stands in
no object: it is what the engine chooses, here as in the daemon.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from doorward.explaining import ExplainingEngine
from doorward.model.reference import JsonObject, Ref
from doorward.model.timestamp import rfc3339, seconds
from doorward.state.status_conflict import DOOR_READY, INGRESS_READY

from doorward_daemon.asking.printing import Cell, age, filled
from doorward_daemon.asking.services import About
from doorward_daemon.reported import condition_in, condition_type

__all__ = ["COLUMNS", "Row", "row", "rows"]

COLUMNS = ("NAMESPACE", "SERVICE", "BACKEND", "URL", "READY", "REASON", "AGE")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """How one door stands."""

    ref: Ref
    kind: str
    backend: str
    url: str
    ready: str
    reason: str
    message: str
    created: float | None

    def cells(self, now: float) -> list[Cell]:
        """In the order of :data:`COLUMNS`."""
        color = {"True": "green", "False": "red"}.get(self.ready, "yellow")
        old = "" if self.created is None else age(now - self.created)
        ref = self.ref
        return [ref.namespace, ref.name, self.backend, self.url, (self.ready, color), self.reason, old]

    def plain(self) -> JsonObject:
        """For programs."""
        return {
            "namespace": self.ref.namespace,
            "service": self.ref.name,
            "kind": self.kind,
            **filled({"backend": self.backend, "url": self.url}),
            "ready": self.ready or "Unknown",
            **filled({"reason": self.reason, "message": self.message}),
            **({} if self.created is None else {"created": rfc3339(self.created)}),
        }


def rows(engine: ExplainingEngine, about: About, *, then: bool = False) -> list[Row]:
    """The doors that are asked about, by namespace and name; ``then``: each with the backend of what stands, whichever
    it would have today."""
    return [found for ref in asked(engine, about) if (found := row(engine, ref, then=then))]


def asked(engine: ExplainingEngine, about: About) -> list[Ref]:
    """The services that are asked about."""
    refs = (ref for ref in engine.known() if about.has(ref))
    return sorted(refs, key=lambda ref: (ref.namespace, ref.name, ref.kind))


def row(engine: ExplainingEngine, ref: Ref, *, then: bool = False) -> Row | None:
    """The door of one service; None where there is no such service."""
    service = engine.object(ref)
    if service is None or "left" in service["spec"]:
        return None
    status = service.get("status") or {}
    # Where the one that doors are reported in isn't there, another takes its place.
    condition = condition_in(status.get("conditions"), condition_type(engine, ref.kind), DOOR_READY)
    shared = condition.get("type") == INGRESS_READY
    url = (status.get("url") or "") if shared or not condition else _url_in(str(condition.get("message") or ""))
    return Row(
        ref=ref,
        kind=engine.backends.watched_as(ref.kind),
        backend=_backend(engine, ref, service, then=then),
        url=str(url),
        ready=str(condition.get("status") or ""),
        reason=str(condition.get("reason") or ""),
        message=str(condition.get("message") or ""),
        created=seconds(service["metadata"].get("creationTimestamp")),
    )


def _backend(engine: ExplainingEngine, ref: Ref, service: JsonObject, *, then: bool) -> str:
    """The backend that opens the outside door; empty where there is none.

    Of a door that is held nobody can say what it asks for: it is that of the objects which stand.
    """
    decision = engine.decisions.get(ref)
    chosen = decision.asked.door.backend if decision and decision.refusal is None and decision.asked else None
    if chosen is not None and not then:
        return chosen
    writers = _writers(engine, {each.kind for each, _ in engine.objects(service["metadata"].get("uid", ""))})
    if chosen in writers:
        return chosen or ""
    return writers[0] if len(writers) == 1 else ""


def _writers(engine: ExplainingEngine, kinds: Iterable[str]) -> list[str]:
    """The backends, but for those of Services, that write one of these kinds."""
    backends = engine.backends
    return [
        name
        for name in backends.by_name
        if name not in backends.hostless
        and any(watch.resource.kind in kinds for watch in backends.described(name) if watch.owned != "nothing")
    ]


def _url_in(message: str) -> str:
    """The URL that a condition's message begins with, where the status has no place for it."""
    first = message.partition(": ")[0]
    return first if first.startswith(("http://", "https://")) and " " not in first else ""
