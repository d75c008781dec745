"""What one process has seen of the cluster, as the events that tell it to another's state."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from doorward.model.event import AnyEvent, Deleted, Observed
from doorward.state.state import State

__all__ = ["seen"]


def seen(state: State, at: float) -> Iterator[AnyEvent]:
    """Objects, deletions and lists, in the order in which a process that begins is told of them."""
    keys: dict[str, set[tuple[str, str]]] = {}
    for fact in state.facts.all():
        obj = fact.object()
        obj["metadata"]["resourceVersion"] = str(fact.version)
        keys.setdefault(fact.ref.kind, set()).add((fact.ref.namespace, fact.ref.name))
        yield Observed(at=at, kind=fact.ref.kind, object=obj)
    for ref, tombstone in state.facts.tombstones():
        yield Deleted(at=at, ref=ref, uid=tombstone.uid, resource_version=tombstone.version)
    for synced in state.kinds.lists():
        yield replace(synced, at=at, keys=frozenset(keys.get(synced.kind, ())))
