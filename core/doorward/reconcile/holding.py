"""Doors that can't be as asked: what stands is kept, but for what is closed, and the condition says why."""

from __future__ import annotations

from doorward.door.addresses import door_service
from doorward.hosts.losses import claims_of, losses
from doorward.model.reference import SERVICE, Ref
from doorward.model.refusal import Refusal
from doorward.model.settings import Settings
from doorward.plan.closing import Closing
from doorward.plan.gate import verify_the_rest
from doorward.plan.held import Kept, Restoring, hold, kept_of
from doorward.plan.plan import Plan
from doorward.reconcile.case import Case
from doorward.report.condition import lost_warnings, report_of
from doorward.state.inference_service import InferenceService


def refuse(case: Case, service: InferenceService, settings: Settings, refusal: Refusal, *, closed: bool) -> None:
    """Keep what stands, but for what is closed, and say why."""
    for kind in case.kinds.all():
        case.kinds.require(kind)
    case.decision.refusal, case.decision.door = refusal, None
    report = report_of(refusal, kept=_is_kept(case, service))
    case.finish(case.situation(service), hold_door(case, service, settings, closed=closed), report)


def hold_door(case: Case, service: InferenceService, settings: Settings | None, *, closed: bool) -> Plan:
    s = case.situation(service)
    kept = list(kept_of(s, case.backends))
    closing: Closing | None = None
    if settings is not None:
        served = [c for fact in case.ours for c in claims_of(case.backends, fact.ref.kind, fact.object())]
        remembered = [claim for each in kept for claim in each.claims]
        lost = losses(served, remembered, case.ownership, service, settings)
        door = Ref(SERVICE, service.namespace, door_service(service, settings))
        closing = Closing(case.backends, door, closed=closed, lost=lost, external=case.external)
        if not closed:
            case.warnings += lost_warnings(served, lost)
    _listen(case, kept)
    plan = hold(s, kept, closing, Restoring(case.kinds, case.ownership))
    verify_the_rest(s, plan, ())
    case.keep_finalizers(s, plan, None)
    return plan


def _listen(case: Case, kept: list[Kept]) -> None:
    """A held door asks for nothing; it is told when a host that its objects served is taken, or becomes free."""
    standing = {fact.ref: fact.body for fact in case.ours}
    gone = [each for each in kept if standing.get(each.ref) != each.last.body]
    case.want({claim.key: "listens" for each in gone for claim in each.claims})


def _is_kept(case: Case, service: InferenceService) -> bool:
    """Whether something of a held door stands, or will again."""
    restoring = Restoring(case.kinds, case.ownership)
    stands = case.ours or any(map(restoring.may, kept_of(case.situation(service), case.backends)))
    return bool(stands) and not led_astray(case)


def led_astray(case: Case) -> Refusal | None:
    """Why what stands can't stay, though the service may ask for another door by now."""
    for fact in case.ours:
        if fact.ref.kind != SERVICE and (name := case.external.through(fact.object())):
            return case.leads_out(name, "door that stands")
    return None
