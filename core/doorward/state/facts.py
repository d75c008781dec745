"""The fold of everything observed: the latest view of each object that matters.

    Observed  newer than what is known (resourceVersions of one object compare as integers)  ->  kept
              older, or older than its tombstone                                             ->  ignored
    Deleted   newer than what is known  ->  gone, a tombstone with that resourceVersion stays
    Synced    facts of that kind and scope that the list lacks, at or below its version  ->  gone

Whoever reads a fact can be told of its change: a change names the keys under which it can have been read, which are
the object's reference and the three look-ups (:func:`labelled`, :func:`slices`, :func:`inhabited`).
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping
from typing import Any, TypeVar

import msgspec
import orjson

from doorward.model.reference import ENDPOINT_SLICE, SERVICE, JsonObject, Ref
from doorward.model.source import Source
from doorward.state.packing import packed, unpack
from doorward.state.transform import OWNER, ROUTED


class Fact(msgspec.Struct, frozen=True, gc=False):
    """One object as last seen."""

    ref: Ref
    uid: str
    version: int
    """``metadata.resourceVersion``; 0 where it isn't a number, which no comparison rejects."""
    body: bytes
    """The trimmed object, canonical, without its resourceVersion, and packed."""
    number: int
    """The record that brought it."""
    owner: str = ""
    """UID in the annotation that makes an object ours."""
    controller: str = ""
    """UID of the controlling owner."""
    deleting: bool = False
    routed: str = ""
    """The components that an object of ours routes to, as its annotation lists them."""
    look_up: Ref | None = None
    """The look-up that finds it, where there is one."""

    def is_of(self, uid: str) -> bool:
        """Whether it is the object of a service: it bears our annotation with its UID, and nobody else controls it."""
        return self.owner == uid and self.controller in ("", uid)

    def object(self) -> JsonObject:
        """The trimmed object as fresh JSON."""
        return orjson.loads(unpack(self.body))  # type: ignore[no-any-return]


class Tombstone(msgspec.Struct, frozen=True, gc=False):
    uid: str
    version: int


class Change(msgspec.Struct, frozen=True, gc=False):
    """What became of one object; either side may be missing."""

    ref: Ref
    before: Fact | None
    after: Fact | None
    keys: tuple[Ref, ...] = ()


def labelled(namespace: str, label: str, value: str) -> Ref:
    """The look-up "Services that bear this service's label", as a key to depend on."""
    return Ref(f"Service?{label}", namespace, value)


def slices(namespace: str, service: str) -> Ref:
    """The look-up "EndpointSlices of this Service", as a key to depend on."""
    return Ref("EndpointSlice?service", namespace, service)


def inhabited(name: str) -> Ref:
    """The look-up "is anything in a namespace of this name", as a key to depend on."""
    return Ref("Namespace?inhabited", "", name)


class _CreatedMetadata(msgspec.Struct, gc=False):
    creationTimestamp: Any = ""


class _Created(msgspec.Struct, gc=False):
    metadata: _CreatedMetadata


_created = msgspec.json.Decoder(_Created)


def created_at(fact: Fact) -> str:
    """An object's creationTimestamp, without reading the rest of it; empty where it has none."""
    return _created.decode(unpack(fact.body)).metadata.creationTimestamp  # type: ignore[no-any-return]


def shared(namespace: str) -> str:
    """The one string for a namespace, whoever names it: many objects are in each."""
    return sys.intern(namespace) if type(namespace) is str else namespace


def version_of(text: object) -> int:
    """A resourceVersion as a number; 0 where it isn't one."""
    try:
        return int(text)  # type: ignore[call-overload, no-any-return]
    except (TypeError, ValueError):
        return 0


class Facts:
    """All facts, with the indexes that doors look things up by."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = sources.keys()
        self._selected = {source.resource.kind: kind for kind, source in sources.items() if source.selected}
        """By kinds some of which are services: the kind of these."""
        self._uids: dict[str, Ref] = {}
        """The objects of such kinds."""
        self._labels = {source.label: f"Service?{source.label}" for source in sources.values()}
        """The labels of component Services, each with the kind of its look-up."""
        self._facts: dict[str, dict[Ref, Fact]] = {}
        self._tombstones: dict[Ref, Tombstone] = {}
        self._listed: dict[tuple[str, str], int] = {}
        self._found: dict[Ref, tuple[Ref, ...]] = {}
        self._owned: dict[tuple[str, str], tuple[Ref, ...]] = {}
        self._bearing: dict[str, dict[str, None]] = {}
        """The namespaces in which something bears our annotation with a UID."""
        self._namespaces: dict[str, int] = {}
        """How many objects are known in each."""

    def get(self, ref: Ref) -> Fact | None:
        facts = self._facts.get(ref.kind)
        return facts.get(ref) if facts else None

    def of_kind(self, kind: str) -> list[Fact]:
        return list(self._facts.get(kind, {}).values())

    def refs(self, kind: str) -> Collection[Ref]:
        return self._facts.get(kind, {}).keys()

    def count(self, kind: str) -> int:
        return len(self._facts.get(kind, ()))

    def all(self) -> Iterator[Fact]:
        for facts in self._facts.values():
            yield from facts.values()

    def told(self) -> Iterator[Fact]:
        """All but what follows from the others: which of a kind are services."""
        selected = set(self._selected.values())
        return (fact for kind, facts in self._facts.items() if kind not in selected for fact in facts.values())

    def of_many(self, uid: str) -> Ref | None:
        """The object with this UID, of a kind some of which are services; None where there is none."""
        return self._uids.get(uid)

    def tombstones(self) -> Iterator[tuple[Ref, Tombstone]]:
        return iter(self._tombstones.items())

    def owned_by(self, uid: str, namespace: str) -> list[Fact]:
        """The objects of a service's namespace that bear our annotation with its UID, in the order in which they were
        first seen.  In another namespace, whoever wrote the annotation has no say about this service."""
        return [fact for ref in self._owned.get((namespace, uid), ()) if (fact := self.get(ref))]

    def any_owned_by(self, uid: str, namespace: str) -> bool:
        """Whether there are any such objects."""
        return (namespace, uid) in self._owned

    def bearing(self, uid: str) -> list[Fact]:
        """The objects of all namespaces that bear our annotation with this UID."""
        return [fact for namespace in self._bearing.get(uid, ()) for fact in self.owned_by(uid, namespace)]

    def found(self, look_up: Ref) -> list[Fact]:
        """What a look-up (:func:`labelled`, :func:`slices`) finds, in the order in which it was first seen."""
        return [fact for ref in self._found.get(look_up, ()) if (fact := self.get(ref))]

    def knows_namespace(self, name: str) -> bool:
        """Whether any object of a namespace is known, so that it is there: look-up :func:`inhabited`."""
        return name in self._namespaces

    def observe(self, kind: str, trimmed: JsonObject, number: int) -> Change | None:
        """Take in an observation, trimmed; None where it brings nothing new."""
        metadata = trimmed["metadata"]
        ref = Ref(kind, shared(metadata.get("namespace", "")), metadata["name"])
        text = metadata.pop("resourceVersion", "0")
        body = packed(trimmed)
        metadata["resourceVersion"] = text
        version, uid = version_of(text), metadata.get("uid", "")
        known = self.get(ref)
        if known and version and version < known.version:
            return None
        tombstone = self._tombstones.get(ref)
        if tombstone and not known and version <= tombstone.version and (version or uid == tombstone.uid):
            return None
        if not known and self.is_gone(ref, version):
            return None
        if known and known.body == body:
            if version != known.version:
                self._facts[kind][known.ref] = msgspec.structs.replace(known, version=version)
                if kind in self._selected and (same := self.get(ref._replace(kind=self._selected[kind]))):
                    self._facts[same.ref.kind][same.ref] = msgspec.structs.replace(same, version=version)
            return None
        annotations = metadata.get("annotations") or {}
        owner = str(annotations.get(OWNER, ""))
        fact = Fact(
            known.ref if known else ref,
            uid,
            version,
            body,
            number,
            owner if owner != uid else "",  # nothing is its own
            controller_of(metadata),
            "deletionTimestamp" in metadata,
            str(annotations.get(ROUTED, "")),
            self._shared(self._look_up(ref, metadata.get("labels"))),
        )
        if tombstone:
            del self._tombstones[ref]
        self._facts.setdefault(kind, {})[fact.ref] = fact
        return self._changed(known, fact)

    def _look_up(self, ref: Ref, labels: JsonObject | None) -> Ref | None:
        if not labels:
            return None
        if ref.kind == SERVICE:
            for label, kind in self._labels.items():
                if label in labels:
                    return Ref(kind, ref.namespace, str(labels[label]))
        if ref.kind == ENDPOINT_SLICE:
            return slices(ref.namespace, str(labels.get("kubernetes.io/service-name", "")))
        return None

    def _shared(self, look_up: Ref | None) -> Ref | None:
        """The same look-up as others that are found by it have."""
        if look_up and (others := self._found.get(look_up)) and (other := self.get(others[0])):
            return other.look_up
        return look_up

    def delete(self, ref: Ref, uid: str, version: int) -> Change | None:
        """An object is gone; None where what is known is newer, or is another object of the same name."""
        known = self.get(ref)
        if known and version and version < known.version:
            return None
        if known and not version and uid and uid != known.uid:
            return None
        gone = Tombstone(uid or (known.uid if known else ""), max(version, known.version if known else 0))
        earlier = self._tombstones.get(ref)
        if gone.version and (earlier is None or gone.version > earlier.version):
            self._tombstones[ref] = gone
        if not known:
            return None
        del self._facts[ref.kind][ref]
        return self._changed(known, None)

    def withdraw(self, ref: Ref) -> Change | None:
        """Know no more of what follows from other facts; it may follow again."""
        known = self.get(ref)
        if known is None:
            return None
        del self._facts[ref.kind][ref]
        return self._changed(known, None)

    def is_gone(self, ref: Ref, version: int) -> bool:
        """Whether a list that is newer than this version of an object lacks it: it was deleted since."""
        listed = self._listed.get((ref.kind, ref.namespace)) or self._listed.get((ref.kind, ""), 0)
        return 0 < version <= listed and self.get(ref) is None

    def forget_lists(self) -> None:
        """A new process: what the old one listed tells nothing about what is listed now."""
        self._listed.clear()

    def sweep(self, kind: str, scope: str, version: int, keys: frozenset[tuple[str, str]]) -> list[Change]:
        """Everything of this kind and scope that a list at ``version`` lacks is gone, unless it is newer."""
        self._listed[kind, scope] = version
        for ref in [r for r, t in self._tombstones.items() if r.kind == kind and (not version or t.version <= version)]:
            if not scope or ref.namespace == scope:
                del self._tombstones[ref]
        gone = [
            fact
            for ref, fact in self._facts.get(kind, {}).items()
            if (ref.namespace, ref.name) not in keys
            and (not scope or ref.namespace == scope)
            and (not version or fact.version <= version)
        ]
        changes = []
        for fact in gone:
            del self._facts[kind][fact.ref]
            changes.append(self._changed(fact, None))
        return changes

    def _changed(self, before: Fact | None, after: Fact | None) -> Change:
        ref = (after or before).ref  # type: ignore[union-attr]
        if ref.kind in self._selected:
            if before:
                self._uids.pop(before.uid, None)
            if after:
                self._uids[after.uid] = ref
        old, new = before.look_up if before else None, after.look_up if after else None
        if old != new:
            _move(self._found, old, new, ref)
        if ref.kind not in self._sources:
            owner, heir = before.owner if before else "", after.owner if after else ""
            if owner != heir:
                namespace = ref.namespace
                _move(self._owned, (namespace, owner) if owner else None, (namespace, heir) if heir else None, ref)
                if owner and (namespace, owner) not in self._owned:
                    del self._bearing[owner][namespace]
                    if not self._bearing[owner]:
                        del self._bearing[owner]
                if heir:
                    self._bearing.setdefault(heir, {})[namespace] = None
        looks = (old,) if old == new else (old, new)
        first_or_last = self._count(ref.namespace, (after is not None) - (before is not None))
        return Change(ref, before, after, (ref, *(look for look in (*looks, first_or_last) if look)))

    def _count(self, name: str, step: int) -> Ref | None:
        """One object more or fewer in a namespace; its key, where that makes it known, or no longer known."""
        if not name or not step:
            return None
        count = self._namespaces.get(name, 0) + step
        if count:
            self._namespaces[name] = count
        else:
            del self._namespaces[name]
        return inhabited(name) if count == max(step, 0) else None


def controller_of(metadata: JsonObject) -> str:
    """UID of the owner reference that is the controller; empty where nobody is."""
    for owner in metadata.get("ownerReferences", ()):
        if isinstance(owner, dict) and owner.get("controller"):
            return str(owner.get("uid", ""))
    return ""


K = TypeVar("K", Ref, tuple[str, str])


def _move(index: dict[K, tuple[Ref, ...]], old: K | None, new: K | None, ref: Ref) -> None:
    """An object's key in an index changed."""
    if old is not None:
        rest = tuple(r for r in index[old] if r != ref)
        if rest:
            index[old] = rest
        else:
            del index[old]
    if new is not None:
        index[new] = (*(index[new] if new in index else ()), ref)  # noqa: SIM401 (get is not typed for a type variable)
