"""One service while it is reconciled: what is known of it, and what is decided so far."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from typing import Literal, Protocol

import msgspec

from doorward.backends import BackendError, Backends
from doorward.door.belonging import refuse_part
from doorward.door.components import external_name, is_external
from doorward.door.wanted import WantedDoor
from doorward.hosts.granting import Denied, Shared
from doorward.hosts.losses import claims_of
from doorward.hosts.ownership import Ownership
from doorward.model.action import Action
from doorward.model.door import Door, Warning
from doorward.model.reference import SERVICE, Ref
from doorward.model.refusal import Refusal
from doorward.plan.external_name import ExternalNames
from doorward.plan.finalizer import keep_finalizers, kinds_held, left_alone, spare_kinds
from doorward.plan.plan import Plan, Situation
from doorward.plan.write import Write
from doorward.render.rendering import Rendered
from doorward.report.condition import yielded_warnings
from doorward.report.event_recorder import events, is_from_journal
from doorward.report.foreseen import Foreseen
from doorward.report.status import Report, write_status, written_hosts
from doorward.settings.tracked import TrackedSettings
from doorward.state import last_applied, written
from doorward.state.facts import Fact, Facts, created_at
from doorward.state.in_flight import InFlight
from doorward.state.inference_service import InferenceService
from doorward.state.kinds import Kinds
from doorward.state.memory import Memory
from doorward.state.reading import Reader
from doorward.state.reservations import How, Reservations
from doorward.state.services import Services

Result = Literal["written", "unchanged", "waiting", "error"]


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
    backend: str = ""
    """That of the door, as far as it came; empty where none was chosen."""
    foreseen: Foreseen | None = None
    """What is to be reported once the writes have come back as they went out."""
    asked: WantedDoor | None = None
    """The door that it asks for, as far as that can be told."""
    door: Door | None = None
    """The door that it gets; None while nothing opens, and where it is held."""
    rendered: Rendered | None = None
    """The objects of that door, once what drains is gone."""
    denied: list[Denied] = []
    """What it asks for and doesn't get."""
    shared: list[Shared] = []
    """What it gets, and somebody else's object serves as well."""
    refusal: Refusal | None = None
    """Why it can't have the door that it asks for."""
    warnings: list[Warning] = []
    """What its users should know."""

    @property
    def result(self) -> Result:
        """What came of it, in a word."""
        if self.error:
            return "error"
        if self.waiting_for:
            return "waiting"
        return "written" if self.writes else "unchanged"


class Tables(Protocol):
    """What a decision reads."""

    facts: Facts
    reservations: Reservations
    kinds: Kinds
    backends: Backends
    services: Services
    in_flight: InFlight


class Case:
    """The work on one service; lives for one decision."""

    def __init__(
        self,
        tables: Tables,
        fact: Fact,
        tracked: TrackedSettings | None,
        memory: Memory,
        now: float,
        reader: Reader,
        decision: Decision,
        *,
        first: bool,
    ) -> None:
        self.reservations, self.kinds, self.backends = tables.reservations, tables.kinds, tables.backends
        self.in_flight = tables.in_flight
        self._facts = tables.facts
        self.fact = fact
        source = tables.backends.sources[fact.ref.kind]
        self.source = source.served_as(tables.kinds.version(fact.ref.kind))
        self.tracked = tracked
        self.settings = tracked.as_settings() if tracked else None
        self.now = now
        self.reader = reader
        self.decision = decision
        self.first = first
        self.ours = tuple(f for f in tables.facts.owned_by(fact.uid, fact.ref.namespace) if f.is_of(fact.uid))
        self.memory = memory
        self.ownership = Ownership(tables.reservations, tables.services.age, fact.ref, fact.uid)
        self.warnings: list[Warning] = []

    def recover(self, *, born: bool, now_listed: Collection[str]) -> None:
        """Remember what the journal may have lost, and what stood before we came, or before we could see it."""
        if self.first:
            self.memory = last_applied.recovered(self.memory, self.ours)
        if not born and (self.first or now_listed):
            met = [fact for fact in self.ours if self.first or fact.ref.kind in now_listed]
            served = {f.ref: [c.key for c in claims_of(self.backends, f.ref.kind, f.object())] for f in met}
            self.memory = written.met(self.memory, met, served)

    def name_is_taken(self) -> Refusal | None:
        """Why there is no door where a service of another kind has the same name: their objects would have one name.

        The one whose door stands keeps it, else the earlier has it.
        """
        mine = self.fact.ref
        for kind in self.backends.sources:
            if kind == mine.kind or (other := self.reader.get(Ref(kind, mine.namespace, mine.name))) is None:
                continue
            theirs = any(fact.is_of(other.uid) for fact in self._facts.owned_by(other.uid, mine.namespace))
            if bool(self.ours) != theirs:
                loses = theirs
            elif refuse_part(other.ref, self.backends.sources, self.reader):
                loses = False
            else:
                loses = (created_at(other), kind) < (created_at(self.fact), mine.kind)
            if loses:
                message = f"{other.ref} ({kind}) has the door of this name, and the objects of {mine} ({mine.kind})"
                return Refusal("NameTaken", f"{message} would have the same names; rename one of the two")
        return None

    @cached_property
    def external(self) -> ExternalNames:
        """Which objects lead through a Service that is a name of something else."""
        return ExternalNames(self.fact.ref.namespace, self.fact.uid, self.reader, self.memory, self.settings)

    def require_claiming_kinds(self) -> None:
        """Hosts are settled when every kind that serves hosts is known."""
        if not self.kinds.all_known:
            for kind in self.backends.claiming:
                self.kinds.require(kind)

    def leads_out(self, name: str, part: str) -> Refusal:
        """Why nothing leads through a Service that is a name of something else."""
        namespace = self.fact.ref.namespace
        return is_external(namespace, name, part, external_name(self.reader.get(Ref(SERVICE, namespace, name))))

    def under_way(self) -> Iterator[Action]:
        """The writes that may have landed, or may still."""
        yield from self.memory.unknown.values()
        yield from self.in_flight.of(self.fact.uid)

    def situation(self, service: InferenceService) -> Situation:
        return Situation(
            service=service,
            fact=self.fact,
            now=self.now,
            ours=self.ours,
            reader=self.reader,
            in_flight=self.in_flight,
            watches=self.backends.watches,
            sources=self.backends.sources,
            memory=self.memory,
        )

    def want(self, claims: Mapping[str, How]) -> None:
        self.decision.affected |= self.reservations.want(self.fact.ref, self.ownership.age, claims)

    def keep_finalizers(self, s: Situation, plan: Plan, wanted: Collection[Ref] | None) -> None:
        """Write outside of the API server under finalizers only; ``wanted``: None where that isn't known."""
        external = self.backends.external
        if external:
            spare = () if wanted is None else spare_kinds(s, external, self.kinds, wanted, self.under_way())
            keep_finalizers(s, plan, external, spare)
        if lost := [kind for kind in kinds_held(s.service) if kind not in external]:
            self.warnings.append(Warning("FinalizerLeft", left_alone(self.fact.ref, lost)))

    def finish(self, s: Situation, plan: Plan, report: Report | None) -> None:
        """Turn a plan and a report into writes, with the warnings that weren't told yet."""
        self.warnings += yielded_warnings(s.service, plan.memory)
        if report is not None and self.settings is not None:
            hosts = written_hosts(self.ours, plan.memory, self.reservations)
            write_status(s, plan, report, hosts, s.service.source.condition_type(self.settings.condition_type))
        writes = sorted(plan.writes, key=lambda write: write.order)
        silent = self.first and not writes and not is_from_journal(plan.memory)
        memory, told = events(s.service, [*self.warnings, *plan.warnings], plan.memory, self.now, silent=silent)
        self.decision.wake = plan.wake
        self.decision.warnings = [*self.warnings, *plan.warnings]
        self.decision.report = report
        self.decision.writes = [*writes, *told]
        self.decision.memory = memory
