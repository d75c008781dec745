"""What goes because something else went: dependents of owners, contents of namespaces, objects of definitions.

A real cluster does this in controllers, a moment later.  Here it happens within the write that caused it, or, where
the store's ``collecting`` is off, when ``collect()`` is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from doorward.cluster.embedded.discovery import CRD, NAMESPACE, kind_of_definition
from doorward.cluster.embedded.history import Entry, Key
from doorward.model.reference import JsonObject

COLLECTOR = "kube-controller-manager"
"""The field manager of what the collector writes."""


class Objects(Protocol):
    """What the collector needs of the store."""

    def entry(self, kind: str, key: Key) -> Entry | None: ...

    def entries(self, kind: str) -> Mapping[Key, Entry]: ...

    def serves(self, kind: str) -> bool: ...

    def known(self) -> Sequence[str]: ...

    def remove(self, kind: str, key: Key) -> None:
        """Delete as a DELETE request would, finalizers respected."""

    def finish(self, kind: str, key: Key) -> None:
        """Take an object away whose deletion nothing holds up any more."""

    def rewrite(self, kind: str, key: Key, change: Callable[[JsonObject], None]) -> None:
        """Update an object as the collector."""

    def withdraw(self, kind: str) -> None:
        """Serve a kind no longer."""


def collect(objects: Objects) -> None:
    """Remove everything that should be gone, until nothing is left to do."""
    while any([_dependents(objects), _namespaces(objects), _definitions(objects)]):
        pass


def settle_ending(objects: Objects) -> None:
    """Go on with the namespaces and definitions that are being deleted."""
    while any([_namespaces(objects), _definitions(objects)]):
        pass


def _dependents(objects: Objects) -> bool:
    acted = False
    for kind in objects.known():
        for key, entry in list(objects.entries(kind).items()):
            if entry.object["metadata"].get("ownerReferences"):
                acted |= release(objects, kind, key)
    return acted


def release(objects: Objects, kind: str, key: Key) -> bool:
    """Delete one object whose owners are all gone, or take gone owners off one that has others left."""
    entry = objects.entry(kind, key)
    metadata = entry.object["metadata"] if entry is not None else {}
    owners: list[JsonObject] = metadata.get("ownerReferences") or []
    gone = [owner for owner in owners if _gone(objects, owner, key[0])]
    if not gone or "deletionTimestamp" in metadata:
        return False
    if len(gone) == len(owners):
        objects.remove(kind, key)
    else:
        left = [owner for owner in owners if owner not in gone]
        objects.rewrite(kind, key, lambda obj: obj["metadata"].update(ownerReferences=left))
    return True


def _gone(objects: Objects, owner: JsonObject, namespace: str) -> bool:
    group, slash, _ = owner["apiVersion"].partition("/")
    kind = f"{owner['kind']}.{group}" if slash else owner["kind"]
    if not objects.serves(kind):
        return False  # what can't be looked up isn't known to be gone
    for where in (namespace, ""):
        entry = objects.entry(kind, (where, owner["name"]))
        if entry is not None and entry.object["metadata"]["uid"] == owner["uid"]:
            return False
    return True


def _ending(objects: Objects, kind: str) -> Iterator[tuple[Key, JsonObject]]:
    for key, entry in list(objects.entries(kind).items()):
        if "deletionTimestamp" in entry.object["metadata"]:
            yield key, entry.object


def _namespaces(objects: Objects) -> bool:
    acted = False
    for key, _ in _ending(objects, NAMESPACE):
        empty = True
        for kind in objects.known():
            for inner in [inner for inner in objects.entries(kind) if inner[0] == key[1]]:
                acted |= _remove(objects, kind, inner)
                empty &= objects.entry(kind, inner) is None
        if empty:
            objects.finish(NAMESPACE, key)
            acted = True
    return acted


def _definitions(objects: Objects) -> bool:
    acted = False
    for key, manifest in _ending(objects, CRD):
        kind = kind_of_definition(manifest).name
        for inner in list(objects.entries(kind)):
            acted |= _remove(objects, kind, inner)
        if not objects.entries(kind):
            objects.withdraw(kind)
            objects.finish(CRD, key)
            acted = True
    return acted


def _remove(objects: Objects, kind: str, key: Key) -> bool:
    """Delete what isn't being deleted yet."""
    entry = objects.entry(kind, key)
    if entry is None or "deletionTimestamp" in entry.object["metadata"]:
        return False
    objects.remove(kind, key)
    return True
