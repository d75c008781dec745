"""A service that is being deleted: what backends keep for it elsewhere goes first."""

from __future__ import annotations

from doorward.model.action import CLOSE
from doorward.plan import draining
from doorward.plan.closing import remove
from doorward.plan.finalizer import kinds_held, left_alone
from doorward.plan.gate import verify_the_rest
from doorward.plan.plan import Plan
from doorward.reconcile.case import Case
from doorward.report.status import Report
from doorward.state.inference_service import legible


def finalize(case: Case) -> None:
    """The service is being deleted: what backends keep for it goes, then the finalizers that waited for that."""
    service = legible(case.fact.object(), case.source)
    external = case.backends.external
    held = kinds_held(service)
    for kind in held:
        if kind in external:
            case.kinds.require(kind)
    case.ours = tuple(fact for fact in case.ours if fact.ref.kind in external)
    s = case.situation(service)
    plan = Plan(memory=draining.forgotten(case.memory))
    for fact in case.ours:
        remove(s, fact, CLOSE, "its InferenceService is being deleted", plan)
    verify_the_rest(s, plan, ())
    case.keep_finalizers(s, plan, ())
    case.finish(s, plan, _report_on_leaving(case, held, plan))


def _report_on_leaving(case: Case, held: list[str], plan: Plan) -> Report | None:
    external = case.backends.external
    unseen = [kind for kind in held if case.kinds.state(kind) == "forbidden"]
    if lost := [kind for kind in held if kind not in external]:
        return Report(status="False", reason="FinalizerLeft", message=left_alone(case.fact.ref, lost))
    if unseen:
        message = f"{unseen[0]} can't be observed: {case.kinds.message(unseen[0])}"
        return Report(status="False", reason="KindForbidden", message=message)
    if plan.refused:
        return Report(status="False", reason="WriteRefused", message="; ".join(plan.refused))
    return None
