"""Marks: what the server made of our last write to each object, so that normalisation never looks like drift."""

from __future__ import annotations

from msgspec.structs import replace

from doorward.graph.facts import Fact, version_of
from doorward.graph.memory import NOTHING, Mark, Memory, put
from doorward.graph.trim import OWNER, canonical, trim
from doorward.hooks import Watch
from doorward.model.action import Action
from doorward.model.reference import JsonObject
from doorward.plan.desired import ours_of
from doorward.plan.patch import lacking, merge
from doorward.plan.plan import key_of


def as_observed(memory: Memory, fact: Fact, before: Fact | None) -> Memory:
    """An object of ours that stood before we looked is kept as first observed; a change of status is no edit."""
    key = key_of(fact.ref)
    mark = memory.marks.get(key)
    if mark is None:
        mark = Mark("", fact.body)
    elif before and mark.body == before.body and _same_but_status(before, fact):
        mark = replace(mark, body=fact.body)
    else:
        return memory
    return replace(memory, marks=put(memory.marks, key, mark))


def after_write(
    memory: Memory, action: Action, before: Fact | None, returned: JsonObject, known: Fact | None, watch: Watch
) -> Memory:
    """The mark that a write leaves: what was asked, what came back, and what is missing of it.

    ``before`` is the object as it was known, which tells what was asked if the write was planned from it, ``returned``
    what the server gave back, trimmed, ``known`` the newest view of it.
    """
    key = key_of(action.ref)
    asked = action.body or {}
    if action.verb == "patch":
        base = before.object() if before and str(before.version) == action.resource_version else returned
        asked = merge(base, asked)
    missing = lacking(ours_of(asked, watch), ours_of(returned, watch))
    last = memory.marks.get(key)
    again = last.attempts if last and last.digest == action.digest else 0
    # What was asked is what should stand: held to, shown to backends, and tried again.
    body = canonical(trim(action.ref.kind, asked)) if missing else _body(returned, known)
    difference = tuple(f"spec.{path}" for path in missing[:5])
    mark = Mark(action.digest, body, again + 1 if missing else 0, difference)
    return replace(memory, marks=put(memory.marks, key, mark))


def after_look(memory: Memory, doubted: Action, returned: JsonObject, known: Fact | None) -> Memory:
    """A look at an object that nobody but us has written shows what our last write made of it.

    That is the write in doubt, or a later one that the journal lost.
    """
    metadata = returned["metadata"]
    if metadata.get("annotations", {}).get(OWNER) != doubted.service or metadata.get("otherManager"):
        return memory
    key, body = key_of(doubted.ref), _body(returned, known)
    last = memory.marks.get(key)
    if last and (last.difference or last.body == body):
        return memory
    return lost_write(memory, key, body)


def lost_write(memory: Memory, key: str, body: bytes) -> Memory:
    """An object as a write made it that the journal may have lost.

    Labels may have been taken off since: without a digest it is compared with what is rendered.  Nor is it known what
    was left and returned to meanwhile, so that no overlap is over yet.
    """
    return replace(memory, marks=put(memory.marks, key, Mark("", body)), overlap=NOTHING, overlap_for="")


def as_asked(action: Action, returned: JsonObject | None) -> bool:
    """Whether a create came back as it went out, so that the claims noted when it was issued still hold."""
    return action.verb == "create" and returned is not None and returned.get("spec") == (action.body or {}).get("spec")


def _body(returned: JsonObject, known: Fact | None) -> bytes:
    """What the server returned, as a fact would hold it."""
    if known and known.version == version_of(returned["metadata"].get("resourceVersion")):
        return known.body
    metadata = {k: v for k, v in returned["metadata"].items() if k != "resourceVersion"}
    return canonical({**returned, "metadata": metadata})


def _same_but_status(before: Fact, after: Fact) -> bool:
    one, other = before.object(), after.object()
    for obj in (one, other):
        obj.pop("status", None)
        obj["metadata"].pop("otherManager", None)
    return one == other
