"""Doors explained: which are asked about, what is known of them, and what comes of it.

cluster, or files --> engine at rest --> each door taken apart (explained.py) --> printed
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec
import typer
from doorward.backends import OME, Backends
from doorward.engine import SETTINGS_NAME
from doorward.explaining import ExplainingEngine
from doorward.model.event import Record
from doorward.model.reference import CONFIG_MAP, SERVICE, JsonObject, Ref, kind_of
from doorward.model.timestamp import rfc3339

from doorward_daemon import manifests
from doorward_daemon.asking import obstacles as obstacles_of
from doorward_daemon.asking.doors import asked, row
from doorward_daemon.asking.explained import Explained, lines_of, objects_of
from doorward_daemon.asking.failing import NO_ANSWER
from doorward_daemon.asking.meant import did_you_mean
from doorward_daemon.asking.obstacles import Obstacle
from doorward_daemon.asking.places import OfSettings, Places, last_changed, last_good
from doorward_daemon.asking.printing import echo, structured
from doorward_daemon.asking.services import About
from doorward_daemon.manifests import Document
from doorward_daemon.saying import say, say_error

__all__ = ["Question", "explain"]


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked; ``namespace`` is empty where none was named."""

    names: tuple[str, ...] = ()
    namespace: str = ""
    everywhere: bool = False
    files: tuple[str, ...] = ()
    journal: str = ""
    cluster: str = ""
    """Whose journal, in a database that has several."""
    format: str = "table"
    settings_namespace: str = "ome"
    sources: tuple[str, ...] = ()

    @property
    def of_one(self) -> bool:
        """Whether the answer is one door, rather than a list of doors."""
        return len(self.names) == 1 and not self.everywhere

    def about(self, namespace: str) -> About:
        """``namespace`` is meant unless another is named; of files, all."""
        everywhere = self.everywhere or bool(self.files and not self.names and not self.namespace)
        return About.of(self.names, self.namespace or namespace, everywhere=everywhere)


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """An engine that has decided, and the objects and documents that it was told of, whole."""

    engine: ExplainingEngine
    about: About
    objects: Mapping[Ref, JsonObject]
    documents: Mapping[Ref, Document]

    @property
    def asked(self) -> list[Ref]:
        """The services that are asked about and are there."""
        if len(self.about.names) == 1 and self.about.namespaces:  # of several kinds, the one that has a door
            called = self.engine.called(*self.about.names[0])
            refs = [called] if called else []
        else:
            refs = asked(self.engine, self.about)
        return [ref for ref in refs if row(self.engine, ref)]

    def watched(self, ref: Ref) -> Ref:
        """A service under the kind that the API server has."""
        return ref._replace(kind=self.engine.backends.watched_as(ref.kind))


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
    engine, refs = known.engine, known.asked
    ref_of_settings = Ref(CONFIG_MAP, question.settings_namespace, SETTINGS_NAME)
    settings = known.objects.get(ref_of_settings)
    held = engine.configured.good if engine.problems else None
    places = OfSettings(ref_of_settings, settings, known.documents.get(ref_of_settings), held)
    of_settings = obstacles_of.settings(engine, question.settings_namespace, good, places) if refs else []
    found = _taken_apart(known, refs, places, of_settings, kept, files=bool(question.files))
    if settings is None and engine.configured.good == {} and kept is None and any(each.objects for each in found):
        what = f"there is no {ref_of_settings}: this answer goes by the defaults; a daemon that read others before"
        say("note", typer.colors.CYAN, f"{what} holds to those, which its journal has")
    if question.format == "table":
        _print(found, of_settings, one=question.of_one)
    elif found or not question.of_one:
        in_force = _in_force(engine, good)
        told = [{**each.plain(), "settings": in_force} for each in found]
        echo(structured(told[0] if question.of_one else told, question.format), nl=False)
    return _status(known, found)


def _status(known: Known, found: Sequence[Explained]) -> int:
    engine, about = known.engine, known.about
    missing = about.missing([each.shown.ref for each in found])
    for name in missing:
        say_error(f"there is no service {name}{did_you_mean(name, engine)}")
    if not found and not missing:
        where = (
            f"namespace {', '.join(about.namespaces)} (-A: all of them)" if about.namespaces else "all that was read"
        )
        typer.echo(f"no services in {where}", err=True)
        return NO_ANSWER if any(kind in engine.missing for kind in engine.backends.sources) else 0
    if missing or engine.settings is None:
        return NO_ANSWER
    return 1 if any(each.refused for each in found) else 0


def _taken_apart(
    known: Known,
    refs: Sequence[Ref],
    of_settings: OfSettings,
    obstacles: Sequence[Obstacle],
    kept: Callable[[], Iterable[Record]] | None,
    *,
    files: bool,
) -> list[Explained]:
    """``obstacles``: those of the settings, which are in the way of every door."""
    engine = known.engine
    parts = {ref: engine.parts(ref) for ref in refs}
    records: Mapping[Ref, Mapping[str, tuple[int, float]]] = {}
    if kept:
        causes = {
            known.watched(ref): {cause for part in found for cause in part.causes} for ref, found in parts.items()
        }
        records = last_changed(kept(), causes)
    explained = []
    for ref in refs:
        shown, watched = row(engine, ref), known.watched(ref)
        if shown is None:
            continue
        service = known.objects.get(watched) or engine.object(ref) or {}
        places = Places(watched, service, known.documents.get(watched), of_settings, records.get(watched, {}))
        own = obstacles_of.door(engine, ref, places)
        in_the_way = [
            *obstacles,
            *(own if files else obstacles_of.with_remedies(engine, ref, service, of_settings.namespace, own)),
            *obstacles_of.components(engine, ref),
            *([] if files else obstacles_of.classes(engine, ref)),
        ]
        explained.append(
            Explained(
                shown=shown,
                parts=parts[ref],
                places=places,
                objects=objects_of(engine, ref),
                obstacles=in_the_way,
            )
        )
    return explained


def _print(found: Sequence[Explained], of_settings: Sequence[Obstacle], *, one: bool) -> None:
    """What is wrong with the settings is said once: before several doors, or among the rest of one."""
    lines = [] if one else [*lines_of(of_settings)]
    for each in found:
        shown = each if one else msgspec.structs.replace(each, obstacles=each.obstacles[len(of_settings) :])
        lines += ["", *shown.lines()] if lines and lines[-1] else shown.lines()
    for line in lines:
        echo(line)


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
    return Known(
        engine=engine,
        objects={ref: document.object for ref, document in found.items()},
        documents=found,
        about=question.about("default"),
    )


async def _from_cluster(kubeconfig: Path | None, context: str | None, question: Question, good: Record | None) -> Known:
    from doorward_daemon.asking import looking

    reached = looking.connect(kubeconfig, context)
    try:
        about = question.about(reached.namespace)
        engine = _engine(question, good=good)
        listed = await looking.look(reached.cluster, engine)
        forbidden = [kind for kind in (*engine.backends.sources, SERVICE) if engine.missing.get(kind) == "forbidden"]
        if forbidden and about.namespaces:
            engine = _engine(question, *about.namespaces, good=good)
            listed = await looking.look(reached.cluster, engine)
            only = ", ".join(about.namespaces)
            say("note", typer.colors.CYAN, f"only namespace {only} may be read: hosts of others are out of sight")
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
    return Known(engine=engine, objects=objects, documents={}, about=about)


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


def _in_force(engine: ExplainingEngine, good: Record | None) -> JsonObject:
    """By which settings the answer goes."""
    if engine.settings is None:
        return {"state": "none"}
    if not engine.problems:
        return {"state": "newest" if engine.configured.good else "defaults"}
    return {"state": "last good", **({"record": good.number, "time": rfc3339(good.event.at)} if good else {})}
