"""What garbage collection will take of a deleted service, told from what somebody made to look like it."""

from __future__ import annotations

from collections.abc import Collection

from doorward.model.reference import JsonObject
from doorward.model.source import Source
from doorward.state.facts import Fact


def is_garbage(fact: Fact, sources: Collection[Source]) -> bool:
    """Whether an object whose service isn't there is about to be collected: nothing else owns or keeps it.

    Source: garbage collection of Kubernetes takes an object when none of its owners exists; what it can't look up, such
    as an owner in a version that isn't served, keeps it.
    """
    owners = fact.object()["metadata"].get("ownerReferences", ())
    return bool(owners) and not fact.deleting and all(_is_service(each, fact.owner, sources) for each in owners)


def _is_service(reference: JsonObject, uid: str, sources: Collection[Source]) -> bool:
    kind = reference.get("apiVersion"), reference.get("kind")
    return reference.get("uid") == uid and any(kind in source.owners for source in sources)
