"""The way to an open door: the steps of the picture in :mod:`doorward.reconcile`, in their order."""

from __future__ import annotations

from collections.abc import Collection

from doorward.door.addresses import door_service
from doorward.door.guarding import Unguarded, asks_for_a_guard, guard_of
from doorward.door.wanted import WantedDoor, wanted
from doorward.hosts.granting import Granted, grant
from doorward.hosts.losses import forbidden, lost_beside
from doorward.model.door import Door, Exposure
from doorward.model.reference import SERVICE, Ref
from doorward.model.refusal import Refusal
from doorward.model.settings import Settings
from doorward.plan import draining
from doorward.plan.closing import Closing
from doorward.plan.diff import Aim, diff
from doorward.plan.draining import Draining, drain
from doorward.plan.gate import verify_the_rest
from doorward.plan.plan import Plan, Situation
from doorward.plan.stages import EXTERNAL
from doorward.reconcile.case import Case
from doorward.render.rendering import Rendered, Renderer
from doorward.report.condition import report_of, report_on, standing_of
from doorward.report.foreseen import Foreseen
from doorward.state import written
from doorward.state.inference_service import InferenceService
from doorward.state.memory import Memory, key_of
from doorward.state.transform import GUARDED


def open_door(
    case: Case, service: InferenceService, settings: Settings, exposure: Exposure, unguarded: Refusal | None
) -> None:
    """Plan what opens a door, changes it or closes it, and what is reported.

    ``unguarded``: why it may not stand outside, where that came to light on a first try.  Raises Refusal, and then what
    stands is held; Unguarded, and then it is tried once more, closed; NotListed where a kind has to be listed first.
    """
    closed = exposure != "outside"
    if taken := case.name_is_taken():
        raise taken
    want = wanted(service, settings, exposure, case.reader, case.kinds, case.ours, case.backends, unguarded)
    case.decision.asked = want
    if not closed:
        case.require_claiming_kinds()
    if not want.opens:
        _wait(case, service, want)
        return
    s = case.situation(service)
    case.decision.backend = want.door.backend

    renderer = Renderer(case.reader, case.kinds, case.backends, case.memory, case.fact.uid)
    with_all_hosts = renderer.render(service, want.door)
    _refuse_to_lead_astray(case, want.door, with_all_hosts)
    asks = not closed and guard_of(service, settings) is not None
    _refuse_to_open_unguarded(want.door, with_all_hosts, asks=asks)

    granted = _grant(case, want.door, with_all_hosts, settings)
    door, final = granted.door, with_all_hosts
    if door is not want.door:
        final = renderer.render(service, door)
    decision = case.decision
    decision.door, decision.rendered, decision.denied = door, final, granted.denied
    decision.shared = granted.shared

    lost = _lost(case, granted, final, settings)
    open_to = open_to_all(case, service, settings) if want.door.guard else []
    closing = Closing(case.backends, want.door.service_ref, closed=closed, lost=lost, open_=open_to)
    going = closing.refs(case.ours) if closed or lost or open_to else frozenset()
    drains = _draining(case, s, final, lost, door.backend, settings, closed=closed)
    rendered = draining.render_with_draining(s, renderer, door, final, drains)
    case.warnings += (*rendered.warnings, *renderer.warnings, *want.warnings)

    # The order matters: what drains may only count down once the difference says that everything wanted stands.
    plan = diff(s, Aim(desired=rendered.desired, closed=closed, closing=closing, going=going, adopt=settings.adopt))
    _refuse_to_stand_unguarded(case, want.door, open_to, plan)
    standing = standing_of(case.backends.by_name.get(door.backend), door, rendered, case.reader, plan)
    drain(s, rendered.desired, going, drains, plan, accepted=plan.applied and standing.state == "accepted")
    for fact in case.ours:
        if fact.ref in going and fact.ref not in rendered.desired:
            closing.close(s, fact, plan)
    verify_the_rest(s, plan, rendered.desired)

    plan.memory = _confirmed(case, plan.memory, granted.sole, final.desired)
    case.keep_finalizers(s, plan, rendered.desired)
    case.finish(s, plan, report_on(want, door, rendered, granted.denied, plan, standing))
    simple = plan.under_way and plan.wake is None and not drains.keys and door.guard is None
    if simple and case.tracked:
        case.decision.foreseen = Foreseen(
            service=service,
            body=case.fact.body,
            want=want,
            door=door,
            rendered=rendered,
            denied=granted.denied,
            tracked=case.tracked,
        )


def _wait(case: Case, service: InferenceService, want: WantedDoor) -> None:
    """Nothing opens yet, and nobody waits for its hosts."""
    assert want.waiting is not None
    case.want({})
    case.finish(case.situation(service), Plan(memory=case.memory), report_of(want.refused or want.waiting))


def _refuse_to_lead_astray(case: Case, door: Door, rendered: Rendered) -> None:
    """A Service DOOR that is somebody's may be a name of something else."""
    if door.in_cluster != "tied":
        return
    for ref, desired in rendered.desired.items():
        if ref.kind != SERVICE and (name := case.external.through(desired.manifest)):
            raise case.leads_out(name, "door inside the cluster")


def _refuse_to_open_unguarded(door: Door, rendered: Rendered, *, asks: bool) -> None:
    """A backend that doesn't say that it guards a door doesn't; nor does any guard a Service that leads in by itself.
    What accompanies the door has to be guarded as well.

    ``asks``: the service asks for a guard, or the settings do.
    """
    services = (desired for desired in rendered.desired.values() if desired.ref.kind == SERVICE)
    if asks and door.guard is None and any(d.manifest["spec"].get("type") in EXTERNAL for d in services):
        raise Unguarded(
            "AuthUnsupported", f"a guard is asked for, and backend {door.backend} opens a Service to everybody"
        )
    if door.guard is None:
        return
    opened = rendered.renderings.get(door.backend)
    why = next((each.unguarded for each in (opened, *rendered.renderings.values()) if each and each.unguarded), "")
    if not why and opened and not opened.guarded:
        why = f"backend {door.backend} can't guard a door"
    if why:
        raise Unguarded("AuthUnsupported", f"{door.guard.kind} is asked for, and {why}")


def _refuse_to_stand_unguarded(case: Case, door: Door, open_: Collection[Ref], plan: Plan) -> None:
    """A guard that doesn't come to stand before what is open by now closes it."""
    if door.guard is None:
        return
    why = plan.unguarded[0] if plan.unguarded and case.ours else ""
    if open_ and (hindered := [*plan.conflicts, *plan.refused, *plan.not_sticking]):
        why = why or f"its guard can't be put up: {hindered[0]}"
    if why:
        raise Unguarded("AuthUnsupported", f"{door.guard.kind} is asked for, and {why}")


def open_to_all(case: Case, service: InferenceService, settings: Settings) -> list[Ref]:
    """What leads in from outside without the guard that is asked for: it was written before."""
    if not asks_for_a_guard(service, settings):
        return []
    door = Ref(SERVICE, service.namespace, door_service(service, settings))
    closing = Closing(case.backends, door, closed=True, lost=())
    found = []
    for fact in case.ours:
        last = case.memory.last_applied.get(key_of(fact.ref))
        written = (last or fact).object()
        if GUARDED not in written["metadata"].get("annotations", {}) and closing.leads_in(fact.ref.kind, written):
            found.append(fact.ref)
    return found


def _grant(case: Case, door: Door, with_all_hosts: Rendered, settings: Settings) -> Granted:
    granted = grant(case.ownership, door, with_all_hosts, case.backends, settings)
    case.want(granted.wanted)
    case.warnings += granted.warnings
    return granted


def _lost(case: Case, granted: Granted, final: Rendered, settings: Settings) -> set[str]:
    """What may not be served any more: what is denied or forbidden, and what objects that aren't wanted serve for
    nobody."""
    beside = [fact for fact in case.ours if fact.ref not in final.desired]
    lost = lost_beside(beside, case.backends, case.ownership)
    lost |= forbidden(case.ours, case.backends, case.fact.ref.namespace, settings)
    return {denied.where for denied in granted.denied} | lost


def _draining(
    case: Case,
    s: Situation,
    final: Rendered,
    lost: set[str],
    backend: str,
    settings: Settings,
    *,
    closed: bool,
) -> Draining:
    keys = draining.draining_inside(s, final, case.under_way())
    if not closed:
        keys |= draining.draining_outside(s, final, lost, backend, case.ownership, case.backends)
    return Draining(keys=keys, final=final.digest, seconds=settings.overlap_seconds)


def _confirmed(case: Case, memory: Memory, sole: Collection[str], wanted: Collection[Ref]) -> Memory:
    """What stands as it is wanted, and nobody else has a hand in, is as good as written."""
    for fact in case.ours:
        if fact.ref in wanted and fact.ref.kind in case.backends.claiming and fact.ref not in case.in_flight:
            memory = written.confirmed(memory, fact, case.reservations.of(fact.ref), sole)
    return memory
