"""One InferenceService, from what is known of it to what is to be written.

    InferenceService
      | wanted      the door that it asks for: components, mode, exposure, backend, addresses     door/
      | render      the objects of that door                                                      render/
      | settle      the hosts that it gets                                                        hosts/
      | draining    the door with what is to go and still serves                                  plan/draining.py
      | diff        what to write so that all of this stands                                      plan/
      | standing    whether what stands is accepted                                               report/
      | report_on   the condition, the URLs and Events                                            report/
      v
    writes, in the order in which they may go out

A refusal anywhere on the way holds what stands (plan/held.py).  Closing is never held (plan/closing.py).
"""

from __future__ import annotations

import traceback
from collections.abc import Collection, Iterator, Mapping

import msgspec

from doorward.backends import BackendError, Backends
from doorward.door.addresses import door_service
from doorward.door.components import external_name, is_external
from doorward.door.exposure import exposure_of
from doorward.door.guarding import Unguarded, asks_for_a_guard, secret_of
from doorward.door.wanted import WantedDoor, wanted
from doorward.hosts.losses import claims_of, forbidden, losses, lost_beside
from doorward.hosts.ownership import Ownership
from doorward.hosts.settling import Settled, settle
from doorward.model.action import CLOSE, Action
from doorward.model.door import Door, Exposure, Warning
from doorward.model.reference import CONFIG_MAP, INFERENCE_SERVICE, SERVICE, JsonObject, Ref
from doorward.model.refusal import Refusal
from doorward.model.settings import Settings
from doorward.plan import draining
from doorward.plan.closing import Closing, remove
from doorward.plan.diff import Aim, diff
from doorward.plan.draining import Draining, drain
from doorward.plan.external_name import ExternalNames
from doorward.plan.finalizer import PREFIX, guard, kinds_held, left_alone, spare_kinds
from doorward.plan.gate import verify_the_rest
from doorward.plan.held import Kept, Restoring, hold, kept_of
from doorward.plan.plan import Plan, Situation
from doorward.plan.write import Write
from doorward.render.rendering import Rendered, Renderer
from doorward.report.condition import lost_warnings, report_of, report_on, standing_of, yielded_warnings
from doorward.report.event_recorder import events, is_from_journal
from doorward.report.foreseen import Foreseen
from doorward.report.status import Report, write_status, written_hosts
from doorward.settings.tracked import TrackedSettings
from doorward.state import last_applied, written
from doorward.state.facts import Fact, Facts
from doorward.state.in_flight import InFlight
from doorward.state.inference_service import InferenceService, legible, parse
from doorward.state.kinds import Kinds, NotListed
from doorward.state.memory import Memory, key_of
from doorward.state.reading import Reader
from doorward.state.reservations import NOBODY, How, Reservations
from doorward.state.services import Services
from doorward.state.transform import GUARDED

BASE_KINDS = (CONFIG_MAP, INFERENCE_SERVICE, SERVICE)
"""What has to be listed before anything is decided."""


class Decision(msgspec.Struct, kw_only=True):
    """What follows for one service."""

    memory: Memory
    writes: list[Write] = []
    wake: float | None = None
    keys: dict[Ref, None]
    """Every fact that it depends on."""
    read: int = 0
    """Every setting that it depends on, as bits."""
    waiting_for: str = ""
    """A kind that has to be listed first."""
    affected: set[Ref] = msgspec.field(default_factory=set)
    """Services whose claims this one's claims may decide."""
    error: BackendError | None = None
    report: Report | None = None
    foreseen: Foreseen | None = None
    """What is to be reported once the writes have come back as they went out."""


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
        if fact.deleting:
            decision.affected = self.reservations.want(fact.ref, NOBODY, {})
            if not any(each.startswith(PREFIX) for each in fact.object()["metadata"].get("finalizers", ())):
                return decision
        elif unlisted := next((kind for kind in BASE_KINDS if not self.kinds.known(kind)), ""):
            decision.waiting_for = unlisted
            return decision
        tracked = TrackedSettings(settings) if settings is not None else None
        run = _Run(self, fact, tracked, memory, now, reader, decision, first=first)
        if not fact.deleting:
            run.recover(born=born, now_listed=now_listed)
        try:
            run.finalize() if fact.deleting else run.reconcile()
        except NotListed as missing:
            decision.waiting_for = missing.kind
        decision.read = tracked.read if tracked else 0
        return decision

    def conclude(self, fact: Fact, memory: Memory, now: float, foreseen: Foreseen) -> list[Write] | None:
        """What is left to write for a door whose writes have come back; None where it has to be reconciled after all.

        What the door depends on stays as it was.
        """
        ours = tuple(f for f in self.facts.owned_by(fact.uid, fact.ref.namespace) if f.is_of(fact.uid))
        try:
            s = self.situation(parse(fact), fact, ours, Reader(self.facts), memory, now)
            if not foreseen.holds(s):
                return None
            plan = Plan(memory=memory)
            report = foreseen.report(s, plan, self.backends.by_name.get(foreseen.door.backend))
        except (Refusal, BackendError):
            return None
        if report is not None:
            condition_type = foreseen.tracked.as_settings().condition_type
            write_status(s, plan, report, written_hosts(ours, memory, self.reservations), condition_type)
        return plan.writes if plan.wake is None else None

    def situation(
        self,
        service: InferenceService,
        fact: Fact,
        ours: tuple[Fact, ...],
        reader: Reader,
        memory: Memory,
        now: float,
    ) -> Situation:
        return Situation(
            service=service,
            fact=fact,
            now=now,
            ours=ours,
            reader=reader,
            in_flight=self.in_flight,
            watches=self.backends.watches,
            memory=memory,
        )


class _Run:
    """The work on one service; lives for one decision."""

    def __init__(
        self,
        over: Reconciler,
        fact: Fact,
        tracked: TrackedSettings | None,
        memory: Memory,
        now: float,
        reader: Reader,
        decision: Decision,
        *,
        first: bool,
    ) -> None:
        self.reservations, self.kinds, self.backends = over.reservations, over.kinds, over.backends
        self.over, self.in_flight = over, over.in_flight
        self.fact = fact
        self.tracked = tracked
        self.settings = tracked.as_settings() if tracked else None
        self.now = now
        self.reader = reader
        self.decision = decision
        self.first = first
        self.ours = tuple(f for f in over.facts.owned_by(fact.uid, fact.ref.namespace) if f.is_of(fact.uid))
        self.memory = memory
        self.ownership = Ownership(over.reservations, over.services.age, fact.ref, fact.uid)
        self.warnings: list[Warning] = []

    def recover(self, *, born: bool, now_listed: Collection[str]) -> None:
        """Remember what the journal may have lost, and what stood before we came, or before we could see it."""
        if self.first:
            self.memory = last_applied.recovered(self.memory, self.ours)
        if not born and (self.first or now_listed):
            met = [fact for fact in self.ours if self.first or fact.ref.kind in now_listed]
            served = {f.ref: [c.key for c in claims_of(self.backends, f.ref.kind, f.object())] for f in met}
            self.memory = written.met(self.memory, met, served)

    # -- three ways through --------------------------------------------------------------------------------------

    def reconcile(self) -> None:
        unread: Refusal | None = None
        try:
            service = parse(self.fact)
        except Refusal as refusal:
            service, unread = legible(self.fact.object()), refusal
        self.external = ExternalNames(service.namespace, self.fact.uid, self.reader, self.memory, self.settings)
        if self.settings is None:
            self._finish(self._situation(service), self._hold(service, None, closed=False), None)
            return
        settings = self.settings
        exposure = exposure_of(service, settings, self.backends.hostless)
        if secret := secret_of(service, settings):
            self.reader.get(secret)  # however the door fares: one that is held goes on behind its guard
        try:
            why = unread or self._led_astray() or self._try_to_open(service, settings, exposure)
            if isinstance(why, Unguarded):
                exposure = "unguarded"
                why = self._try_to_open(service, settings, exposure, why)
            if why:
                closed = exposure != "outside" or bool(self._open_to_all(service, settings))
                self._refuse(service, settings, why, closed=closed)
        except NotListed as missing:
            # Not everything is listed yet: nothing comes out but what closes.
            self.decision.waiting_for = missing.kind
            closed = exposure != "outside" or bool(self._open_to_all(service, settings))
            writes = self._hold(service, settings, closed=closed).writes
            self.decision.writes = [write for write in writes if write.order == CLOSE]

    def _open(
        self, service: InferenceService, settings: Settings, exposure: Exposure, unguarded: Refusal | None
    ) -> None:
        closed = exposure != "outside"
        want = wanted(service, settings, exposure, self.reader, self.kinds, self.ours, self.backends, unguarded)
        if not closed:
            self._require_claiming_kinds()
        if not want.opens:
            self._wait(service, want)
            return
        s = self._situation(service)
        renderer = Renderer(self.reader, self.kinds, self.backends, self.memory, self.fact.uid)
        asked = renderer.render(service, want.door)
        self._refuse_to_lead_astray(want.door, asked)
        self._refuse_to_open_unguarded(want.door, asked)
        settled = self._settle(want.door, asked, settings)
        final = asked if settled.door is want.door else renderer.render(service, settled.door)
        lost = self._lost(settled, final, settings)
        open_ = self._open_to_all(service, settings) if want.door.guard else []
        closing = Closing(self.backends, want.door.service_ref, closed=closed, lost=lost, open_=open_)
        going = closing.refs(self.ours) if closed or lost or open_ else frozenset()
        drains = self._draining(s, final, lost, settled.door.backend, settings, closed=closed)
        rendered = draining.both(s, renderer, settled.door, final, drains)
        self.warnings += (*rendered.warnings, *want.warnings)
        plan = diff(s, Aim(desired=rendered.desired, closed=closed, closing=closing, going=going, adopt=settings.adopt))
        self._refuse_to_stand_unguarded(want.door, open_, plan)
        standing = standing_of(
            self.backends.by_name.get(settled.door.backend), settled.door, rendered, self.reader, plan
        )
        drain(s, rendered.desired, going, drains, plan, settled=plan.applied and standing.state == "accepted")
        for fact in self.ours:
            if fact.ref in going and fact.ref not in rendered.desired:
                closing.close(s, fact, plan)
        verify_the_rest(s, plan, rendered.desired)
        plan.memory = self._confirmed(plan.memory, settled.sole, final.desired)
        self._guard(s, plan, rendered.desired)
        self._finish(s, plan, report_on(want, settled.door, rendered, settled.denied, plan, standing))
        simple = plan.under_way and plan.wake is None and not drains.keys and settled.door.guard is None
        if simple and self.tracked:
            self.decision.foreseen = Foreseen(
                want=want, door=settled.door, rendered=rendered, denied=settled.denied, tracked=self.tracked
            )

    def finalize(self) -> None:
        """The service is being deleted: what backends keep for it goes, then the finalizers that waited for that."""
        service = legible(self.fact.object())
        external = self.backends.external
        held = kinds_held(service)
        for kind in held:
            if kind in external:
                self.kinds.require(kind)
        self.ours = tuple(fact for fact in self.ours if fact.ref.kind in external)
        s = self._situation(service)
        plan = Plan(memory=draining.forgotten(self.memory))
        for fact in self.ours:
            remove(s, fact, CLOSE, "its InferenceService is being deleted", plan)
        verify_the_rest(s, plan, ())
        self._guard(s, plan, ())
        self._finish(s, plan, self._report_on_leaving(held, plan))

    # -- the way to an open door ---------------------------------------------------------------------------------

    def _try_to_open(
        self, service: InferenceService, settings: Settings, exposure: Exposure, unguarded: Refusal | None = None
    ) -> Refusal | None:
        """Open the door, or tell why not; whatever goes wrong with one service stays with it."""
        try:
            self._open(service, settings, exposure, unguarded)
        except Refusal as refusal:
            return refusal
        except NotListed:
            raise
        except BackendError as error:
            self.decision.error = error
            return Refusal("BackendError", f"backend {error.plugin}, hook {error.hook}: {error}")
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            self.decision.error = BackendError("doorward", "decide", what, traceback.format_exc())
            return Refusal("InternalError", f"{what}; this is a defect of doorward, the journal has the traceback")
        return None

    def _require_claiming_kinds(self) -> None:
        """Hosts are settled when every kind that serves hosts is known."""
        if not self.kinds.all_known:
            for kind in self.backends.claiming:
                self.kinds.require(kind)

    def _wait(self, service: InferenceService, want: WantedDoor) -> None:
        """Nothing opens yet, and nobody waits for its hosts."""
        assert want.waiting is not None
        self._want({})
        self._finish(self._situation(service), Plan(memory=self.memory), report_of(want.refused or want.waiting))

    def _refuse_to_lead_astray(self, door: Door, rendered: Rendered) -> None:
        """A Service DOOR that is somebody's may be a name of something else."""
        if door.in_cluster != "tied":
            return
        for ref, desired in rendered.desired.items():
            if ref.kind != SERVICE and (name := self.external.through(desired.manifest)):
                raise self._is_external(name, "door inside the cluster")

    def _refuse_to_open_unguarded(self, door: Door, rendered: Rendered) -> None:
        """A backend that doesn't say that it guards a door doesn't."""
        opened = rendered.renderings.get(door.backend)
        if door.guard and opened and not opened.guarded:
            why = opened.unguarded or f"backend {door.backend} can't guard a door"
            raise Unguarded("AuthUnsupported", f"{door.guard.kind} is asked for, and {why}")

    def _refuse_to_stand_unguarded(self, door: Door, open_: Collection[Ref], plan: Plan) -> None:
        """A guard that doesn't come to stand before what is open by now closes it."""
        if door.guard is None:
            return
        why = plan.unguarded[0] if plan.unguarded and self.ours else ""
        if open_ and (hindered := [*plan.conflicts, *plan.refused, *plan.not_sticking]):
            why = why or f"its guard can't be put up: {hindered[0]}"
        if why:
            raise Unguarded("AuthUnsupported", f"{door.guard.kind} is asked for, and {why}")

    def _open_to_all(self, service: InferenceService, settings: Settings) -> list[Ref]:
        """What leads in from outside without the guard that is asked for: it was written before."""
        if not asks_for_a_guard(service, settings):
            return []
        door = Ref(SERVICE, service.namespace, door_service(service, settings))
        closing = Closing(self.backends, door, closed=True, lost=())
        found = []
        for fact in self.ours:
            last = self.memory.last_applied.get(key_of(fact.ref))
            written: JsonObject = msgspec.json.decode(last.body) if last else fact.object()
            if GUARDED not in written["metadata"].get("annotations", {}) and closing.leads_in(fact.ref.kind, written):
                found.append(fact.ref)
        return found

    def _settle(self, door: Door, asked: Rendered, settings: Settings) -> Settled:
        settled = settle(self.ownership, door, asked, self.backends, settings)
        self._want(settled.wanted)
        self.warnings += settled.warnings
        return settled

    def _lost(self, settled: Settled, final: Rendered, settings: Settings) -> set[str]:
        """What may not be served any more: what is denied or forbidden, and what objects that aren't wanted serve for
        nobody."""
        beside = [fact for fact in self.ours if fact.ref not in final.desired]
        lost = lost_beside(beside, self.backends, self.ownership)
        lost |= forbidden(self.ours, self.backends, self.fact.ref.namespace, settings)
        return {denied.where for denied in settled.denied} | lost

    def _draining(
        self, s: Situation, final: Rendered, lost: set[str], backend: str, settings: Settings, *, closed: bool
    ) -> Draining:
        keys = draining.draining_inside(s, final, self._under_way())
        if not closed:
            keys |= draining.draining_outside(s, final, lost, backend, self.ownership, self.backends)
        return Draining(keys=keys, final=final.digest, seconds=settings.overlap_seconds)

    def _confirmed(self, memory: Memory, sole: Collection[str], wanted: Collection[Ref]) -> Memory:
        """What stands as it is wanted, and nobody else has a hand in, is as good as written."""
        for fact in self.ours:
            if fact.ref in wanted and fact.ref.kind in self.backends.claiming and fact.ref not in self.in_flight:
                memory = written.confirmed(memory, fact, self.reservations.of(fact.ref), sole)
        return memory

    # -- doors that can't be as asked ----------------------------------------------------------------------------

    def _refuse(self, service: InferenceService, settings: Settings, refusal: Refusal, *, closed: bool) -> None:
        """Keep what stands, but for what is closed, and say why."""
        for kind in self.kinds.all():
            self.kinds.require(kind)
        report = report_of(refusal, kept=self._is_kept(service))
        self._finish(self._situation(service), self._hold(service, settings, closed=closed), report)

    def _led_astray(self) -> Refusal | None:
        """Why what stands can't stay, though the service may ask for another door by now."""
        for fact in self.ours:
            if fact.ref.kind != SERVICE and (name := self.external.through(fact.object())):
                return self._is_external(name, "door that stands")
        return None

    def _is_external(self, name: str, part: str) -> Refusal:
        namespace = self.fact.ref.namespace
        return is_external(namespace, name, part, external_name(self.reader.get(Ref(SERVICE, namespace, name))))

    def _is_kept(self, service: InferenceService) -> bool:
        """Whether something of a held door stands, or will again."""
        restoring = Restoring(self.kinds, self.ownership)
        stands = self.ours or any(map(restoring.may, kept_of(self._situation(service), self.backends)))
        return bool(stands) and not self._led_astray()

    def _hold(self, service: InferenceService, settings: Settings | None, *, closed: bool) -> Plan:
        s = self._situation(service)
        kept = list(kept_of(s, self.backends))
        closing: Closing | None = None
        if settings is not None:
            served = [c for fact in self.ours for c in claims_of(self.backends, fact.ref.kind, fact.object())]
            remembered = [claim for each in kept for claim in each.claims]
            lost = losses(served, remembered, self.ownership, service, settings)
            door = Ref(SERVICE, service.namespace, door_service(service, settings))
            closing = Closing(self.backends, door, closed=closed, lost=lost, external=self.external)
            if not closed:
                self.warnings += lost_warnings(served, lost)
        self._listen(kept)
        plan = hold(s, kept, closing, Restoring(self.kinds, self.ownership))
        verify_the_rest(s, plan, ())
        self._guard(s, plan, None)
        return plan

    def _listen(self, kept: list[Kept]) -> None:
        """A held door asks for nothing; it is told when a host that its objects served is taken, or becomes free."""
        standing = {fact.ref: fact.body for fact in self.ours}
        gone = [each for each in kept if standing.get(each.ref) != each.last.body]
        self._want({claim.key: "listens" for each in gone for claim in each.claims})

    # -- what others keep for us ---------------------------------------------------------------------------------

    def _guard(self, s: Situation, plan: Plan, wanted: Collection[Ref] | None) -> None:
        """Write outside of the API server under finalizers only; ``wanted``: None where that isn't known."""
        external = self.backends.external
        if external:
            spare = () if wanted is None else spare_kinds(s, external, self.kinds, wanted, self._under_way())
            guard(s, plan, external, spare)
        if lost := [kind for kind in kinds_held(s.service) if kind not in external]:
            self.warnings.append(Warning("FinalizerLeft", left_alone(self.fact.ref, lost)))

    def _under_way(self) -> Iterator[Action]:
        """The writes that may have landed, or may still."""
        yield from self.memory.unknown.values()
        yield from self.in_flight.of(self.fact.uid)

    def _report_on_leaving(self, held: list[str], plan: Plan) -> Report | None:
        external = self.backends.external
        unseen = [kind for kind in held if self.kinds.state(kind) == "forbidden"]
        if lost := [kind for kind in held if kind not in external]:
            return Report(status="False", reason="FinalizerLeft", message=left_alone(self.fact.ref, lost))
        if unseen:
            message = f"{unseen[0]} can't be observed: {self.kinds.message(unseen[0])}"
            return Report(status="False", reason="KindForbidden", message=message)
        if plan.refused:
            return Report(status="False", reason="WriteRefused", message="; ".join(plan.refused))
        return None

    # -- both ends -----------------------------------------------------------------------------------------------

    def _situation(self, service: InferenceService) -> Situation:
        return self.over.situation(service, self.fact, self.ours, self.reader, self.memory, self.now)

    def _want(self, claims: Mapping[str, How]) -> None:
        self.decision.affected |= self.reservations.want(self.fact.ref, self.ownership.age, claims)

    def _finish(self, s: Situation, plan: Plan, report: Report | None) -> None:
        """Turn a plan and a report into writes, with the warnings that weren't told yet."""
        self.warnings += yielded_warnings(s.service, plan.memory)
        if report is not None and self.settings is not None:
            hosts = written_hosts(self.ours, plan.memory, self.reservations)
            write_status(s, plan, report, hosts, self.settings.condition_type)
        writes = sorted(plan.writes, key=lambda write: write.order)
        silent = self.first and not writes and not is_from_journal(plan.memory)
        memory, told = events(s.service, [*self.warnings, *plan.warnings], plan.memory, self.now, silent=silent)
        self.decision.wake = plan.wake
        self.decision.report = report
        self.decision.writes = [*writes, *told]
        self.decision.memory = memory
