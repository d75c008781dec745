"""A door taken apart: its parts and their causes, its objects, and what stands in its way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec
import typer
from doorward.backends import OME, Backends
from doorward.door.causes import Part
from doorward.engine import SETTINGS_NAME
from doorward.explaining import ExplainingEngine
from doorward.model.event import Record
from doorward.model.quoting import visible
from doorward.model.reference import CONFIG_MAP, SERVICE, JsonObject, Ref, kind_of
from doorward.model.timestamp import rfc3339
from doorward.plan.write import Write

from doorward_daemon import manifests
from doorward_daemon.asking import obstacles as obstacles_of
from doorward_daemon.asking.doors import Row, row
from doorward_daemon.asking.failing import Unanswered
from doorward_daemon.asking.meant import did_you_mean
from doorward_daemon.asking.obstacles import Obstacle
from doorward_daemon.asking.places import Places, last_changed, last_good
from doorward_daemon.asking.printing import Cell, echo, filled, structured, styled, table
from doorward_daemon.asking.services import About
from doorward_daemon.manifests import Document
from doorward_daemon.saying import say

__all__ = ["Question", "explain"]

_TO_BE = {"create": "to be created", "patch": "to be changed", "delete": "to be removed"}


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked."""

    name: str
    namespace: str = ""
    files: tuple[str, ...] = ()
    journal: str = ""
    cluster: str = ""
    """Whose journal, in a database that has several."""
    format: str = "table"
    settings_namespace: str = "ome"
    sources: tuple[str, ...] = ()


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """An engine that has decided, and the objects and documents that it was told of, whole."""

    engine: ExplainingEngine
    objects: Mapping[Ref, JsonObject]
    documents: Mapping[Ref, Document]
    where: tuple[str, str]
    """Namespace and name of the service."""


class Object(msgspec.Struct, frozen=True):
    """One object of the door."""

    ref: Ref
    backend: str
    state: str


def explain(kubeconfig: Path | None, context: str | None, question: Question) -> int:
    """Print it; gives the exit status.  Raises what keeps it from being told."""
    if not question.journal:
        return _explain(kubeconfig, context, question, None)
    from doorward_daemon.asking import journals

    with journals.opened(question.journal, question.cluster) as journal:
        return _explain(kubeconfig, context, question, partial(journals.whole, journal))


def _explain(
    kubeconfig: Path | None, context: str | None, question: Question, kept: Callable[[], Iterable[Record]] | None
) -> int:
    """``kept`` gives the records of the journal."""
    good: Record | None = None
    if question.files:
        known = _from_files(question)
    else:
        good = last_good(kept()) if kept else None
        known = asyncio.run(_from_cluster(kubeconfig, context, question, good))
    engine = known.engine
    ref = engine.called(*known.where)
    shown = row(engine, ref) if ref else None
    if ref is None or shown is None:
        asked = "/".join(known.where)
        raise Unanswered(f"there is no service {asked}{did_you_mean(asked, engine)}")
    parts = engine.parts(ref)
    watched = ref._replace(kind=engine.backends.watched_as(ref.kind))
    settings_ref = Ref(CONFIG_MAP, question.settings_namespace, SETTINGS_NAME)
    records: dict[str, tuple[int, float]] = {}
    if kept:
        causes = {cause for part in parts for cause in part.causes}
        records = last_changed(kept(), watched, causes)
    service = known.objects.get(watched) or engine.object(ref) or {}
    settings = known.objects.get(settings_ref)
    held = engine.configured.good if engine.problems else None
    places = Places(service, settings, known.documents, (watched, settings_ref), records, held)
    objects = _objects(engine, ref)
    if objects and settings is None and engine.configured.good == {} and kept is None:
        what = (
            f"there is no {settings_ref}: this answer goes by the defaults; a daemon that read others before holds to"
        )
        say("note", typer.colors.CYAN, f"{what} those, which its journal has")
    obstacles = [
        *obstacles_of.settings(engine, question.settings_namespace, good, places),
        *obstacles_of.door(engine, ref, places),
        *obstacles_of.components(engine, ref),
        *([] if question.files else obstacles_of.classes(engine, ref)),
    ]
    if question.format == "table":
        _print(shown, parts, places, objects, obstacles)
    else:
        told = _plain(shown, parts, places, objects, obstacles)
        echo(structured({**told, "settings": _in_force(engine, good)}, question.format), nl=False)
    if engine.settings is None:
        return 2
    return 1 if any(each.sort in ("refused", "denied") for each in obstacles) else 0


def _from_files(question: Question) -> Known:
    from doorward_daemon.rendering import play

    engine = _engine(question)
    backends = engine.backends
    documents = manifests.read(question.files, backends.sources.values())
    play(documents, engine, question.settings_namespace, simulate=True)
    found = {}
    for document in documents:
        metadata, kind = document.object["metadata"], kind_of(document.object)
        resource = backends.resources.get(kind)
        namespace = (metadata.get("namespace") or "default") if resource is None or resource.namespaced else ""
        found[Ref(kind, namespace, metadata["name"])] = document
    (where,) = About.of([question.name], question.namespace or "default").names
    return Known(
        engine=engine,
        objects={ref: document.object for ref, document in found.items()},
        documents=found,
        where=where,
    )


async def _from_cluster(kubeconfig: Path | None, context: str | None, question: Question, good: Record | None) -> Known:
    from doorward_daemon.asking import looking

    reached = looking.connect(kubeconfig, context)
    try:
        (where,) = About.of([question.name], question.namespace or reached.namespace).names
        engine = _engine(question, good=good)
        listed = await looking.look(reached.cluster, engine)
        if any(engine.missing.get(kind) == "forbidden" for kind in (*engine.backends.sources, SERVICE)):
            engine = _engine(question, where[0], good=good)
            listed = await looking.look(reached.cluster, engine)
            say("note", typer.colors.CYAN, f"only namespace {where[0]} may be read: hosts of others are out of sight")
    finally:
        await reached.cluster.close()
    objects = {
        Ref(each.collection.resource.kind, item["metadata"].get("namespace") or "", item["metadata"]["name"]): item
        for each in listed
        if each.collection.resource.kind in (*map(engine.backends.watched_as, engine.backends.sources), CONFIG_MAP)
        for item in each.items
    }
    for each in listed:
        if each.state == "forbidden":
            what = f"{each.collection.resource.kind} may not be listed; what depends on it can't be told"
            say("note", typer.colors.CYAN, what)
    return Known(engine=engine, objects=objects, documents={}, where=where)


def _engine(question: Question, *namespaces: str, good: Record | None = None) -> ExplainingEngine:
    """``good``: the last good settings, as the daemon has them from its journal."""
    engine = ExplainingEngine(
        Backends(sources=question.sources or (OME,)),
        settings_namespace=question.settings_namespace,
        namespaces=namespaces,
        use_defaults=True,
    )
    engine.restore([good] if good else [])
    return engine


def _objects(engine: ExplainingEngine, ref: Ref) -> list[Object]:
    """What stands, and what is to stand, with what is about to happen to it."""
    decision = engine.decisions.get(ref)
    service = engine.object(ref) or {"metadata": {}}
    standing = {each for each, _ in engine.objects(service["metadata"].get("uid", ""))}
    desired = decision.rendered.desired if decision and decision.rendered and not decision.refusal else {}
    writes = {write.ref: write for write in decision.writes if write.verb in _TO_BE} if decision else {}
    held = engine.settings is None or bool(decision and decision.refusal)
    found = []
    for each in sorted({*standing, *desired, *writes}):
        backend = desired[each].backend if each in desired else ""
        found.append(Object(each, backend, _state(writes.get(each), each in standing, each in desired, held=held)))
    return found


def _state(write: Write | None, stands: bool, wanted: bool, *, held: bool) -> str:
    if write and not (write.verb == "create" and stands):
        fields = f" ({', '.join(write.fields)})" if write.fields else ""
        return f"{_TO_BE[write.verb]}{fields}: {write.reason}"
    if stands:
        return "stands" if wanted else "stands, and is held" if held else "stands until the overlap is over"
    return "waits for what comes first"


def _in_force(engine: ExplainingEngine, good: Record | None) -> JsonObject:
    """By which settings the answer goes."""
    if engine.settings is None:
        return {"state": "none"}
    if not engine.problems:
        return {"state": "newest" if engine.configured.good else "defaults"}
    return {"state": "last good", **({"record": good.number, "time": rfc3339(good.event.at)} if good else {})}


def _print(
    shown: Row, parts: Sequence[Part], places: Places, objects: Iterable[Object], obstacles: Iterable[Obstacle]
) -> None:
    reported = " ".join(filter(None, (shown.ready or "not reported yet", shown.reason)))
    color = {"True": "green", "False": "red"}.get(shown.ready, "yellow")
    head = f"{shown.ref}  {visible(shown.url)}  ".replace("    ", "  ")
    echo(styled(head, "bold") + styled(visible(reported), color))
    if shown.message:
        echo(f"  {visible(shown.message)}")
    echo()
    told = [[part.name, _value(part), "; ".join(str(places.of(each)) for each in part.causes)] for part in parts]
    _section(("PART", "VALUE", "BECAUSE"), told)
    _section(("OBJECT", "BACKEND", "STATE"), [[str(each.ref), each.backend, each.state] for each in objects])
    colors = {"refused": "red", "denied": "red", "missing": "red", "waits": "yellow", "warning": "yellow"}
    for each in obstacles:
        echo(styled(f"{each.sort}: {visible(each.reason)}: ", colors[each.sort]) + visible(each.message))
        for place in each.places:
            echo(f"  {visible(str(place))}")
        if each.note:
            echo(f"  {visible(each.note)}")


def _value(part: Part) -> str:
    return " ".join(filter(None, (part.value, part.problem)))


def _section(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    if rows:
        for line in table(columns, rows):
            echo(line)
        echo()


def _plain(
    shown: Row, parts: Sequence[Part], places: Places, objects: Iterable[Object], obstacles: Iterable[Obstacle]
) -> JsonObject:
    return {
        "door": shown.plain(),
        "parts": [
            {
                "part": part.name,
                "value": part.value,
                **filled({"problem": part.problem}),
                "because": [places.of(cause).plain() for cause in part.causes],
            }
            for part in parts
        ],
        "objects": [
            {
                "kind": each.ref.kind,
                "namespace": each.ref.namespace,
                "name": each.ref.name,
                **filled({"backend": each.backend}),
                "state": each.state,
            }
            for each in objects
        ],
        "obstacles": [
            {
                "sort": each.sort,
                "reason": each.reason,
                "message": each.message,
                **filled({"places": [place.plain() for place in each.places], "note": each.note}),
            }
            for each in obstacles
        ],
    }
