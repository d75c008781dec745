"""Desired against observed: what to write so that everything wanted stands.

    what stands           differs   then
    --------------------  --------  -----------------------------------------------------------
    nothing                         create
    ours                  no        nothing: no change is no write
    ours                  yes       patch, under the uid and resourceVersion that were looked at
    ours, being deleted             wait until it is gone, then create
    a former service's              wait until it is collected, then create
    OME's, to be adopted            patch in our annotation; the rest follows as drift
    somebody else's                 told as ObjectConflict, and never touched

What is ours and not wanted closes (:mod:`doorward.plan.closing`) or drains (:mod:`doorward.plan.draining`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from doorward.model.action import CLOSE, OPEN
from doorward.model.reference import SERVICE, JsonObject, Ref
from doorward.plan.closing import Closing
from doorward.plan.correction import correction, fields
from doorward.plan.gate import backs_off, may_not_write_now
from doorward.plan.plan import Plan, Situation
from doorward.plan.stages import EXTERNAL, EXTERNAL_NAME, stages
from doorward.plan.write import Write, patch_of
from doorward.render.desired import Desired
from doorward.state.facts import Fact
from doorward.state.garbage import is_garbage
from doorward.state.memory import LastApplied, key_of
from doorward.state.our_fields import owner_of
from doorward.state.transform import GUARDED, OWNER

ATTEMPTS = 3
"""Writes of one manifest that don't stick, before NotSticking."""


class Aim(msgspec.Struct, frozen=True, kw_only=True):
    """What a door that isn't held is to be."""

    desired: Mapping[Ref, Desired]
    closed: bool
    """There is to be no outside door: what takes it away waits for nothing, and goes out first."""
    closing: Closing
    going: Collection[Ref]
    """Objects of ours that serve what they may not any more: they change at once, or go where they aren't wanted."""
    adopt: bool


def diff(s: Situation, aim: Aim) -> Plan:
    """Compare stage by stage, and say what to do."""
    plan = Plan(memory=s.memory)
    for desired in aim.desired.values():
        if desired.watch.guards:
            _stand_guard(s, aim, desired, plan)
    guarded = plan.applied
    for stage in stages(s, {ref: desired for ref, desired in aim.desired.items() if not desired.watch.guards}):
        waits = not plan.applied
        for desired in stage:
            _want(s, aim, desired, waits, plan, opens=guarded)
    return plan


def _stand_guard(s: Situation, aim: Aim, desired: Desired, plan: Plan) -> None:
    """Bring a guard about; one that doesn't stand, and isn't being written, is told: nothing may stand open for it."""
    _want(s, aim, desired, False, plan)
    fact = s.reader.get(desired.ref)
    stands = fact is not None and fact.is_of(s.fact.uid) and not fact.deleting
    if not (stands or desired.ref in s.in_flight or any(write.ref == desired.ref for write in plan.writes)):
        plan.unguarded.append(f"{desired.ref}, which guards it, doesn't stand")


def _want(s: Situation, aim: Aim, desired: Desired, waits: bool, plan: Plan, *, opens: bool = True) -> None:
    """Bring one object about; ``waits``: not yet by a change of one that stands; not ``opens``: nor by a new one."""
    fact = s.reader.get(desired.ref)
    if may_not_write_now(s, desired.ref, plan):
        return
    if fact is None and not opens:
        plan.applied = False
    elif fact is None:
        _create(s, desired, plan)
    elif not fact.is_of(s.fact.uid):
        _name_is_taken(s, aim, desired, fact, plan)
    elif fact.deleting:
        plan.wait()
        plan.collecting.append(f"{fact.ref} is being deleted")
    else:
        _compare(s, aim, desired, fact, waits, plan)


def _create(s: Situation, desired: Desired, plan: Plan) -> None:
    last = s.memory.last_applied.get(key_of(desired.ref))
    repair = last is not None and last.digest == desired.digest
    if repair and backs_off(s, desired.ref, "", plan):
        return
    reason = "drift: somebody deleted it" if repair else "the door opens"
    write = Write(
        verb="create",
        ref=desired.ref,
        order=OPEN,
        reason=reason,
        body=desired.manifest,
        digest=desired.digest,
        repair=repair,
    )
    plan.add(write)


def _compare(s: Situation, aim: Aim, desired: Desired, fact: Fact, waits: bool, plan: Plan) -> None:
    last = s.last_applied(fact)
    drifted = last if last and last.digest == desired.digest else None
    """Our last write made this very manifest, so that whatever differs is somebody's doing."""
    if drifted and drifted.difference:
        if drifted.attempts >= ATTEMPTS:
            plan.applied = False
            plan.not_sticking.append(f"{fact.ref}: {', '.join(drifted.difference)}")
            return
        drifted = None
    if drifted and drifted.body == fact.body:
        return
    observed = fact.object()
    if aim.closed and fact.ref.kind == SERVICE and _turns_inwards(observed, desired.manifest):
        aim.closing.close(s, fact, plan)
        return
    patch = correction(_target(desired, drifted), observed, desired.watch)
    if not patch:
        return
    if waits and not drifted:
        plan.applied = False
        return
    if drifted and backs_off(s, fact.ref, observed["metadata"].get("otherManager", ""), plan):
        if desired.watch.guards or GUARDED in desired.manifest["metadata"]["annotations"]:
            plan.unguarded.append(f"somebody keeps undoing what doorward writes to {fact.ref}")
        return
    reason = f"drift: {', '.join(fields(patch))}" if drifted else "the door changes"
    order = CLOSE if aim.closed or fact.ref in aim.going else OPEN
    plan.add(patch_of(fact, patch, order, reason, digest=desired.digest, repair=drifted is not None))


def _turns_inwards(observed: JsonObject, target: JsonObject) -> bool:
    """Whether a Service that opens the door itself is to lead elsewhere: it closes now, and turns in its stage."""
    now, then = observed["spec"].get("type"), target["spec"].get("type")
    return now in EXTERNAL and then == EXTERNAL_NAME


def _target(desired: Desired, drifted: LastApplied | None) -> JsonObject:
    """What an object is compared with: the manifest, its spec as the server returned it where that is known."""
    if drifted is None:
        return desired.manifest
    return {"metadata": desired.manifest["metadata"], "spec": drifted.object().get("spec") or {}}


def _name_is_taken(s: Situation, aim: Aim, desired: Desired, fact: Fact, plan: Plan) -> None:
    """Somebody else's object stands under a name that we need."""
    plan.applied = False
    uid = s.fact.uid
    former = fact.owner and fact.owner != uid and not desired.watch.external  # which nobody collects
    if former and (fact.deleting or is_garbage(fact, s.sources.values())) and _bears_our_name(s, fact):
        plan.under_way = True
        kind = s.service.source.resource.name
        plan.collecting.append(f"{fact.ref} belongs to an {kind} of this name that was deleted")
    elif aim.adopt and desired.watch.adoptable and not fact.owner and fact.controller == uid:
        plan.add(patch_of(fact, {"metadata": {"annotations": {OWNER: uid}}}, OPEN, "adopted: its service controls it"))
    else:
        whose = owner_of(fact)
        plan.conflicts.append(f"{fact.ref}, {whose}, has the name that this door needs; rename or delete it")


def _bears_our_name(s: Situation, fact: Fact) -> bool:
    """Whether an object is of a service of this name, which a label doesn't tell: it holds a name that is cut.

    What a service of another name has stays as long as that one does.
    """
    metadata = fact.object()["metadata"]
    labelled = metadata.get("labels", {}).get(s.service.source.label) == s.service.label
    return labelled and all(each.get("name") == s.service.name for each in metadata.get("ownerReferences", ()))
