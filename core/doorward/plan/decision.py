"""One service, from its facts to a plan: the only place where shape, claims, backends, plan and report meet.

    facts --shape--> door --claims--> granted hosts --render--> desired --plan--> drafts --report--> status, events

A refusal anywhere on the way holds what stands.  Closing is never held.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

import msgspec

from doorward.backends import Backend, BackendError, Backends
from doorward.graph.addresses import door_service, is_of_another
from doorward.graph.claims import NOBODY, Age, Claims, How, keys_of
from doorward.graph.claims import key_of as claim_key
from doorward.graph.components import external_name, is_external
from doorward.graph.facts import Fact, Facts
from doorward.graph.inference_service import InferenceService, legible, parse
from doorward.graph.kinds import Kinds, NotListed
from doorward.graph.memory import Memory
from doorward.graph.reading import Reader
from doorward.graph.refusal import Refusal
from doorward.graph.shape import exposure_of, shape
from doorward.graph.tracked_settings import TrackedSettings
from doorward.model.action import CLOSE, REPORT, Action
from doorward.model.door import Claim, Door, Exposure, Standing, Warning
from doorward.model.reference import CONFIG_MAP, INFERENCE_SERVICE, SERVICE, JsonObject, Ref
from doorward.model.settings import Settings
from doorward.plan import notice, written
from doorward.plan.arbitration import Arbiter, Denied, domain_problem, is_taken, lost_to
from doorward.plan.astray import Astray
from doorward.plan.closing import Closing
from doorward.plan.finalizer import PREFIX, guard, kinds_held, left_alone
from doorward.plan.leaving import Overlap
from doorward.plan.marking import lost_write
from doorward.plan.plan import IN_DOUBT, Draft, Plan, Situation, is_ours, kept_of, key_of, plan
from doorward.plan.rendering import Rendered, Renderer
from doorward.plan.report import left_to_another, report_on, status_of
from doorward.plan.status import Report, status_patch, yielded

BASE_KINDS = (CONFIG_MAP, INFERENCE_SERVICE, SERVICE)
"""What has to be listed before anything is decided."""


class Decision(msgspec.Struct, kw_only=True):
    """What follows for one service."""

    memory: Memory
    drafts: Sequence[Draft] = ()
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


class Decider:
    """Decides for one service at a time; holds no state of its own."""

    def __init__(
        self,
        facts: Facts,
        claims: Claims,
        kinds: Kinds,
        backends: Backends,
        age: Callable[[str], Age],
        in_flight: Callable[[str], Iterable[Action]],
    ) -> None:
        self._facts = facts
        self._claims = claims
        self._kinds = kinds
        self._backends = backends
        self._age = age
        self._in_flight = in_flight

    def decide(
        self,
        fact: Fact,
        settings: Settings | None,
        memory: Memory,
        now: float,
        busy: Callable[[Ref], bool],
        *,
        first: bool,
        born: bool,
    ) -> Decision:
        """What to do for the InferenceService of ``fact``.

        ``first``: nothing was ever decided for it; ``born``: it came while we watched, so that nothing stood before.
        """
        reader = Reader(self._facts)
        decision = Decision(memory=memory, keys=reader.keys)
        if fact.deleting:
            decision.affected = self._claims.want(fact.ref, NOBODY, ())
            if not any(each.startswith(PREFIX) for each in fact.object()["metadata"].get("finalizers", ())):
                return decision
        elif unlisted := next((kind for kind in BASE_KINDS if not self._kinds.known(kind)), ""):
            decision.waiting_for = unlisted
            return decision
        case = _Case(self, fact, settings, memory, now, busy, reader, decision)
        try:
            if fact.deleting:
                case.leave(first)
            else:
                case.run(first, born)
        except NotListed as missing:
            decision.waiting_for = missing.kind
        decision.read = case.tracked.read if case.tracked else 0
        return decision


class _Case:
    """The work on one service, step by step; lives for one decision."""

    def __init__(
        self,
        decider: Decider,
        fact: Fact,
        settings: Settings | None,
        memory: Memory,
        now: float,
        busy: Callable[[Ref], bool],
        reader: Reader,
        decision: Decision,
    ) -> None:
        self.facts = decider._facts
        self.claims = decider._claims
        self.kinds = decider._kinds
        self.backends = decider._backends
        self.age = decider._age
        self.in_flight = decider._in_flight
        self.fact = fact
        self.tracked = TrackedSettings(settings) if settings is not None else None
        self.memory = memory
        self.now = now
        self.busy = busy
        self.reader = reader
        self.decision = decision
        self.ours = tuple(f for f in self.facts.owned_by(fact.uid, fact.ref.namespace) if is_ours(f, fact.uid))
        self.astray: Astray | None = None
        self.standing = Standing()
        self.warnings: list[Warning] = []

    def _take_up(self) -> None:
        """After a start: what isn't as our last known write left it, and bears nobody else's hand, is a write of ours
        that the journal lost."""
        for fact in self.ours:
            key = key_of(fact.ref)
            mark = self.memory.marks.get(key)
            if mark is None or mark.difference or mark.body == fact.body or key in self.memory.doubts:
                continue
            if not fact.object()["metadata"].get("otherManager"):
                self.memory = lost_write(self.memory, key, fact.body)

    def _claimed(self, fact: Fact) -> Sequence[str]:
        """The claims that an object of ours serves, by their keys."""
        return keys_of(self._served(fact.ref.kind, fact.object()))

    def _confirm(self, sole: Collection[str], wanted: Collection[Ref], memory: Memory) -> Memory:
        for fact in self.ours:
            if fact.ref in wanted and fact.ref.kind in self.backends.claiming and not self.busy(fact.ref):
                memory = written.confirmed(memory, fact, self.claims.of(fact.ref), sole)
        return memory

    def run(self, first: bool, born: bool) -> None:
        if first:
            self._take_up()
            if not born:
                self.memory = written.met(self.memory, self.ours, self._claimed)
        self.renderer = Renderer(self.reader, self.kinds, self.backends, self.memory, self.fact.uid)
        unread: Refusal | None = None
        try:
            service = parse(self.fact)
        except Refusal as refusal:
            service, unread = legible(self.fact.object()), refusal
        if self.tracked is None:
            self._carry_out(service, self._held(service, None, closed=False), None, first)
            return
        settings = self.tracked.as_settings()
        exposure = exposure_of(service, settings, self.backends.hostless)
        try:
            self.astray = Astray(service.namespace, self.fact.uid, self.reader, self.memory, settings)
            if why := unread or self._led_astray() or self._try_to_open(service, settings, exposure, first):
                self._refuse(service, settings, why, exposure != "outside", first)
        except NotListed as missing:
            self._close_alone(service, settings, exposure != "outside", missing.kind)

    def _try_to_open(
        self, service: InferenceService, settings: Settings, exposure: Exposure, first: bool
    ) -> Refusal | None:
        """Open the door, or tell why not; whatever goes wrong with one service stays with it."""
        try:
            self._open(service, settings, exposure, first)
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

    # -- the way to an open door ---------------------------------------------------------------------------------

    def _open(self, service: InferenceService, settings: Settings, exposure: Exposure, first: bool) -> None:
        closed = exposure != "outside"
        form = shape(
            service,
            settings,
            exposure,
            self.reader,
            self.kinds,
            stands=bool(self.ours),
            routed=self._routed(),
            backends=self.backends.by_name,
            hostless=self.backends.hostless,
            choose=self.backends.select,
        )
        if not closed:
            self._require_claiming_kinds()
        if not form.opens:
            assert form.waiting is not None
            self.decision.affected |= self.claims.want(self.fact.ref, service.age, ())
            why = form.refused or form.waiting
            report = Report(status=status_of(why), reason=why.reason, message=why.message)
            self._carry_out(service, Plan(memory=self.memory), report, first)
            return
        selected = self._selected(form.door)
        final = self.renderer.render(service, form.door, selected)
        self._refuse_to_lead_astray(form.door, final)
        opened = final.renderings.get(form.door.backend)
        path = opened is None or opened.path
        door, denied, sole = self._settle_claims(service, form.door, selected, settings, path=path)
        if door is not form.door:
            final = self.renderer.render(service, door, selected)
        lost = {d.where for d in denied} | self._lost_beside(final.desired)
        overlap = Overlap(self.facts, self.ours, self.renderer, self._is_taken, self.now, settings.overlap_seconds)
        leaving = overlap.leaving_inside(final, self._under_way())
        if not closed:
            leaving |= overlap.leaving(final, lost, door.backend)
        rendered = overlap.rendered(service, door, selected, final, leaving) if leaving else final
        for rendering in rendered.renderings.values():
            self.warnings += rendering.warnings
        self.warnings += form.warnings
        closing = Closing(self.backends, settings, door.service_ref, closed=closed, lost=lost)
        situation = self._situation(
            service,
            desired=rendered.desired,
            closed=closed,
            closing=closing.refs(self.ours),
            narrowed=closing.narrowed,
            adopt=settings.adopt,
            overlap=settings.overlap_seconds,
            accepted=lambda: self._accepted(door, rendered),
            final=final.digest,
            leaving=leaving,
        )
        result = plan(situation)
        result.memory = self._confirm(sole, final.desired, result.memory)
        self._guard(situation, result, rendered.desired)
        told = report_on(form, door, rendered, denied, result, self.standing)
        self._carry_out(service, result, told, first)

    def _refuse_to_lead_astray(self, door: Door, rendered: Rendered) -> None:
        """A Service DOOR that is somebody's may be a name of something else."""
        if door.in_cluster != "tied" or self.astray is None:
            return
        for ref, desired in rendered.desired.items():
            if ref.kind != SERVICE and (name := self.astray.through(desired.manifest)):
                leads_to = external_name(self.reader.get(Ref(SERVICE, ref.namespace, name)))
                raise is_external(ref.namespace, name, "door inside the cluster", leads_to)

    def _lost_beside(self, wanted: Collection[Ref]) -> set[str]:
        """What objects that aren't wanted serve, and another service has, or somebody added: it goes at once."""
        lost: set[str] = set()
        for fact in self.ours:
            if fact.ref in wanted or fact.ref.kind not in self.backends.claiming:
                continue
            holds = self.claims.of(fact.ref)
            for claim in self._served(fact.ref.kind, fact.object()):
                hold = holds.get(claim_key(claim.host, claim.prefix))
                if (hold and not hold.owner) or lost_to(self.claims, self.fact.uid, claim, self.age):
                    lost.add(claim.where)
        return lost

    def _require_claiming_kinds(self) -> None:
        """Hosts are settled when every kind that serves hosts is known."""
        if not self.kinds.all_known:
            for kind in self.backends.claiming:
                self.kinds.require(kind)

    def _routed(self) -> tuple[str, ...]:
        """The components that what stands routes to."""
        routed: dict[str, None] = {}
        for fact in self.ours:
            routed.update(dict.fromkeys(part for part in fact.routed.split(",") if part))
        return tuple(routed)

    def _selected(self, door: Door) -> Backend | None:
        if not door.backend:
            return None
        backend = self.backends.by_name[door.backend]
        why = backend.supports(door)
        if why:
            raise Refusal("BackendUnsupported", f"backend {door.backend} can't open this door: {why}")
        return backend

    def _settle_claims(
        self, service: InferenceService, door: Door, selected: Backend | None, settings: Settings, *, path: bool
    ) -> tuple[Door, list[Denied], Collection[str]]:
        """The door with what it may have, what is denied, and what of it nobody else has a hand in."""
        arbiter = Arbiter(self.claims, self.age, self.renderer, self.fact.ref)
        settled = arbiter.settle(service, door, selected, settings, path=path)
        self.decision.affected |= arbiter.affected
        self.warnings += arbiter.warnings
        return (*settled, arbiter.sole)

    # -- doors that can't be as asked ----------------------------------------------------------------------------

    def _refuse(
        self, service: InferenceService, settings: Settings, refusal: Refusal, closed: bool, first: bool
    ) -> None:
        """Keep what stands, but for what is closed, and say why."""
        for kind in self.kinds.all():
            self.kinds.require(kind)
        report = Report(status=status_of(refusal), reason=refusal.reason, message=self._held_message(service, refusal))
        self._carry_out(service, self._held(service, settings, closed=closed), report, first)

    def _close_alone(self, service: InferenceService, settings: Settings, closed: bool, missing: str) -> None:
        """Not everything is listed yet: nothing comes out but what closes."""
        self.decision.waiting_for = missing
        drafts = self._held(service, settings, closed=closed).drafts
        self.decision.drafts = [draft for draft in drafts if draft.order == CLOSE]

    def _led_astray(self) -> Refusal | None:
        """Why what stands can't stay, though the service may ask for another door by now."""
        if self.astray is None:
            return None
        for fact in self.ours:
            if fact.ref.kind != SERVICE and (name := self.astray.through(fact.object())):
                leads_to = external_name(self.reader.get(Ref(SERVICE, fact.ref.namespace, name)))
                return is_external(fact.ref.namespace, name, "door that stands", leads_to)
        return None

    def _held(self, service: InferenceService, settings: Settings | None, *, closed: bool) -> Plan:
        closes: dict[str, object] = {}
        served = [claim for fact in self.ours for claim in self._served(fact.ref.kind, fact.object())]
        owners = {c.where: lost_to(self.claims, self.fact.uid, c, self.age) for c in served}
        lost = {where: owner for where, owner in owners.items() if owner}
        if settings is not None:
            inside = (c.where for c in served if is_of_another(c.host, service, settings))
            lost |= dict.fromkeys(inside, "the cluster, whose own name it is")
        astray = self.astray.through if self.astray else None
        if settings is not None and (closed or settings.namespace_domains or lost or self._led_astray()):
            door = Ref(SERVICE, service.namespace, door_service(service, settings))
            closing = Closing(self.backends, settings, door, closed=closed, lost=lost, astray=astray)
            closes = {"closed": closed, "leads_in": closing.leads_in, "narrowed": closing.narrowed}
            if not closed:
                self._tell_what_is_lost(served, lost, settings)
        self._want_what_is_gone(service)
        situation = self._situation(service, desired={}, held=True, restorable=self._restorable, **closes)
        result = plan(situation)
        self._guard(situation, result, None)
        return result

    def _tell_what_is_lost(self, served: Iterable[Claim], lost: Mapping[str, str], settings: Settings) -> None:
        """The condition speaks of the refusal, so that a host that a held door loses is told of in an event."""
        for claim in served:
            if problem := domain_problem(claim.host, self.fact.ref.namespace, settings):
                self.warnings.append(Warning("DomainNotAllowed", f"{problem}; it is served no more"))
            elif owner := lost.get(claim.where):
                self.warnings.append(Warning("HostConflict", f"{claim.where} belongs to {owner}; it is served no more"))

    def _want_what_is_gone(self, service: InferenceService) -> None:
        """A held door stands in nobody's way, and hears when what its objects served is taken, or free."""
        standing = {key_of(fact.ref): fact.body for fact in self.ours}
        gone = [(key, mark) for key, mark in self.memory.marks.items() if standing.get(key) != mark.body]
        served = [self._served(key.partition("/")[0], kept_of(service, mark)) for key, mark in gone]
        listens: How = "listens"
        wanted = [(claim.host, claim.prefix, listens) for claims in served for claim in claims]
        self.decision.affected |= self.claims.want(self.fact.ref, service.age, wanted)

    def _restorable(self, kind: str, obj: JsonObject) -> bool:
        """Whether an object of a held door may be what it was: nobody else has its hosts by now."""
        if self.kinds.state(kind) != "listed":
            return False
        return not any(map(self._is_taken, self._served(kind, obj)))

    def _is_taken(self, claim: Claim) -> bool:
        return is_taken(self.claims, self.fact.ref, self.fact.uid, claim)

    def _served(self, kind: str, obj: JsonObject) -> Sequence[Claim]:
        try:
            return self.backends.claims(kind, obj) if kind in self.backends.claiming else ()
        except BackendError:
            return ()

    def _held_message(self, service: InferenceService, refusal: Refusal) -> str:
        marks = self.memory.marks.items()
        stands = self.ours or any(
            self._restorable(key.partition("/")[0], kept_of(service, mark)) for key, mark in marks
        )
        kept = stands and not self._led_astray()
        return f"{refusal.message} (the door that stands is kept)" if kept else refusal.message

    def _situation(self, service: InferenceService, **more: object) -> Situation:
        return Situation(
            service=service,
            now=self.now,
            ours=self.ours,
            look=self.reader.get,
            busy=self.busy,
            watch=self.backends.watches.__getitem__,
            memory=self.memory,
            **more,  # type: ignore[arg-type]
        )

    # -- what others keep for us ---------------------------------------------------------------------------------

    def _guard(self, situation: Situation, result: Plan, wanted: Collection[Ref] | None) -> None:
        """Write outside of the API server under finalizers only; ``wanted``: None where that isn't known."""
        if external := self.backends.external:
            spare = () if wanted is None else self._spare(situation.service, wanted)
            guard(situation, self.fact, result, external, spare)
        if lost := [kind for kind in kinds_held(situation.service) if kind not in external]:
            self.warnings.append(Warning("FinalizerLeft", left_alone(self.fact.ref, lost)))

    def _spare(self, service: InferenceService, wanted: Iterable[Ref]) -> set[str]:
        """The external kinds held of which nothing stands, is wanted or may still come."""
        held = set(kinds_held(service)) & self.backends.external.keys()
        if not held:
            return held
        used = {*wanted, *(f.ref for f in self.ours), *(action.ref for action in self._under_way())}
        return {kind for kind in held - {ref.kind for ref in used} if self.kinds.state(kind) == "listed"}

    def _under_way(self) -> Iterator[Action]:
        """The writes that may have landed, or may still."""
        yield from self.memory.doubts.values()
        yield from self.in_flight(self.fact.uid)

    def leave(self, first: bool) -> None:
        """The service is being deleted: what backends keep for it goes, then the finalizers that waited for that."""
        service = legible(self.fact.object())
        external = self.backends.external
        held = kinds_held(service)
        for kind in held:
            if kind in external:
                self.kinds.require(kind)
        self.ours = tuple(fact for fact in self.ours if fact.ref.kind in external)
        situation = self._situation(service, desired={}, closing=frozenset(fact.ref for fact in self.ours))
        result = plan(situation)
        self._guard(situation, result, ())
        unseen = [kind for kind in held if self.kinds.state(kind) == "forbidden"]
        report = None
        if lost := [kind for kind in held if kind not in external]:
            report = Report(status="False", reason="FinalizerLeft", message=left_alone(self.fact.ref, lost))
        elif unseen:
            message = f"{unseen[0]} can't be observed: {self.kinds.message(unseen[0])}"
            report = Report(status="False", reason="KindForbidden", message=message)
        elif result.refused:
            report = Report(status="False", reason="WriteRefused", message="; ".join(result.refused))
        self._carry_out(service, result, report, first)

    # -- report --------------------------------------------------------------------------------------------------

    def _accepted(self, door: Door, rendered: Rendered) -> bool:
        """Whether the outside door is accepted, where its backend can tell."""
        backend = self.backends.by_name.get(door.backend)
        if backend is None or not backend.has_status():
            return True
        refs = [ref for ref, d in rendered.desired.items() if d.backend == backend.name]
        observed = {ref: fact.object() for ref in refs if (fact := self.reader.get(ref))}
        self.standing = backend.status(door, observed)
        return self.standing.state == "accepted"

    def _carry_out(self, service: InferenceService, result: Plan, report: Report | None, first: bool) -> None:
        """Turn a plan and a report into drafts, with the warnings that weren't told yet."""
        drafts = sorted(result.drafts, key=lambda draft: draft.order)
        memory = result.memory
        self.decision.wake = result.wake
        self.decision.report = report
        for field in yielded(memory, service.metadata.generation):
            self.warnings.append(left_to_another(field, service.metadata.generation))
        if report is not None and self.tracked is not None:
            drafts += self._status_drafts(service, report, memory)
        silent = first and not drafts and not _known_from_journal(memory)
        told, events = self._notices(service, [*self.warnings, *result.warnings], memory, silent=silent)
        if told != memory.told:
            memory = msgspec.structs.replace(memory, told=told)
        self.decision.drafts = [*drafts, *events]
        self.decision.memory = memory

    def _status_drafts(self, service: InferenceService, report: Report, memory: Memory) -> list[Draft]:
        assert self.tracked is not None
        ref = self.fact.ref
        setting = self.tracked.as_settings().condition_type
        patch = status_patch(service, report, self._hosts(memory), setting, memory, self.now)
        if not patch or self.busy(ref):
            return []
        key = key_of(ref)
        retry = memory.retries.get(key)
        if retry and retry.until > self.now:
            self.decision.wake = min(self.decision.wake or retry.until, retry.until)
            return []
        if key in memory.doubts:
            return [Draft(verb="look", ref=ref, order=REPORT, reason=IN_DOUBT)]
        version = str(self.fact.version)
        body = {"metadata": {"uid": self.fact.uid, "resourceVersion": version}, "status": patch}
        reason = f"status: {report.status} {report.reason}".strip()
        return [
            Draft(
                verb="status",
                ref=ref,
                order=REPORT,
                reason=reason,
                uid=self.fact.uid,
                resource_version=version,
                body=body,
                fields=tuple(f"status.{key}" for key in sorted(patch)),
            )
        ]

    def _hosts(self, memory: Memory) -> str:
        """The claims that we are known to have written for this service, as its status names them."""
        served: set[str] = set()
        for fact in self.ours:
            if known := memory.written.get(key_of(fact.ref)):
                served.update(known.claims)
            served.update(key for key, hold in self.claims.of(fact.ref).items() if hold.owner and hold.written)
        return " ".join(sorted(served))

    def _notices(
        self, service: InferenceService, warnings: list[Warning], memory: Memory, *, silent: bool
    ) -> tuple[tuple[str, ...], list[Draft]]:
        """What counts as told from now on, and what is still to be told; that counts once it was issued."""
        current = {notice.digest(service.metadata.uid, warning): warning for warning in warnings}
        told = [digest for digest in memory.told if digest in current]
        new = [digest for digest in current if digest not in told]
        if silent:
            return (*told, *new), []
        drafts = []
        for digest in new:
            reason = current[digest].reason
            ref, body = notice.about(service, current[digest], self.now)
            drafts.append(Draft(verb="event", ref=ref, order=REPORT, reason=reason, body=body, digest=digest))
        return tuple(told), drafts


def _known_from_journal(memory: Memory) -> bool:
    """Whether what was told is remembered, so that whatever isn't among it is news."""
    return bool(memory.told) or any(mark.digest for mark in memory.marks.values())
