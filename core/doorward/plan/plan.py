"""Desired against observed: what to write, and what to wait for.

For each object that we need, or that is ours:

    wanted  what stands            differs   then
    ------  ---------------------  --------  -----------------------------------------------------------------
    yes     nothing                          create
    yes     ours                   no        nothing: no change is no write
    yes     ours                   yes       patch, under the uid and resourceVersion that were looked at
    yes     ours, being deleted              wait until it is gone, then create
    yes     a former service's               wait until it is collected, then create
    yes     OME's, to be adopted             patch in our annotation; the rest follows as drift
    yes     somebody's                       ObjectConflict; it is never touched
    no      ours                   closing   delete now, or keep only what serves those inside the cluster
    no      ours                   overlap   delete when the new has been accepted for ``overlapSeconds``

A door that is *held* wants exactly what stands, in the shape that the server returned for our last write.

Nothing is written to an object that has an action in flight, that a refusal or a contest has put off, or that has to
be looked at first because nobody knows what became of the last write.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec

from doorward.graph.facts import Fact
from doorward.graph.inference_service import InferenceService
from doorward.graph.memory import NOTHING, Mark, Memory, Pace, drop
from doorward.graph.trim import OWNER, ROUTED, canonical
from doorward.hooks import Watch
from doorward.model.action import CLOSE, LOOK, OPEN, REMOVE, Verb
from doorward.model.door import Warning
from doorward.model.merge import merge
from doorward.model.reference import SERVICE, JsonObject, Ref
from doorward.plan.desired import (
    LABEL,
    MANAGED_BY,
    Desired,
    controller_reference,
    correction,
    fields,
    owner_of,
    preconditioned,
)
from doorward.plan.leftover import is_left
from doorward.plan.pace import after_repair

ATTEMPTS = 3
"""Writes of one manifest that don't stick, before NotSticking."""

EXTERNAL_NAME = "ExternalName"
EXTERNAL = ("LoadBalancer", "NodePort")
"""The types of Services that are reached from outside."""
INGRESS = "Ingress.networking.k8s.io"
THROUGH = "through:"
"""Key of a Service that leads elsewhere until the Ingresses that lead through it have had their time."""

IN_DOUBT = "nobody knows what became of the last write"
CLOSED = "the door is closed"
LOST = "it may not have all of its hosts any more"


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A write that is ready to be issued; ``order`` is that of :class:`.Action`."""

    verb: Verb
    ref: Ref
    order: int
    reason: str
    uid: str = ""
    resource_version: str = ""
    body: JsonObject | None = None
    fields: tuple[str, ...] = ()
    digest: str = ""
    repair: bool = False


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a plan for one service depends on."""

    service: InferenceService
    now: float
    desired: Mapping[Ref, Desired]
    ours: tuple[Fact, ...]
    """What stands and is ours, wanted or not."""
    look: Callable[[Ref], Fact | None]
    busy: Callable[[Ref], bool]
    """Whether an action on this object is in flight."""
    watch: Callable[[str], Watch]
    memory: Memory
    held: bool = False
    closed: bool = False
    """There is to be no outside door: what takes it away waits for nothing, and goes out first."""
    closing: Collection[Ref] = ()
    """Objects of ours that serve what they may not any more: they change at once, or go where they aren't wanted."""
    leads_in: Callable[[str, JsonObject], bool] | None = None
    """Which objects of a held door have to go at once, by kind and content; None: none of them."""
    restorable: Callable[[str, JsonObject], bool] = lambda *_: True
    """Which objects of a held door may be brought back to what they were, by kind and content."""
    narrowed: Callable[[Ref, JsonObject], JsonObject | None] = lambda *_: None
    """For an object that has to go at once: a merge patch of its spec that leaves what may stay; None: nothing may."""
    adopt: bool = False
    overlap: float = 10.0
    accepted: Callable[[], bool] = lambda: True
    """Whether what is applied is accepted, where the API tells; asked only once everything is applied."""
    final: str = ""
    """Digest of the door without what is leaving: another one starts the overlap afresh."""
    leaving: frozenset[str] = frozenset()
    """What objects still carry and are to lose, as keys: see :mod:`doorward.plan.leaving`."""


class Plan(msgspec.Struct, kw_only=True):
    """What to do now, and how things stand."""

    memory: Memory
    drafts: list[Draft] = []
    wake: float | None = None
    """When to look again, if nothing happens before."""
    applied: bool = True
    """Everything wanted stands as wanted."""
    under_way: bool = False
    """Something is being written, or will be before long."""
    conflicts: list[str] = []
    """Objects under names that we need, and whose they are."""
    collecting: list[str] = []
    refused: list[str] = []
    """Writes that the server refuses, with its words."""
    not_sticking: list[str] = []
    warnings: list[Warning] = []


def key_of(ref: Ref) -> str:
    """How memory names an object of a service's namespace."""
    return f"{ref.kind}/{ref.name}"


def is_ours(fact: Fact, uid: str) -> bool:
    """Ours bears our annotation with the service's UID, and the service or nobody as controller."""
    return fact.owner == uid and fact.controller in ("", uid)


def plan(situation: Situation) -> Plan:
    """Compare, and say what to do."""
    result = Plan(memory=situation.memory)
    wanted = situation.desired
    if situation.held:
        for fact in situation.ours:
            if situation.leads_in is None or not situation.leads_in(fact.ref.kind, fact.object()):
                _hold(situation, fact, result)
            else:
                _close(situation, fact, result)
        _revive(situation, result)
    else:
        for stage in _stages(situation):
            waits = not result.applied
            for desired in stage:
                _want(situation, desired, waits, result)
    settled = _settled(situation, result)
    _overlap(situation, settled, result)
    for fact in situation.ours:
        if fact.ref in situation.closing and fact.ref not in wanted:
            _close(situation, fact, result)
    _look_at_the_rest(situation, result)
    return result


def _look_at_the_rest(s: Situation, result: Plan) -> None:
    """A write in doubt may hold a host, whether or not its object is needed any more."""
    done = {draft.ref for draft in result.drafts}
    for key, action in s.memory.doubts.items():
        ref, retry = action.ref, s.memory.retries.get(key)
        if action.verb == "status" or ref in done or ref in s.desired or s.busy(ref):
            continue
        if retry and retry.until > s.now:
            _wake(result, retry.until)
        else:
            result.drafts.append(Draft(verb="look", ref=ref, order=LOOK, reason=IN_DOUBT))


def _stages(s: Situation) -> list[list[Desired]]:
    """What is wanted, in the order in which a door that stands has to change.

    An Ingress of a Serverless service leads through Service DOOR, and that one to the local gateway, where a
    VirtualService takes over.  So: everything else; a Service that appears or begins to lead elsewhere; what is to
    lead through it; a Service that stops leading elsewhere, when nothing leads through it any more.
    """
    first: list[Desired] = []
    appearing: list[Desired] = []
    returning: list[Desired] = []
    leading: list[str] = []
    for desired in s.desired.values():
        stage = first
        if desired.ref.kind == SERVICE:
            fact = s.look(desired.ref)
            ours = fact is not None and is_ours(fact, s.service.metadata.uid) and not fact.deleting
            stands = ours and not s.busy(desired.ref)  # its deletion may be under way
            now = fact.object()["spec"].get("type") if fact and stands else None
            then = desired.manifest["spec"].get("type")
            if now not in (then, *EXTERNAL):  # one that opens the door itself has its overlap
                stage = returning if now == EXTERNAL_NAME else appearing
            if stage is appearing or then == EXTERNAL_NAME:
                leading.append(desired.ref.name)
        stage.append(desired)
    through = [
        d for d in first if d.ref.kind == INGRESS and leading and leads_through(canonical(d.manifest["spec"]), leading)
    ]
    if not (appearing or returning or through):
        return [first]
    return [[d for d in first if d not in through], appearing, through, returning]


def leads_through(ingress: bytes, services: Iterable[str]) -> bool:
    """Whether an Ingress, as canonical JSON, has one of these Services as a backend."""
    return any(canonical({"service": {"name": name}})[1:-2] in ingress for name in services)


def _want(s: Situation, desired: Desired, waits: bool, result: Plan) -> None:
    """Bring one object about; ``waits``: not yet by a change of one that stands."""
    fact = s.look(desired.ref)
    uid = s.service.metadata.uid
    if put_off(s, desired.ref, result):
        return
    mark = s.memory.marks.get(key_of(desired.ref))
    if fact is None:
        repair = mark is not None and mark.digest == desired.digest
        if repair and not _pace(s, desired.ref, "", result):
            return
        reason = "drift: somebody deleted it" if repair else "the door opens"
        draft = Draft(
            verb="create",
            ref=desired.ref,
            order=OPEN,
            reason=reason,
            body=desired.manifest,
            digest=desired.digest,
            repair=repair,
        )
        _do(result, draft)
    elif not is_ours(fact, uid):
        _meet(s, desired, fact, result)
    elif fact.deleting:
        result.applied, result.under_way = False, True
        result.collecting.append(f"{fact.ref} is being deleted")
    else:
        _compare(s, desired, fact, mark, waits, result)


def _compare(s: Situation, desired: Desired, fact: Fact, mark: Mark | None, waits: bool, result: Plan) -> None:
    ours = mark is not None and mark.digest == desired.digest
    if ours and mark and mark.difference:
        if mark.attempts >= ATTEMPTS:
            result.applied = False
            result.not_sticking.append(f"{fact.ref}: {', '.join(mark.difference)}")
            return
        ours = False
    if ours and mark and mark.body == fact.body:
        return
    observed = fact.object()
    target = desired.manifest
    if s.closed and fact.ref.kind == SERVICE and _turns_inwards(observed, target):
        _close(s, fact, result)
        return
    if ours and mark:
        target = {"metadata": target["metadata"], "spec": msgspec.json.decode(mark.body).get("spec") or {}}
    patch = correction(target, observed, desired.watch)
    if not patch:
        return
    if waits and not ours:
        result.applied = False
        return
    changed = fields(patch)
    if ours and not _pace(s, fact.ref, observed["metadata"].get("otherManager", ""), result):
        return
    reason = f"drift: {', '.join(changed)}" if ours else "the door changes"
    order = CLOSE if s.closed or fact.ref in s.closing else OPEN
    _do(result, _patch(fact, patch, order, reason, changed, desired.digest, repair=ours))


def _turns_inwards(observed: JsonObject, target: JsonObject) -> bool:
    """Whether a Service that opens the door itself is to lead elsewhere: it closes now, and turns in its stage."""
    now, then = observed["spec"].get("type"), target["spec"].get("type")
    return now in EXTERNAL and then == EXTERNAL_NAME


def _meet(s: Situation, desired: Desired, fact: Fact, result: Plan) -> None:
    """Somebody else's object stands under a name that we need."""
    result.applied = False
    service = s.service
    former = fact.owner and fact.owner != service.metadata.uid and not desired.watch.external  # which nobody collects
    if (
        former
        and (fact.deleting or is_left(fact))
        and fact.object()["metadata"].get("labels", {}).get(LABEL) == service.label
    ):
        result.under_way = True
        result.collecting.append(f"{fact.ref} belongs to an InferenceService of this name that was deleted")
        return
    if s.adopt and desired.watch.adoptable and not fact.owner and fact.controller == service.metadata.uid:
        patch = {"metadata": {"annotations": {OWNER: service.metadata.uid}}}
        _do(result, _patch(fact, patch, OPEN, "adopted from OME's ingress", (f"metadata.annotations.{OWNER}",), ""))
        return
    whose = owner_of(fact)
    result.conflicts.append(f"{fact.ref}, {whose}, has the name that this door needs; rename or delete it")


def _hold(s: Situation, fact: Fact, result: Plan) -> None:
    """Keep an object in the shape that the server returned for our last write."""
    mark = s.memory.marks.get(key_of(fact.ref))
    if mark is None or mark.body == fact.body or fact.deleting or put_off(s, fact.ref, result):
        return
    observed, watch, kept = fact.object(), s.watch(fact.ref.kind), kept_of(s.service, mark)
    digest = mark.digest
    if s.leads_in and s.leads_in(fact.ref.kind, kept):  # somebody's edit closed it, and closed it is to be
        spec, digest = s.narrowed(fact.ref, kept), ""
        if not spec:
            return
        kept = {**kept, "spec": merge(kept["spec"], spec)}
    patch = correction(kept, observed, watch)
    if (
        patch
        and s.restorable(fact.ref.kind, kept)
        and _pace(s, fact.ref, observed["metadata"].get("otherManager", ""), result)
    ):
        changed = fields(patch)
        reason = f"drift of a held door: {', '.join(changed)}"
        _do(result, _patch(fact, patch, OPEN, reason, changed, digest, repair=True))


def _close(s: Situation, fact: Fact, result: Plan) -> None:
    """An object that serves what it may not any more is left with the rest, or goes."""
    spec, why = s.narrowed(fact.ref, fact.object()), CLOSED if s.closed else LOST
    if not spec:
        _remove(s, fact, CLOSE, why, result)
    elif not fact.deleting and not put_off(s, fact.ref, result):
        patch = {"spec": spec}
        _do(result, _patch(fact, patch, CLOSE, why, fields(patch), ""))


def _revive(s: Situation, result: Plan) -> None:
    """Make anew the objects of a held door that somebody deleted."""
    present = {key_of(fact.ref) for fact in s.ours}
    for key, mark in s.memory.marks.items():
        kind, _, name = key.partition("/")
        ref = Ref(kind, s.service.namespace, name)
        if key in present or s.look(ref) is not None or put_off(s, ref, result):
            continue
        watch, kept = s.watch(kind), kept_of(s.service, mark)
        if (s.leads_in and s.leads_in(kind, kept)) or not s.restorable(kind, kept):
            continue
        if not _pace(s, ref, "", result):
            continue
        spec = {k: v for k, v in kept["spec"].items() if watch.owned == "spec" or k in watch.fields}
        body = {"apiVersion": watch.resource.api_version(), "kind": watch.resource.name, **kept, "spec": spec}
        reason = "drift of a held door: somebody deleted it"
        digest = mark.digest
        draft = Draft(verb="create", ref=ref, order=OPEN, reason=reason, body=body, digest=digest, repair=True)
        _do(result, draft)


def kept_of(service: InferenceService, mark: Mark) -> JsonObject:
    """What of a marked object is ours, as a manifest to compare with."""
    obj = msgspec.json.decode(mark.body)
    metadata = obj["metadata"]
    managed = {LABEL, MANAGED_BY, OWNER, ROUTED, *metadata.get("managed", ())}
    kept: JsonObject = {
        part: {k: v for k, v in metadata.get(part, {}).items() if k in managed} for part in ("labels", "annotations")
    }
    kept["labels"] = {LABEL: service.label, MANAGED_BY: "doorward", **kept["labels"]}
    kept["ownerReferences"] = [controller_reference(service)]
    name, namespace = metadata["name"], service.namespace
    return {"metadata": {"name": name, "namespace": namespace, **kept}, "spec": obj.get("spec") or {}}


def _settled(s: Situation, result: Plan) -> bool:
    return result.applied and not s.held and bool(s.accepted())


def _overlap(s: Situation, settled: bool, result: Plan) -> None:
    """Count down what is leaving; objects whose time is over are deleted.

    While Ingresses that are leaving lead through a Service, the time of what that one leads to hasn't begun.
    """
    old = {f"object:{key_of(f.ref)}": f for f in s.ours if f.ref not in s.desired and f.ref not in s.closing}
    if through := [key.removeprefix(THROUGH) for key in s.leaving if key.startswith(THROUGH)]:
        old = {key: f for key, f in old.items() if f.ref.kind == INGRESS and leads_through(f.body, through)}
    if s.held:
        old = {}
    settled = settled and not any(s.busy(fact.ref) for fact in old.values())  # it may lead through the others by then
    leaving = {*old, *s.leaving}
    memory = result.memory
    if not leaving:
        if memory.overlap or memory.overlap_for:
            result.memory = msgspec.structs.replace(memory, overlap=NOTHING, overlap_for="")
        return
    known = memory.overlap if memory.overlap_for == s.final else NOTHING
    since = {key: known[key] for key in sorted(leaving) if key in known}
    if settled:
        for key in sorted(leaving):
            since.setdefault(key, s.now)
    if since != memory.overlap or s.final != memory.overlap_for:
        result.memory = msgspec.structs.replace(memory, overlap=since or NOTHING, overlap_for=s.final)
    for key, start in since.items():
        if start + s.overlap > s.now or (key not in known and key not in old):
            _wake(result, start + s.overlap)
        elif key in old and settled:
            _remove(s, old[key], REMOVE, "the overlap is over", result)


def overlap_is_over(memory: Memory, final: str, key: str, now: float, overlap: float) -> bool:
    """Whether something that is leaving has had its time."""
    start = memory.overlap.get(key) if memory.overlap_for == final else None
    return start is not None and start + overlap <= now


def _remove(s: Situation, fact: Fact, order: int, reason: str, result: Plan) -> None:
    if fact.deleting or put_off(s, fact.ref, result):
        return
    draft = Draft(
        verb="delete", ref=fact.ref, order=order, reason=reason, uid=fact.uid, resource_version=str(fact.version)
    )
    result.drafts.append(draft)


def _patch(
    fact: Fact,
    patch: JsonObject,
    order: int,
    reason: str,
    changed: tuple[str, ...],
    digest: str,
    *,
    repair: bool = False,
) -> Draft:
    return Draft(
        verb="patch",
        ref=fact.ref,
        order=order,
        reason=reason,
        uid=fact.uid,
        resource_version=str(fact.version),
        body=preconditioned(patch, fact),
        fields=changed,
        digest=digest,
        repair=repair,
    )


def put_off(s: Situation, ref: Ref, result: Plan) -> bool:
    """Whether nothing may be written to an object now: busy, in doubt, or refused a moment ago."""
    key = key_of(ref)
    retry = s.memory.retries.get(key)
    if retry and retry.message and (retry.until > s.now or s.busy(ref)):
        result.refused.append(f"{ref}: {retry.message}")
    if s.busy(ref):
        result.applied, result.under_way = False, True
        return True
    if retry and retry.until > s.now:
        result.applied, result.under_way = False, True
        _wake(result, retry.until)
        return True
    if key in s.memory.doubts:
        result.applied, result.under_way = False, True
        result.drafts.append(Draft(verb="look", ref=ref, order=LOOK, reason=IN_DOUBT))
        return True
    return False


def _pace(s: Situation, ref: Ref, other: str, result: Plan) -> bool:
    """Whether a repair may go out now; somebody who keeps undoing them is met with growing pauses."""
    key = key_of(ref)
    pace = s.memory.paces.get(key, Pace())
    if pace.until > s.now:
        result.applied = False
        _wake(result, pace.until)
        return False
    if after_repair(pace, s.now).pause:
        who = f"field manager {other}" if other else "somebody"
        message = f"{who} keeps undoing what doorward writes to {ref}; stop it, or switch this door off"
        result.warnings.append(Warning("Contested", message))
    return True


def _do(result: Plan, draft: Draft) -> None:
    result.applied, result.under_way = False, True
    result.drafts.append(draft)


def _wake(result: Plan, at: float) -> None:
    result.wake = at if result.wake is None else min(result.wake, at)


_OF_OBJECTS = ("marks", "paces", "retries", "doubts", "written", "stood")
"""What memory keeps by object."""


def forget(memory: Memory, ref: Ref) -> Memory:
    """Without what was remembered of an object that we removed."""
    key = key_of(ref)
    parts = {name: drop(getattr(memory, name), key) for name in _OF_OBJECTS}
    return msgspec.structs.replace(memory, **parts)
