"""What the server made of our last write to each object, so that normalisation never looks like drift."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from doorward.hooks import Watch
from doorward.model.action import Action
from doorward.model.patch import lacking, merge
from doorward.model.reference import JsonObject
from doorward.state.facts import Fact, version_of
from doorward.state.memory import NOTHING, LastApplied, Memory, key_of, put
from doorward.state.our_fields import ours_of
from doorward.state.packing import packed
from doorward.state.transform import OWNER, transform


def as_observed(memory: Memory, fact: Fact, before: Fact | None) -> Memory:
    """An object of ours that stood before we looked is kept as first observed; a change of status is no edit."""
    key = key_of(fact.ref)
    applied = memory.last_applied.get(key)
    if applied is None:
        applied = LastApplied("", fact.body)
    elif before and applied.body == before.body and _same_but_status(before, fact):
        applied = replace(applied, body=fact.body)
    else:
        return memory
    return replace(memory, last_applied=put(memory.last_applied, key, applied))


def after_write(
    memory: Memory, action: Action, before: Fact | None, returned: JsonObject, known: Fact | None, watch: Watch
) -> Memory:
    """What a write leaves: what was asked, what came back, and what is missing of it.

    ``before`` is the object as it was known, which tells what was asked if the write was planned from it, ``returned``
    what the server gave back, trimmed, ``known`` the newest view of it.
    """
    key = key_of(action.ref)
    asked = action.body or {}
    if action.verb == "patch":
        base = before.object() if before and str(before.version) == action.resource_version else returned
        asked = merge(base, asked)
    same = asked.get("spec") == returned.get("spec")
    missing = () if same else lacking(ours_of(asked, watch), ours_of(returned, watch))
    last = memory.last_applied.get(key)
    again = last.attempts if last and last.digest == action.digest else 0
    # What was asked is what should stand: held to, shown to backends, and tried again.
    body = packed(transform(action.ref.kind, asked)) if missing else _body(returned, known)
    difference = tuple(f"spec.{path}" for path in missing[:5])
    applied = LastApplied(action.digest, body, again + 1 if missing else 0, difference)
    return replace(memory, last_applied=put(memory.last_applied, key, applied))


def after_verify(memory: Memory, unknown: Action, returned: JsonObject, known: Fact | None) -> Memory:
    """A look at an object that nobody but us has written shows what our last write made of it.

    That is the write whose outcome is unknown, or a later one that the journal lost.
    """
    metadata = returned["metadata"]
    if metadata.get("annotations", {}).get(OWNER) != unknown.service or metadata.get("otherManager"):
        return memory
    key, body = key_of(unknown.ref), _body(returned, known)
    last = memory.last_applied.get(key)
    if last and (last.difference or last.body == body):
        return memory
    return lost_write(memory, key, body)


def recovered(memory: Memory, ours: Iterable[Fact]) -> Memory:
    """After a start: what isn't as our last known write left it, and has no other field manager, is a write of ours
    that the journal lost."""
    for fact in ours:
        key = key_of(fact.ref)
        last = memory.last_applied.get(key)
        if last is None or last.difference or last.body == fact.body or key in memory.unknown:
            continue
        if not fact.object()["metadata"].get("otherManager"):
            memory = lost_write(memory, key, fact.body)
    return memory


def lost_write(memory: Memory, key: str, body: bytes) -> Memory:
    """An object as a write made it that the journal may have lost.

    Labels may have been taken off since: without a digest it is compared with what is rendered.  Nor is it known what
    was left and returned to meanwhile, so that nothing has drained yet.
    """
    return replace(
        memory, last_applied=put(memory.last_applied, key, LastApplied("", body)), draining=NOTHING, draining_for=""
    )


def as_asked(action: Action, returned: JsonObject | None) -> bool:
    """Whether a create came back as it went out, so that the claims noted when it was issued still hold."""
    return action.verb == "create" and returned is not None and returned.get("spec") == (action.body or {}).get("spec")


def _body(returned: JsonObject, known: Fact | None) -> bytes:
    """What the server returned, as a fact would hold it."""
    if known and known.version == version_of(returned["metadata"].get("resourceVersion")):
        return known.body
    metadata = {k: v for k, v in returned["metadata"].items() if k != "resourceVersion"}
    return packed({**returned, "metadata": metadata})


def _same_but_status(before: Fact, after: Fact) -> bool:
    one, other = before.object(), after.object()
    for obj in (one, other):
        obj.pop("status", None)
        obj["metadata"].pop("otherManager", None)
    return one == other
