"""Which way a service goes: it is opened, held, finalized or left."""

from __future__ import annotations

import traceback
from collections.abc import Collection

from doorward.backends import BackendError, Backends
from doorward.door.belonging import refuse_part
from doorward.door.exposure import exposure_of
from doorward.door.guarding import Unguarded, secret_of
from doorward.model.action import CLOSE
from doorward.model.door import Exposure
from doorward.model.refusal import Refusal
from doorward.model.settings import Settings
from doorward.plan.finalizer import PREFIX
from doorward.plan.plan import Plan
from doorward.plan.write import Write
from doorward.reconcile.case import Case, Decision
from doorward.reconcile.finalizing import finalize
from doorward.reconcile.holding import hold_door, led_astray, refuse
from doorward.reconcile.leaving import is_left, leave
from doorward.reconcile.opening import open_door, open_to_all
from doorward.report.foreseen import Foreseen
from doorward.report.status import write_status, written_hosts
from doorward.settings.tracked import TrackedSettings
from doorward.state.facts import Fact, Facts
from doorward.state.in_flight import InFlight
from doorward.state.inference_service import InferenceService, legible, parse
from doorward.state.kinds import Kinds, NotListed
from doorward.state.memory import Memory
from doorward.state.reading import Reader
from doorward.state.reservations import NOBODY, Reservations
from doorward.state.services import Services


class Reconciler:
    """Decides for one service at a time; holds no state of its own."""

    def __init__(
        self,
        facts: Facts,
        reservations: Reservations,
        kinds: Kinds,
        backends: Backends,
        services: Services,
        in_flight: InFlight,
    ) -> None:
        self.facts = facts
        self.reservations = reservations
        self.kinds = kinds
        self.backends = backends
        self.services = services
        self.in_flight = in_flight

    def reconcile(
        self,
        fact: Fact,
        settings: Settings | None,
        memory: Memory,
        now: float,
        *,
        first: bool,
        born: bool,
        now_listed: Collection[str] = (),
    ) -> Decision:
        """What to do for the InferenceService of ``fact``.

        ``first``: nothing was ever decided for it; ``born``: it came while we watched, so that nothing stood before;
        ``now_listed``: the kinds that are listed since it was last reconciled.
        """
        reader = Reader(self.facts)
        decision = Decision(memory=memory, keys=reader.keys)
        left = is_left(fact, self.backends.sources[fact.ref.kind])
        if fact.deleting and not left:
            decision.affected = self.reservations.want(fact.ref, NOBODY, {})
            if not any(each.startswith(PREFIX) for each in fact.object()["metadata"].get("finalizers", ())):
                return decision
        elif unlisted := next((kind for kind in self.backends.base_kinds if not self.kinds.known(kind)), ""):
            decision.waiting_for = unlisted
            return decision
        tracked = TrackedSettings(settings) if settings is not None else None
        case = Case(self, fact, tracked, memory, now, reader, decision, first=first)
        if not fact.deleting:
            case.recover(born=born, now_listed=now_listed)
        try:
            leave(case) if left else finalize(case) if fact.deleting else _reconcile(case)
        except NotListed as missing:
            decision.waiting_for = missing.kind
        decision.read = tracked.read if tracked else 0
        return decision

    def conclude(self, fact: Fact, memory: Memory, now: float, foreseen: Foreseen) -> list[Write] | None:
        """What is left to write for a door whose writes have come back; None where it has to be reconciled after all.

        The facts and settings that it is recorded to depend on aren't recorded anew.
        """
        decision = Decision(memory=memory, keys={})
        case = Case(self, fact, foreseen.tracked, memory, now, Reader(self.facts), decision, first=False)
        try:
            s = case.situation(foreseen.read(fact))
            if not foreseen.holds(s):
                return None
            plan = Plan(memory=memory)
            report = foreseen.report(s, plan, self.backends.by_name.get(foreseen.door.backend))
        except (Refusal, BackendError):
            return None
        if report is not None:
            condition_type = case.source.condition_type(foreseen.tracked.as_settings().condition_type)
            write_status(s, plan, report, written_hosts(case.ours, memory, self.reservations), condition_type)
        return plan.writes if plan.wake is None else None


def _reconcile(case: Case) -> None:
    """Open the door, or hold what stands; a door that can't be guarded is tried once more, closed."""
    if part := refuse_part(case.fact.ref, case.backends.sources, case.reader):
        leave(case, part)
        return
    unread: Refusal | None = None
    try:
        service = parse(case.fact, case.source)
    except Refusal as refusal:
        service, unread = legible(case.fact.object(), case.source), refusal
    if case.settings is None:
        case.finish(case.situation(service), hold_door(case, service, None, closed=False), None)
        return
    settings = case.settings
    exposure = exposure_of(service, settings, case.backends.hostless)
    if secret := secret_of(service, settings):
        case.reader.get(secret)  # however the door fares: one that is held goes on behind its guard
    try:
        why = unread or led_astray(case) or _try_to_open(case, service, settings, exposure)
        if isinstance(why, Unguarded):
            exposure = "unguarded"
            why = _try_to_open(case, service, settings, exposure, why)
        if why:
            closed = exposure != "outside" or bool(open_to_all(case, service, settings))
            refuse(case, service, settings, why, closed=closed)
    except NotListed as missing:
        # Not everything is listed yet: nothing comes out but what closes.
        case.decision.waiting_for = missing.kind
        closed = exposure != "outside" or bool(open_to_all(case, service, settings))
        writes = hold_door(case, service, settings, closed=closed).writes
        case.decision.writes = [write for write in writes if write.order == CLOSE]


def _try_to_open(
    case: Case, service: InferenceService, settings: Settings, exposure: Exposure, unguarded: Refusal | None = None
) -> Refusal | None:
    """Open the door, or tell why not; whatever goes wrong with one service stays with it."""
    try:
        open_door(case, service, settings, exposure, unguarded)
    except Refusal as refusal:
        return refusal
    except NotListed:
        raise
    except BackendError as error:
        case.decision.error = error
        return Refusal("BackendError", f"backend {error.plugin}, hook {error.hook}: {error}")
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        case.decision.error = BackendError("doorward", "decide", what, traceback.format_exc())
        return Refusal("InternalError", f"{what}; this is a defect of doorward, the journal has the traceback")
    return None
