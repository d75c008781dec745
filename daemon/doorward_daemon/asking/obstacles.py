"""What keeps a door from standing as asked for, or from being reached: refused, denied, awaited, or not there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec
from doorward.door.components import is_missing
from doorward.explaining import ExplainingEngine
from doorward.model.event import Record
from doorward.model.reference import CONFIG_MAP, JsonObject, Ref
from doorward.model.source import Source
from doorward.model.timestamp import rfc3339

from doorward_daemon.asking.places import OfSettings, Place, Places
from doorward_daemon.classes import LISTED, MISSING, missing_classes
from doorward_daemon.doctor.fields import remedy_of_fields
from doorward_daemon.doctor.finding import edit_of_settings, kubectl
from doorward_daemon.reported import SERVICE_MISSING

__all__ = ["Obstacle", "classes", "components", "door", "settings", "with_remedies"]


class Obstacle(msgspec.Struct, frozen=True):
    """What was refused, denied or warned of, and where what it names stands."""

    sort: str
    reason: str
    message: str
    places: tuple[Place, ...]
    note: str = ""
    """What follows, and what to do."""
    remedy: tuple[str, ...] = ()
    """Commands, each with the field that it edits and what that says now."""


class Service(NamedTuple):
    """The one that is in the way of its own door."""

    ref: Ref
    source: Source
    object: JsonObject


def door(engine: ExplainingEngine, ref: Ref, places: Places) -> list[Obstacle]:
    decision = engine.decisions.get(ref)
    if decision is None or engine.settings is None:
        return []
    found: list[tuple[str, str, str]] = []
    for refusal in (decision.refusal, decision.asked.refused if decision.asked else None):
        if refusal:
            found.append(("refused", refusal.reason, refusal.message))
    if decision.asked and decision.asked.waiting and not decision.refusal:
        found.append(("waits", decision.asked.waiting.reason, decision.asked.waiting.message))
    found += [("denied", denied.reason, denied.message) for denied in decision.denied]
    found += [("warning", warning.reason, warning.message) for warning in decision.warnings]
    words = engine.backends.sources[ref.kind].words
    told = dict.fromkeys((sort, reason, words(message)) for sort, reason, message in found)
    return [Obstacle(*each, tuple(places.mentioned(each[2]))) for each in told]


def with_remedies(
    engine: ExplainingEngine, ref: Ref, service: JsonObject, namespace: str, found: Iterable[Obstacle]
) -> list[Obstacle]:
    """The same, each with the commands that edit what it names, in the service or in the settings of a cluster."""
    edited = Service(ref, engine.backends.sources[ref.kind], service)
    return [
        msgspec.structs.replace(each, remedy=remedy_of_fields(edited, engine, namespace, each.reason, each.message))
        for each in found
    ]


def components(engine: ExplainingEngine, ref: Ref) -> list[Obstacle]:
    """Components that the door leads to and that have no Service."""
    source = engine.backends.sources[ref.kind]
    resource = source.resource
    plural = f"{resource.plural}.{resource.group}".rstrip(".")
    look = f"see what is said of it: {kubectl(ref.namespace, 'describe', plural, ref.name)}"
    return [
        Obstacle(
            "missing",
            SERVICE_MISSING,
            is_missing(ref.namespace, target.service, source.parts[target.component].called),
            (),
            look,
        )
        for target in engine.lacking.get(ref, ())
    ]


def settings(engine: ExplainingEngine, namespace: str, good: Record | None, places: OfSettings) -> list[Obstacle]:
    """What is wrong with the newest settings, and by which ones this answer goes instead."""
    if engine.settings is None:
        sort = "refused"
        by = (
            "the daemon holds to the last good settings if it has read any, and only its journal has those; this "
            "answer goes by what stands alone: ask with --journal"
        )
    else:
        sort, by = "warning", f"the daemon holds to the last good ones, and this answer goes by those{_of(good)}"
    if CONFIG_MAP not in engine.missing:  # what may not be read isn't put right by an edit
        by = f"{by}; to put it right: {edit_of_settings(namespace)}"
    return [
        Obstacle(sort, "InvalidSettings", problem, tuple(places.rejected(problem)), by) for problem in engine.problems
    ]


def classes(engine: ExplainingEngine, ref: Ref) -> list[Obstacle]:
    """Classes that the door's Ingresses name and that aren't there."""
    decision = engine.decisions.get(ref)
    desired = decision.rendered.desired if decision and decision.rendered else {}
    objects = ((each.ref, each.manifest) for each in desired.values())
    look = f"see which there are: {LISTED}"
    return [Obstacle("missing", MISSING, each.message, (), look) for each in missing_classes(engine, objects)]


def _of(good: Record | None) -> str:
    return f": record {good.number}, {rfc3339(good.event.at)}" if good else ""
