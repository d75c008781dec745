"""One service, from its facts to a plan: the only place where shape, claims, backends, plan and report meet.

    facts --shape--> door --claims--> granted hosts --render--> desired --plan--> drafts --report--> status, events

A refusal anywhere on the way holds what stands.  Closing is never held.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from hashlib import blake2b
from typing import Literal

import msgspec

from doorward.backends import Backend, BackendError, Backends
from doorward.graph.addresses import door_service
from doorward.graph.claims import NOBODY, Age, Claims, Hold
from doorward.graph.facts import Fact, Facts
from doorward.graph.inference_service import InferenceService, legible, parse
from doorward.graph.kinds import Kinds, NotListed
from doorward.graph.memory import Mark, Memory, put
from doorward.graph.reading import Reader
from doorward.graph.refusal import Refusal
from doorward.graph.shape import Shape, exposure_of, shape
from doorward.graph.tracked_settings import TrackedSettings
from doorward.hooks import Watch
from doorward.model.door import Claim, Door, Exposure, PathDoor, Rendering, Standing, Warning
from doorward.model.reference import CONFIG_MAP, INFERENCE_SERVICE, SERVICE, JsonObject, Ref
from doorward.model.settings import Settings
from doorward.plan import notice
from doorward.plan.desired import Desired, decorate, digest_of, is_manifest, ours_of, resource_kind
from doorward.plan.plan import CLOSE, IN_DOUBT, Draft, Plan, Situation, is_ours, key_of, overlap_is_over, plan
from doorward.plan.status import DOOR_READY, Report, status_patch, yielded

BASE_KINDS = (CONFIG_MAP, INFERENCE_SERVICE, SERVICE)
"""What has to be listed before anything is decided."""
_EXTERNAL = ("LoadBalancer", "NodePort")
REPORT = 3
"""The order of status and events: after everything that opens, closes or removes."""


class Rendered(msgspec.Struct, frozen=True, kw_only=True):
    """What the backends made of a door."""

    desired: dict[Ref, Desired]
    renderings: dict[str, Rendering]
    backends: tuple[Backend, ...]

    @property
    def digest(self) -> str:
        return blake2b("".join(d.digest for d in self.desired.values()).encode(), digest_size=9).hexdigest()


class Denied(msgspec.Struct, frozen=True):
    """A host or path that a service asks for and doesn't get."""

    host: str
    reason: Literal["HostConflict", "DomainNotAllowed"]
    message: str


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
        self, facts: Facts, claims: Claims, kinds: Kinds, backends: Backends, age: Callable[[str], Age]
    ) -> None:
        self._facts = facts
        self._claims = claims
        self._kinds = kinds
        self._backends = backends
        self._age = age

    def decide(
        self,
        fact: Fact,
        settings: Settings | None,
        memory: Memory,
        now: float,
        busy: Callable[[Ref], bool],
        *,
        first: bool,
    ) -> Decision:
        """What to do for the InferenceService of ``fact``; ``first``: nothing was ever decided for it."""
        reader = Reader(self._facts)
        decision = Decision(memory=memory, keys=reader.keys)
        if fact.deleting:
            decision.affected = self._claims.want(fact.ref, NOBODY, ())
            return decision
        if unlisted := next((kind for kind in BASE_KINDS if not self._kinds.known(kind)), ""):
            decision.waiting_for = unlisted
            return decision
        case = _Case(self, fact, settings, memory, now, busy, reader, decision)
        try:
            case.run(first)
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
        self.fact = fact
        self.tracked = TrackedSettings(settings) if settings is not None else None
        self.memory = memory
        self.now = now
        self.busy = busy
        self.reader = reader
        self.decision = decision
        self.ours = tuple(f for f in self.facts.owned_by(fact.uid) if is_ours(f, fact.uid))
        self.standing = Standing()
        self.warnings: list[Warning] = []

    def _take_up(self) -> None:
        """After a start: what isn't as our last known write left it, and bears nobody else's hand, is a write of ours
        that the journal lost."""
        marks = self.memory.marks
        for fact in self.ours:
            key = key_of(fact.ref)
            mark = marks.get(key)
            if mark is None or mark.body == fact.body or key in self.memory.doubts:
                continue
            if not fact.object()["metadata"].get("otherManager"):
                marks = put(marks, key, Mark("", fact.body))
        self.memory = msgspec.structs.replace(self.memory, marks=marks)

    def run(self, first: bool) -> None:
        if first:
            self._take_up()
        unread: Refusal | None = None
        try:
            service = parse(self.fact)
        except Refusal as refusal:
            service, unread = legible(self.fact.object()), refusal
        if self.tracked is None:
            self._carry_out(service, self._held(service, None, closed=False), None, first)
            return
        settings = self.tracked.as_settings()
        exposure = exposure_of(service, settings)
        try:
            if why := unread or self._try_to_open(service, settings, exposure, first):
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
            choose=self.backends.select,
        )
        if not closed:
            self._require_claiming_kinds()
        if not form.opens:
            assert form.waiting is not None
            self.decision.affected |= self.claims.want(self.fact.ref, service.age, ())
            report = Report(status=_status(form.waiting), reason=form.waiting.reason, message=form.waiting.message)
            self._carry_out(service, Plan(memory=self.memory), report, first)
            return
        selected = self._selected(form.door)
        final = self._render(service, form.door, selected)
        opened = final.renderings.get(form.door.backend)
        door, denied = self._settle_claims(service, form.door, selected, settings, path=opened is None or opened.path)
        if door is not form.door:
            final = self._render(service, door, selected)
        leaving = self._leaving(final, denied, closed)
        rendered = self._with_leaving(service, door, selected, final, leaving, settings)
        for rendering in rendered.renderings.values():
            self.warnings += rendering.warnings
        self.warnings += form.warnings
        situation = self._situation(
            service,
            desired=rendered.desired,
            closed=closed,
            closing=self._closing(rendered.desired, denied, closed),
            adopt=settings.adopt,
            overlap=settings.overlap_seconds,
            accepted=lambda: self._accepted(door, rendered),
            final=final.digest,
            leaving=leaving,
        )
        result = plan(situation)
        told = self._report(form, door, rendered, denied, result)
        self._carry_out(service, result, told, first)

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
    ) -> tuple[Door, list[Denied]]:
        """The door with what it may have, and what is denied; ``path``: its backend can open the path door."""
        asked = [(host, "/") for host in door.hosts]
        if door.path and path:
            asked.append((door.path.host, door.path.prefix))
        denied: list[Denied] = []
        allowed = []
        for host, prefix in asked:
            problem = _domain_problem(host, door.namespace, settings)
            if problem:
                denied.append(Denied(host + prefix.rstrip("/"), "DomainNotAllowed", problem))
            else:
                allowed.append((host, prefix))
        wanted = [(host, prefix, self._blocked(host, prefix)) for host, prefix in allowed]
        self.decision.affected |= self.claims.want(self.fact.ref, self.age(self.fact.uid), wanted)
        granted = []
        for host, prefix in allowed:
            owner = self._owner(service, host, prefix, door, selected)
            if owner:
                where = host + prefix.rstrip("/")
                denied.append(Denied(where, "HostConflict", f"{where} belongs to {owner}"))
            else:
                granted.append((host, prefix))
        if not denied:
            return door, denied
        hosts = tuple(host for host, prefix in granted if prefix == "/")
        has_path = door.path and (not path or (door.path.host, door.path.prefix) in granted)
        return msgspec.structs.replace(door, hosts=hosts, path=door.path if has_path else None), denied

    def _owner(self, service: InferenceService, host: str, prefix: str, door: Door, selected: Backend | None) -> str:
        """Who owns a claim that this service wants; empty where it may have it."""
        uid, age = service.metadata.uid, service.age
        mine = self.claims.holds(uid, host, prefix)
        holds, wants = self.claims.rivals(host, prefix)
        rivals = [(self.age(h.owner), str(h.ref)) for h in holds if h.owner and h.owner != uid]
        if rivals:
            earliest, ref = min(rivals)
            if mine and age < earliest and earliest != NOBODY:
                return ""
            name = (
                f"InferenceService {earliest[1]}/{earliest[2]}" if earliest != NOBODY else "a deleted InferenceService"
            )
            return f"{name} ({ref})"
        for hold in self.claims.foreign(host, prefix):
            if hold.controller != uid and self._same_way(hold, host, prefix, door, selected):
                if not mine:
                    return f"{hold.ref}, which isn't doorward's"
                message = f"{hold.ref}, which isn't doorward's, names {host} too; requests may go to either, remove one"
                self.warnings.append(Warning("HostShared", message))
        if mine:
            return ""
        earlier = [want.age for want in wants if want.service != self.fact.ref and not want.blocked and want.age < age]
        if earlier:
            first = min(earlier)
            return f"InferenceService {first[1]}/{first[2]}, which asked for it first"
        return ""

    def _blocked(self, host: str, prefix: str) -> bool:
        """Whether somebody else holds what overlaps a claim, while this service holds nothing of it."""
        uid = self.fact.uid
        holds, _ = self.claims.rivals(host, prefix)
        return any(h.owner and h.owner != uid for h in holds) and not self.claims.holds(uid, host, prefix)

    def _same_way(self, hold: Hold, host: str, prefix: str, door: Door, selected: Backend | None) -> bool:
        """Whether a foreign object serves a host by the class or gateway that this door would.

        One that stands under a name that this door needs is a conflict of names, which tells more.
        """
        if selected is None:
            return False
        only = msgspec.structs.replace(
            door,
            hosts=(host,) if prefix == "/" else (),
            path=PathDoor(host, prefix) if prefix != "/" else None,
        )
        for backend in self._renderers(only, selected):
            for manifest in backend.render(only, self._needed(backend, only)).objects:
                kind = resource_kind(manifest)
                if hold.ref == Ref(kind, door.namespace, manifest["metadata"]["name"]):
                    return False
                placed = {**manifest, "metadata": {**manifest["metadata"], "namespace": door.namespace}}
                for claim in self.backends.claims(kind, placed):
                    if claim.host == host and set(claim.via) & set(hold.via):
                        return True
        return False

    # -- rendering -----------------------------------------------------------------------------------------------

    def _renderers(self, door: Door, selected: Backend | None) -> tuple[Backend, ...]:
        """Those that accompany come first: the outside door leads through what they make."""
        beside = self.backends.beside(door, selected)
        return (*beside, selected) if selected else tuple(beside)

    def _needed(self, backend: Backend, door: Door) -> dict[Ref, JsonObject]:
        refs = backend.needs(door)
        if not refs:
            return {}
        for ref in refs:
            self.kinds.require(ref.kind)
        return {ref: self._shown(fact) for ref in refs if (fact := self.reader.get(ref))}

    def _shown(self, fact: Fact) -> JsonObject:
        """What a backend sees of an object: one of this door's as we last wrote it, so that an edit is no wish."""
        mark = self.memory.marks.get(key_of(fact.ref)) if is_ours(fact, self.fact.uid) else None
        body: JsonObject = msgspec.json.decode(mark.body if mark else fact.body)
        return body

    def _render(self, service: InferenceService, door: Door, selected: Backend | None) -> Rendered:
        desired: dict[Ref, Desired] = {}
        renderings: dict[str, Rendering] = {}
        routed = tuple(target.component for target in door.targets)
        backends = self._renderers(door, selected)
        for backend in backends:
            rendering = backend.render(door, self._needed(backend, door))
            renderings[backend.name] = rendering
            for manifest in rendering.objects:
                kind, watch = self._check(backend, manifest)
                try:
                    one = decorate(manifest, service, routed, watch, self.kinds.version(kind), backend.name)
                except (TypeError, ValueError) as error:
                    what = f"render returned a {kind} that can't be written as JSON: {error}"
                    raise BackendError(backend.name, "render", what, traceback.format_exc()) from error
                if one.ref in desired:
                    what = f"{one.ref} is rendered by {desired[one.ref].backend} and by {backend.name}"
                    raise BackendError(backend.name, "render", what, what)
                desired[one.ref] = one
        return Rendered(desired=desired, renderings=renderings, backends=backends)

    def _check(self, backend: Backend, manifest: JsonObject) -> tuple[str, Watch]:
        """The kind of a manifest; refuses rubbish, and kinds that can't be written."""
        if not is_manifest(manifest):
            what = f"render returned something that is no manifest: {str(manifest)[:200]}"
            raise BackendError(backend.name, "render", what, what)
        kind = resource_kind(manifest)
        watch = self.backends.watches.get(kind)
        if watch is None or watch.owned == "nothing":
            what = f"render returned a {kind}, which `watches` doesn't name as written"
            raise BackendError(backend.name, "render", what, what)
        state = self.kinds.state(kind)
        if state == "listed":
            return kind, watch
        if state == "absent":
            crd = f"{watch.resource.plural}.{watch.resource.group}"
            raise Refusal("KindNotServed", f"this cluster doesn't serve {kind}; install its CRD ({crd})")
        if state == "forbidden":
            raise Refusal(
                "KindForbidden", f"{kind} may not be listed: {self.kinds.message(kind)}; allow list and watch"
            )
        raise NotListed(kind)

    # -- change --------------------------------------------------------------------------------------------------

    def _leaving(self, final: Rendered, denied: list[Denied], closed: bool) -> frozenset[str]:
        """What objects that stay still carry and are to lose, as keys.

        ``host:``, ``pathhost:`` and ``parent:`` with what an object is to lose, ``type:`` with the name of a Service
        that is to be reached from outside no more.
        """
        if closed:
            return frozenset()
        lost = {d.host for d in denied}
        leaving: set[str] = set()
        for ref, desired in final.desired.items():
            fact = self.facts.get(ref)
            if fact is None or not is_ours(fact, self.fact.uid):
                continue
            mark = self.memory.marks.get(key_of(ref))
            if mark and mark.digest == desired.digest:
                continue
            standing = msgspec.json.decode(mark.body if mark else fact.body)
            if ref.kind == SERVICE:
                type_ = standing["spec"].get("type")
                if type_ in _EXTERNAL and desired.manifest["spec"].get("type") not in _EXTERNAL:
                    leaving.add(f"type:{ref.name}")
            if ref.kind not in self.backends.claiming:
                continue
            stood = self.backends.claims(ref.kind, standing)
            now = self.backends.claims(ref.kind, desired.manifest)
            leaving |= _difference(stood, now, lost)
        return frozenset(leaving)

    def _with_leaving(
        self,
        service: InferenceService,
        door: Door,
        selected: Backend | None,
        final: Rendered,
        leaving: frozenset[str],
        settings: Settings,
    ) -> Rendered:
        digest = final.digest if leaving else ""
        kept: dict[str, list[str]] = {"host": [], "pathhost": [], "parent": [], "type": []}
        for key in sorted(leaving):
            if not overlap_is_over(self.memory, digest, key, self.now, settings.overlap_seconds):
                kind, _, value = key.partition(":")
                kept[kind].append(value)
        if not any(kept.values()):
            return final
        both = msgspec.structs.replace(
            door,
            leaving_hosts=tuple(kept["host"]),
            leaving_path_hosts=tuple(kept["pathhost"]),
            leaving_parents=tuple(kept["parent"]),
        )
        rendered = self._render(service, both, selected)
        for name in kept["type"]:
            ref = Ref(SERVICE, door.namespace, name)
            if ref in rendered.desired:
                rendered.desired[ref] = self._as_it_stands(rendered.desired[ref])
        return rendered

    def _as_it_stands(self, desired: Desired) -> Desired:
        """An object that keeps the spec that it has until the overlap is over."""
        mark, fact = self.memory.marks.get(key_of(desired.ref)), self.facts.get(desired.ref)
        body = mark.body if mark else fact.body if fact else b"{}"
        spec = ours_of(msgspec.json.decode(body), desired.watch)
        manifest = {**desired.manifest, "spec": spec}
        return msgspec.structs.replace(desired, manifest=manifest, digest=digest_of(manifest))

    def _closing(self, desired: dict[Ref, Desired], denied: list[Denied], closed: bool) -> frozenset[Ref]:
        """Objects that serve what is closed, or what now belongs to another."""
        lost = {d.host for d in denied}
        refs = set()
        for fact in self.ours:
            if fact.ref in desired:
                continue
            if closed and (fact.ref.kind != SERVICE or fact.object()["spec"].get("type") in _EXTERNAL):
                refs.add(fact.ref)
            elif lost and fact.ref.kind in self.backends.claiming:
                claims = self.backends.claims(fact.ref.kind, fact.object())
                if any(c.host + c.prefix.rstrip("/") in lost for c in claims):
                    refs.add(fact.ref)
        return frozenset(refs)

    # -- doors that can't be as asked ----------------------------------------------------------------------------

    def _refuse(
        self, service: InferenceService, settings: Settings, refusal: Refusal, closed: bool, first: bool
    ) -> None:
        """Keep what stands, but for what is closed, and say why."""
        for kind in self.kinds.all():
            self.kinds.require(kind)
        self.decision.affected |= self.claims.want(self.fact.ref, service.age, ())
        report = Report(status=_status(refusal), reason=refusal.reason, message=self._held_message(refusal))
        self._carry_out(service, self._held(service, settings, closed=closed), report, first)

    def _close_alone(self, service: InferenceService, settings: Settings, closed: bool, missing: str) -> None:
        """Not everything is listed yet: nothing comes out but what closes."""
        self.decision.waiting_for = missing
        drafts = self._held(service, settings, closed=closed).drafts
        self.decision.drafts = [draft for draft in drafts if draft.order == CLOSE]

    def _held(self, service: InferenceService, settings: Settings | None, *, closed: bool) -> Plan:
        leads_in = door = None
        if settings is not None and (closed or settings.namespace_domains):
            leads_in = self._leads_in(service.namespace, settings, closed)
            door = Ref(SERVICE, service.namespace, door_service(service, settings))
        return plan(self._situation(service, desired={}, held=True, leads_in=leads_in, door=door))

    def _leads_in(self, namespace: str, settings: Settings, closed: bool) -> Callable[[str, JsonObject], bool]:
        """Which objects serve what is closed; no rendering is needed to tell, and what can't be read counts as one."""

        def leads_in(kind: str, obj: JsonObject) -> bool:
            if kind == SERVICE:
                return closed and (obj.get("spec") or {}).get("type") in _EXTERNAL
            if kind not in self.backends.claiming:
                return closed
            try:
                claims = self.backends.claims(kind, obj)
            except BackendError:
                return closed
            if closed:
                return bool(claims)
            return any(_domain_problem(claim.host, namespace, settings) for claim in claims)

        return leads_in

    def _held_message(self, refusal: Refusal) -> str:
        stands = self.ours or self.memory.marks
        return f"{refusal.message} (the door that stands is kept as it was)" if stands else refusal.message

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

    def _report(
        self,
        form: Shape,
        door: Door,
        rendered: Rendered,
        denied: list[Denied],
        result: Plan,
    ) -> Report | None:
        """The condition and the URLs; None while writes are under way that will decide them."""
        standing = self.standing
        url = self._url(form, door, rendered, standing)
        told = {"url": url, "address": form.address}
        if result.conflicts:
            return Report(status="False", reason="ObjectConflict", message="; ".join(result.conflicts), **told)
        if result.not_sticking:
            what = "; ".join(result.not_sticking)
            return Report(
                status="False", reason="NotSticking", message=f"the server changes what is written: {what}", **told
            )
        if result.refused:
            return Report(status="False", reason="WriteRefused", message="; ".join(result.refused), **told)
        if result.collecting:
            return Report(status="Unknown", reason="WaitingForCollection", message="; ".join(result.collecting))
        if not result.applied:
            return None
        if denied:
            what = "; ".join(d.message for d in denied)
            rest = "; the other hosts are served" if door.hosts or door.path else ""
            return Report(status="False", reason=denied[0].reason, message=what + rest, **told)
        if form.waiting:
            message = f"{form.waiting.message}; until then requests go on as before"
            return Report(status=_status(form.waiting), reason=form.waiting.reason, message=message, **told)
        if standing.state != "accepted":
            reason = standing.reason or ("RouteNotAccepted" if standing.state == "refused" else "Pending")
            return Report(status="False", reason=reason, message=standing.message, **told)
        reason = {"cluster-local": "ClusterLocal", "disabled": "IngressDisabled"}.get(door.exposure, standing.reason)
        return Report(status="True", reason=reason, message=standing.message, **told)

    def _url(self, form: Shape, door: Door, rendered: Rendered, standing: Standing) -> str | None:
        if standing.address and not door.hosts:
            return f"http://{standing.address}"
        if door.backend == "loadbalancer":
            return form.address if door.service_type == "NodePort" else None
        if not door.backend:
            return form.url or form.address
        rendering = rendered.renderings.get(door.backend)
        if door.path and rendering and rendering.path:
            return f"{door.scheme}://{door.path.host}{door.path.prefix}"
        primary = form.door.hosts[:1]
        return f"{door.scheme}://{primary[0]}" if primary and primary[0] in door.hosts else form.address

    def _carry_out(self, service: InferenceService, result: Plan, report: Report | None, first: bool) -> None:
        """Turn a plan and a report into drafts, with the warnings that weren't told yet."""
        drafts = sorted(result.drafts, key=lambda draft: draft.order)
        memory = result.memory
        self.decision.wake = result.wake
        self.decision.report = report
        for field in yielded(memory, service.metadata.generation):
            self.warnings.append(_left_to_another(field, service.metadata.generation))
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
        patch = status_patch(service, report, setting, memory, self.now)
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


def _status(refusal: Refusal) -> Literal["True", "False", "Unknown"]:
    return "Unknown" if refusal.status == "Unknown" else "False"


def _left_to_another(field: str, generation: int) -> Warning:
    what = {"condition": "the condition", "url": "status.url", "address": "status.address"}[field]
    message = (
        f"another writer keeps overwriting {what} that doorward reports; it is left to that writer until the service "
        f"changes (generation {generation}), and doorward reports in condition {DOOR_READY}. Stop one of the two, or "
        "set conditionType"
    )
    return Warning("StatusContested", message)


def _difference(stood: Sequence[Claim], now: Sequence[Claim], lost: set[str]) -> set[str]:
    keys: set[str] = set()
    hosts = {(claim.host, claim.prefix) for claim in now}
    ways = {way for claim in now for way in claim.via}
    for claim in stood:
        if claim.host + claim.prefix.rstrip("/") in lost:
            continue
        if (claim.host, claim.prefix) not in hosts:
            keys.add(f"host:{claim.host}" if claim.prefix == "/" else f"pathhost:{claim.host}")
        keys |= {f"parent:{way}" for way in claim.via if way not in ways}
    return keys


def _domain_problem(host: str, namespace: str, settings: Settings) -> str:
    """Why a namespace may not have a host, by setting ``namespaceDomains``; a namespace that no pattern names may."""
    named = [domains for pattern, domains in settings.namespace_domains.items() if fnmatchcase(namespace, pattern)]
    if not named:
        return ""
    allowed = sorted({domain for domains in named for domain in domains})
    if any(host == domain or host.endswith(f".{domain}") for domain in allowed):
        return ""
    return (
        f"{host} isn't below a domain that setting namespaceDomains allows namespace {namespace}: {', '.join(allowed)}"
    )
