"""One line for each door: what is reported of it, and by which backend it is opened.

The report is that of the service's status: URL, condition and reason, as the daemon wrote them.  The backend stands in
no object: it is what the engine chooses, here as in the daemon.
"""

from __future__ import annotations

import msgspec
from doorward.explaining import ExplainingEngine
from doorward.model.reference import JsonObject, Ref
from doorward.model.timestamp import rfc3339, seconds

from doorward_daemon.asking.printing import Cell, age, filled
from doorward_daemon.asking.services import About
from doorward_daemon.opener import opener, opener_of_what_stands
from doorward_daemon.reported import condition_type, reported, url_of, with_missing

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
    missing: tuple[str, ...] = ()
    """The Services of components that the door leads to and that aren't there."""

    def cells(self, now: float) -> list[Cell]:
        """In the order of :data:`COLUMNS`."""
        color = {"True": "yellow" if self.missing else "green", "False": "red"}.get(self.ready, "yellow")
        old = "" if self.created is None else age(now - self.created)
        ref = self.ref
        return [
            ref.namespace,
            ref.name,
            self.backend,
            self.url,
            (self.ready, color),
            with_missing(self.reason, self.missing),
            old,
        ]

    def plain(self) -> JsonObject:
        """For programs."""
        return {
            "namespace": self.ref.namespace,
            "service": self.ref.name,
            "kind": self.kind,
            **filled({"backend": self.backend, "url": self.url}),
            "ready": self.ready or "Unknown",
            **filled({"reason": self.reason, "message": self.message, "missingServices": list(self.missing)}),
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
    source = engine.backends.sources[ref.kind]
    condition = reported(status.get("conditions"), condition_type(source, engine.settings))
    return Row(
        ref=ref,
        kind=engine.backends.watched_as(ref.kind),
        backend=_backend(engine, ref, service, then=then),
        url=url_of(status.get("url"), condition),
        ready=str(condition.get("status") or ""),
        reason=str(condition.get("reason") or ""),
        message=str(condition.get("message") or ""),
        missing=tuple(target.service for target in engine.lacking.get(ref, ())),
        created=seconds(service["metadata"].get("creationTimestamp")),
    )


def _backend(engine: ExplainingEngine, ref: Ref, service: JsonObject, *, then: bool) -> str:
    """The backend that opens the outside door; empty where there is none."""
    decision = engine.decisions.get(ref)
    chosen = decision.asked.door.backend if decision and decision.refusal is None and decision.asked else None
    standing = engine.objects(service["metadata"].get("uid", ""))
    return (opener_of_what_stands if then else opener)(chosen, standing, engine.backends)
