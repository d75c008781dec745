"""An object that is no service, or none any more: what was written for it goes, at once and whole.

The object lives on, so that nobody else collects what it owned.  Guards go after what they guard, and the status is the
last to go: as long as it tells of a door, or anything bears the object's UID, it isn't forgotten, by nobody who comes
after us either.
"""

from __future__ import annotations

from doorward.model.action import CLOSE
from doorward.model.refusal import Refusal
from doorward.model.source import Source
from doorward.plan import draining
from doorward.plan.closing import remove
from doorward.plan.gate import verify_the_rest
from doorward.plan.plan import Plan
from doorward.reconcile.case import Case
from doorward.report.condition import report_of
from doorward.report.status import withdraw_status
from doorward.state.facts import Fact
from doorward.state.inference_service import legible


def is_left(fact: Fact, source: Source) -> bool:
    """Whether an object isn't selected, and something is left of what was written for it."""
    return source.selected is not None and bool(fact.object()["spec"].get("left"))


def leave(case: Case, why: Refusal | None = None) -> None:
    """Delete what stands; ``why``: what to tell of an object that is selected all the same."""
    service = legible(case.fact.object(), case.source)
    case.want({})
    s = case.situation(service)
    plan = Plan(memory=draining.forgotten(case.memory))
    guarded = [fact for fact in case.ours if not s.watches[fact.ref.kind].guards]
    for fact in guarded or case.ours:
        remove(s, fact, CLOSE, why.message if why else f"{case.fact.ref} isn't selected", plan)
    verify_the_rest(s, plan, ())
    case.keep_finalizers(s, plan, ())
    if not (case.ours or plan.writes or why):
        withdraw_status(s, plan, case.source.condition)
    case.finish(s, plan, report_of(why) if why else None)
