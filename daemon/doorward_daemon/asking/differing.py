"""A cluster before and after manifests are applied to it, both at rest, and what differs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from difflib import unified_diff
from pathlib import Path

import msgspec
import typer
import yaml
from doorward.backends import OME, BackendError, Backends
from doorward.cluster.protocol import ApiError, Cluster
from doorward.engine import SETTINGS_NAME
from doorward.explaining import ExplainingEngine
from doorward.model.counting import counted
from doorward.model.door import Claim
from doorward.model.quoting import visible
from doorward.model.reference import CONFIG_MAP, SECRET, SECRETS, JsonObject, Ref, Resource, kind_of, ref_of
from doorward.settings.configuration import parse as parse_settings

from doorward_daemon import manifests
from doorward_daemon.asking import looking
from doorward_daemon.asking.applying import LAST_APPLIED, applied
from doorward_daemon.asking.copying import Copy, is_ours
from doorward_daemon.asking.doors import Row, row
from doorward_daemon.asking.printing import echo, filled, structured, styled
from doorward_daemon.manifests import Document
from doorward_daemon.saying import say

__all__ = ["Question", "diff"]

CONTEXT = 3
"""Lines around each difference."""
MOST_NAMED = 50
"""Doors that are named on a terminal; programs are told all."""
_COLORS = {"-": "red", "+": "green", "@": "cyan"}
_OF_A_SERVER = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink")
_OF_A_SERVICE = ("type", "externalName", "selector", "ports", "loadBalancerIP")
"""What doorward writes of a Service; the rest is a server's doing."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked."""

    files: tuple[str, ...]
    namespace: str = ""
    format: str = "table"
    settings_namespace: str = "ome"
    sources: tuple[str, ...] = ()


class Moved(msgspec.Struct, frozen=True):
    """A door that is reached otherwise."""

    ref: Ref
    before: tuple[str, ...]
    after: tuple[str, ...]

    def __str__(self) -> str:
        gone = [each for each in self.before if each not in self.after]
        new = [each for each in self.after if each not in self.before]
        name = f"{self.ref.namespace}/{self.ref.name}"
        if not self.before:
            return f"{name}: {', '.join(new)}"
        if not self.after:
            return f"{name} closes: {', '.join(gone)}"
        return f"{name}: {', '.join(gone) or '…'} → {', '.join(new) or 'nothing else'}"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    changes: dict[Ref, tuple[JsonObject | None, JsonObject | None]]
    moved: list[Moved]
    doors: int
    """How many there were."""
    refused: list[tuple[Ref, Row]]
    """Services that would not have the door that they ask for, and had or didn't ask before."""


def diff(kubeconfig: Path | None, context: str | None, question: Question) -> int:
    """Print what differs; gives the exit status.  Raises what keeps it from being told."""
    documents = manifests.read(question.files)
    outcome = asyncio.run(_asked(kubeconfig, context, question, documents))
    if question.format == "table":
        _print(outcome)
    else:
        echo(structured(_plain(outcome), question.format), nl=False)
    for ref, row_ in outcome.refused:
        say("warning", typer.colors.YELLOW, f"{ref}: {row_.reason}: {visible(row_.message)}")
    return 1 if outcome.changes or outcome.moved else 0


async def _asked(
    kubeconfig: Path | None, context: str | None, question: Question, documents: Sequence[Document]
) -> Outcome:
    reached = looking.connect(kubeconfig, context)
    cluster = reached.cluster
    try:
        engine = ExplainingEngine(
            Backends(sources=question.sources or (OME,)),
            settings_namespace=question.settings_namespace,
            namespaces=(question.namespace,) if question.namespace else (),
            use_defaults=True,
        )
        asked = _those_that_count(documents, engine.backends, question, question.namespace or reached.namespace)
        listed = await looking.look(cluster, engine)
        for document in asked.values():
            await _would_be_taken(cluster, document, engine.backends, listed)
        copy = Copy(_fresh(engine, question), listed)
        now = _seen(copy, asked)
        copy.start()
        copy.rest_all()
        before = _seen(copy, asked)
        if due := sum(now.get(ref) != before.get(ref) for ref in {*now, *before}):
            message = (
                f"{counted(due, 'object')} would change without this as well: is doorward at work, or not running?"
            )
            say("note", typer.colors.CYAN, message)
        doors = _doors(copy)
        known = copy.engine.secrets
        for ref, document in asked.items():
            _apply(copy, ref, document)
        _have_ready(copy, asked)
        copy.deliver()
        copy.settle()
        copy.add(await looking.look_at(cluster, sorted(copy.engine.secrets - known - asked.keys())))
        copy.rest_all()
        return _outcome(before, _seen(copy, asked), doors, _doors(copy))
    finally:
        await cluster.close()


def _fresh(engine: ExplainingEngine, question: Question) -> ExplainingEngine:
    """One that has seen nothing yet."""
    namespaces = (question.namespace,) if question.namespace else ()
    return ExplainingEngine(
        engine.backends, settings_namespace=question.settings_namespace, namespaces=namespaces, use_defaults=True
    )


def _those_that_count(
    documents: Sequence[Document], backends: Backends, question: Question, namespace: str
) -> dict[Ref, Document]:
    """The documents that doors may depend on, with their namespaces; the others are named.  Raises InputError."""
    found = {}
    for document in documents:
        kind = kind_of(document.object)
        resource = SECRETS if kind == SECRET else backends.resources.get(kind)
        metadata = document.object["metadata"]
        where = (metadata.get("namespace") or namespace) if resource and resource.namespaced else ""
        ref = Ref(kind, where, metadata["name"])
        is_settings = ref == Ref(CONFIG_MAP, question.settings_namespace, SETTINGS_NAME)
        if resource is None or (kind == CONFIG_MAP and not is_settings):
            say("note", typer.colors.CYAN, f"{document.file}: {ref}: no door depends on it; it is left out")
            continue
        if question.namespace and where not in (question.namespace, "") and not is_settings:
            raise document.error(f"{ref} isn't in namespace {question.namespace}, which alone is looked at")
        if is_settings and (problems := parse_settings(document.object.get("data") or {}).problems):
            raise document.error(f"{ref}: {problems[0]}")
        found[ref] = Document(
            document.file, document.line, {**document.object, "metadata": {**metadata, "namespace": where}}
        )
    return found


async def _would_be_taken(
    cluster: Cluster, document: Document, backends: Backends, listed: Sequence[looking.Listed]
) -> None:
    """Have the server look at a document, where we may ask it to.  Raises InputError where it would refuse it."""
    obj = document.object
    resource = SECRETS if kind_of(obj) == SECRET else backends.resources[kind_of(obj)]
    metadata, version = obj["metadata"], obj["apiVersion"].rpartition("/")[2]
    place = metadata["namespace"], metadata["name"]
    known = (item["metadata"] for each in listed if each.collection.resource == resource for item in each.items)
    there = any((each.get("namespace") or "", each["name"]) == place for each in known)
    clean = {**obj, "metadata": {k: v for k, v in metadata.items() if k not in (*_OF_A_SERVER, "status")}}
    clean.pop("status", None)
    if not metadata["namespace"]:
        clean["metadata"].pop("namespace")
    try:
        if there:
            await cluster.patch(resource, *place, clean, version=version, dry_run=True)
        else:
            await cluster.create(resource, place[0], clean, version=version, dry_run=True)
    except ApiError as error:
        if error.status not in (403, 409):
            raise document.error(f"{ref_of(obj)}: the API server refuses it: {error}") from None


def _apply(copy: Copy, ref: Ref, document: Document) -> None:
    resource = _resource(copy, ref)
    if not copy.store.serves(ref.kind):
        raise document.error(f"{ref}: the cluster doesn't serve {ref.kind}; install its CustomResourceDefinition")
    entry = copy.store.entry(ref.kind, (ref.namespace, ref.name))
    after = applied(document.object, entry.copy() if entry else None)
    if entry and after.get("spec") != entry.object.get("spec") and "generation" in entry.object["metadata"]:
        after["metadata"]["generation"] = entry.object["metadata"]["generation"] + 1
    elif not entry and "spec" in after:
        after["metadata"] = {"generation": 1, **after["metadata"]}
    if entry is None or after != entry.object:
        copy.store.put(resource, after)


def _have_ready(copy: Copy, asked: Mapping[Ref, Document]) -> None:
    """Components of the services that are applied become ready, as far as nothing says that they aren't."""
    for source in copy.engine.backends.sources.values():
        for service in [obj for obj in copy.services(source) if ref_of(obj) in asked]:
            status, generation = service.get("status") or {}, service["metadata"].get("generation")
            if generation and status.get("observedGeneration", generation) < generation:
                copy.store.put(source.resource, {**service, "status": {**status, "observedGeneration": generation}})
        copy.healthy.deploy([obj for obj in copy.services(source) if ref_of(obj) in asked], source)


def _seen(copy: Copy, asked: Mapping[Ref, Document]) -> dict[Ref, JsonObject]:
    """What is compared: what was given, what doorward writes, and the services with what is reported."""
    backends, found = copy.engine.backends, {}
    services = {ref_of(obj) for source in backends.sources.values() for obj in copy.services(source)}
    for kind in {resource.kind for resource in backends.resources.values()}:
        for obj in copy.of_kind(kind):
            ref = ref_of(obj)
            if ref in asked or ref in services or is_ours(obj):
                found[ref] = _clean(obj, given=ref in asked)
    for ref in asked:
        if ref.kind == SECRET and (entry := copy.store.entry(SECRET, (ref.namespace, ref.name))):
            found[ref] = _clean(entry.object, given=True)
    return found


def _resource(copy: Copy, ref: Ref) -> Resource:
    return SECRETS if ref.kind == SECRET else copy.engine.backends.resources[ref.kind]


def _doors(copy: Copy) -> dict[Ref, tuple[tuple[str, ...], Row]]:
    """Where each door is reached: its URL, and the hosts and paths that its objects serve."""
    engine, found = copy.engine, {}
    for ref in engine.known():
        service, shown = engine.object(ref), row(engine, ref)
        if service is None or shown is None:
            continue
        claims = {
            claim.where
            for each, obj in engine.objects(service["metadata"].get("uid", ""))
            if each.kind in engine.backends.claiming
            for claim in _claims(engine, each.kind, obj)
        }
        others = sorted(claim for claim in claims if shown.url.partition("://")[2] != claim)
        found[ref] = tuple(filter(None, (shown.url, *others))), shown
    return found


def _claims(engine: ExplainingEngine, kind: str, obj: JsonObject) -> list[Claim]:
    try:
        return list(engine.backends.claims(kind, obj))
    except BackendError:
        return []


def _outcome(
    before: Mapping[Ref, JsonObject],
    after: Mapping[Ref, JsonObject],
    were: Mapping[Ref, tuple[tuple[str, ...], Row]],
    are: Mapping[Ref, tuple[tuple[str, ...], Row]],
) -> Outcome:
    refs = sorted({*before, *after}, key=lambda ref: (ref.namespace, ref.name, ref.kind))
    changes = {ref: (before.get(ref), after.get(ref)) for ref in refs if before.get(ref) != after.get(ref)}
    doors = sorted({*were, *are}, key=lambda ref: (ref.namespace, ref.name, ref.kind))
    places = {ref: (were[ref][0] if ref in were else (), are[ref][0] if ref in are else ()) for ref in doors}
    refused = [
        (ref, now)
        for ref, (_, now) in are.items()
        if now.ready == "False" and (ref not in were or were[ref][1].message != now.message)
    ]
    moved = [Moved(ref, *place) for ref, place in places.items() if place[0] != place[1]]
    return Outcome(changes=changes, moved=moved, doors=len(were), refused=refused)


def _clean(obj: JsonObject, *, given: bool) -> JsonObject:
    """An object without what a server adds, and what differs from time to time."""
    metadata = {key: value for key, value in obj["metadata"].items() if key not in _OF_A_SERVER and value}
    annotations = dict(metadata.pop("annotations", {}))
    for key in (LAST_APPLIED, "doorward.io/owner"):
        annotations.pop(key, None)
    if annotations:
        metadata["annotations"] = annotations
    metadata.pop("ownerReferences", None)
    clean: JsonObject = {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": metadata}
    clean |= {key: value for key, value in obj.items() if key not in (*clean, "status")}
    if obj["kind"] == "Service" and not given:
        spec = {key: value for key, value in obj["spec"].items() if key in _OF_A_SERVICE}
        spec["ports"] = [{k: v for k, v in port.items() if k != "nodePort"} for port in spec.get("ports") or ()]
        clean["spec"] = spec
    if obj["kind"] == SECRET:
        clean = {"apiVersion": obj["apiVersion"], "kind": SECRET, "metadata": metadata}
        clean["data"] = dict.fromkeys(obj.get("data") or {}, "(not shown)")
    status = _timeless(obj.get("status") or {})
    if status and status != {"loadBalancer": {}}:
        clean["status"] = status
    return clean


def _timeless(value: object) -> object:
    if isinstance(value, dict):
        return {k: _timeless(v) for k, v in value.items() if k not in ("lastTransitionTime", "observedGeneration")}
    return [_timeless(each) for each in value] if isinstance(value, list) else value


def _lines(ref: Ref, before: JsonObject | None, after: JsonObject | None) -> list[str]:
    old, new = _text(before), _text(after)
    heads = f"{ref} (live)" if before else "/dev/null", f"{ref} (then)" if after else "/dev/null"
    return list(unified_diff(old, new, *heads, n=CONTEXT, lineterm=""))


def _text(obj: JsonObject | None) -> list[str]:
    if obj is None:
        return []
    return yaml.dump(obj, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=120).splitlines()


def _print(outcome: Outcome) -> None:
    for ref, (before, after) in outcome.changes.items():
        for line in _lines(ref, before, after):
            bold = line.startswith(("---", "+++"))
            echo(styled(visible(line), "bold" if bold else _COLORS.get(line[:1], "")))
    moved = [each for each in outcome.moved if each.before]
    opened = [each for each in outcome.moved if not each.before]
    _print_doors(f"{len(moved)} of {counted(outcome.doors, 'door')} would move:", moved)
    _print_doors(f"{len(opened)} would open:", opened)


def _print_doors(head: str, doors: Sequence[Moved]) -> None:
    if doors:
        echo(styled(head, "bold"))
    for each in doors[:MOST_NAMED]:
        echo(f"  {visible(str(each))}")
    if len(doors) > MOST_NAMED:
        echo(f"  and {len(doors) - MOST_NAMED} more; -o json names all")


def _plain(outcome: Outcome) -> JsonObject:
    changes = [
        {
            **_named(ref),
            "change": "update" if before and after else "create" if after else "delete",
            "diff": "\n".join(_lines(ref, before, after)),
        }
        for ref, (before, after) in outcome.changes.items()
    ]
    moved = [{**_named(each.ref), "before": list(each.before), "after": list(each.after)} for each in outcome.moved]
    refused = [{**_named(ref), "reason": row_.reason, "message": row_.message} for ref, row_ in outcome.refused]
    return {"doors": outcome.doors, "moved": moved, "changes": changes, **filled({"refused": refused})}


def _named(ref: Ref) -> JsonObject:
    return {"kind": ref.kind, "namespace": ref.namespace, "name": ref.name}
