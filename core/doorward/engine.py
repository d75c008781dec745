"""The engine: events in, actions out.

The theory of operation.  The engine's state is a fold of events, and everything that it decides follows from that
state.  It never awaits, never reads a clock, never touches the network or a disk; two engines that are fed the same
events give the same actions.

    engine.receive(event)   folds the event, reconciles the services that it concerns, returns what is worth keeping
    engine.actions()        hands out what was decided, each action once; it is in flight until its outcome is received
    engine.wait()           how long, in seconds, until time itself is an event (:class:`Elapsed`)

What each event does to the state, and which services it concerns, is the table of :mod:`doorward.state.folds`; what
follows for one service is the pipeline of :mod:`doorward.reconcile`.

    event --fold--> state --work queue--> reconcile --write queue--> action --outcome--> event

What is handed out is looked at once more: not a second write to one object, and of a service that is about to be
reconciled only what closes.  A door whose writes came back as foreseen isn't reconciled again, only reported.

Every record knows its cause: an action that of the observation which led to it, an outcome that of its action.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import copy

import msgspec

from doorward.backends import Backends
from doorward.door.exposure import exposure_of
from doorward.door.guarding import guard_of
from doorward.door.wanted import wanted
from doorward.hosts.undecided import Undecided
from doorward.model.action import CLOSE, LAST_STEP, REPORT, Action
from doorward.model.door import Claim, Door, Guard, Target, Warning
from doorward.model.event import (
    AnyEvent,
    Configured,
    Deleted,
    Failed,
    Issued,
    Leading,
    Observed,
    Record,
    Remembered,
    Started,
    Synced,
)
from doorward.model.hosts import service_of
from doorward.model.reference import CONFIG_MAP, EVENT, SERVICE, JsonObject, Ref
from doorward.model.refusal import Refusal
from doorward.model.settings import Settings
from doorward.plan.write import Write
from doorward.plan.write_queue import WriteQueue
from doorward.reconcile import Decision, Reconciler
from doorward.report import event_recorder
from doorward.report.foreseen import Foreseen
from doorward.state import folds
from doorward.state import memory as memories
from doorward.state.effective_settings import effective_settings
from doorward.state.facts import Fact
from doorward.state.inference_service import InferenceService, legible
from doorward.state.inference_service import parse as parse_service
from doorward.state.kinds import NotListed
from doorward.state.memory import FORGOTTEN
from doorward.state.packing import unpack
from doorward.state.reading import Reader
from doorward.state.seen import seen
from doorward.state.snapshot import Snapshot
from doorward.state.state import State
from doorward.state.work_queue import Due

__all__ = ["Engine"]

SETTINGS_NAME = "inferenceservice-config"
NO_SETTINGS = Configured(at=0.0, good=None)

DecisionObserver = Callable[[], Callable[[str, str], None]]
"""Called before a decision; what it returns is called afterwards, with the backend and what came of it."""


class Engine:
    """Decides for all doors of a cluster, or of some namespaces of it.

    ``settings_namespace`` is where the ConfigMap is; ``namespaces`` limits what is watched (empty: everything);
    ``use_defaults`` takes the default settings where there is no ConfigMap even though doors stand; ``budget`` is how
    many doors one call to :meth:`receive` decides at most, the others wait for the next (``wait()`` is 0 then).  Of a
    backlog of which nothing stands no more is decided while ``ahead`` writes wait to be handed out.  With
    ``stands_by`` it takes in what happens, and decides nothing before it is told that it leads (:class:`Leading`).
    """

    def __init__(
        self,
        backends: Backends | None = None,
        *,
        settings_namespace: str = "ome",
        namespaces: Iterable[str] = (),
        use_defaults: bool = False,
        budget: int = 1 << 30,
        ahead: int = 1 << 30,
        stands_by: bool = False,
    ) -> None:
        self.backends = backends or Backends()
        self.decided = 0
        """How many times a door was decided, for metrics and tests."""
        self._settings_ref = Ref(CONFIG_MAP, settings_namespace, SETTINGS_NAME)
        self._use_defaults = use_defaults
        self._budget = budget
        self._ahead = ahead
        self.stands_by = stands_by
        """Whether it is to wait until it leads."""
        self.scopes = self._scopes(tuple(namespaces))
        self._begin()

    def _begin(self) -> None:
        """Know nothing, and decide from there."""
        self._state = state = State(self.backends, self.scopes)
        self._reconciler = Reconciler(
            state.facts, state.reservations, state.kinds, self.backends, state.services, state.in_flight
        )
        self._undecided = Undecided(state.facts, self.backends.sources)
        self._writes = WriteQueue()
        self._settings_events: list[tuple[int, Write]] = []
        self._observer: DecisionObserver | None = None
        self._foreseen: dict[Ref, Foreseen] = {}
        """Doors whose writes are under way; nothing is lost with them but that they are reconciled once more."""
        self._lacking: dict[Ref, tuple[Target, ...]] = {}
        """Doors that lead to components which have no Service: told, and decided by nowhere."""

    # -- the interface of the shell ------------------------------------------------------------------------------

    def receive(self, event: AnyEvent, *, more: bool = False) -> list[Record]:
        """Take in an event.  Returns the records to append to the journal: none for an event that changed nothing.

        ``more`` says that further events wait: doors to which something happened are decided, and a backlog isn't.
        """
        self._state.advance(event.at)
        records = folds.fold(self._state, event)
        if isinstance(event, Observed | Deleted | Synced):
            records += self._configure(event)
        elif isinstance(event, Leading):
            self.stands_by = False
            if fact := self._state.facts.get(self._settings_ref):
                self._tell_of_settings(self._state.configured, NO_SETTINGS, fact.number)
        return records + self._reconcile(more=more) if self._state.queue and not self.stands_by else records

    def actions(self, limit: int | None = None) -> list[Action]:
        """What is to be done now; each action is given out once and is in flight until its outcome is received.

        At most ``limit`` of them, the most urgent first, but what closes a door whatever the limit; what is left is
        handed out by a later call, unless by then something else is to be done.
        """
        taken: list[tuple[Ref | None, int, Write, int]] = list(self._writes.take(limit))
        taken += [(None, cause, write, LAST_STEP) for cause, write in self._settings_events]
        self._settings_events = []
        return [self._issue(*entry) for entry in taken if self._may_issue(*entry)]

    def wait(self) -> float | None:
        """Seconds until an :class:`Elapsed` is due; 0: at once, there is more to decide; None: nothing is timed."""
        if self._has_next(more=False) and self._listed and not self.stands_by:
            return 0.0
        next_ = self._state.queue.timers.next()
        return None if next_ is None else max(0.0, next_ - self._state.now)

    def restore(self, records: Iterable[Record]) -> None:
        """Fold records of a journal, decide nothing.  To be followed by :class:`Started`."""
        state = self._state
        state.restoring = True
        try:
            for record in records:
                state.number = record.number - 1
                state.now = max(state.now, record.event.at)
                state.clock = state.now
                folds.fold(state, record.event)
                state.number = max(state.number, record.number)
        finally:
            state.restoring = False
        state.queue.clear()

    def take_over(self, records: Iterable[Record], number: int, at: float) -> list[Record]:
        """Go on from a journal that others have written, with what this engine has seen: the records to append to it.

        ``records`` are what the journal restores, and ``number`` is that of its newest.  Nothing may be in flight.  An
        engine that stands by goes on to do so until it is told that it leads.  One that has decided already, since the
        journal couldn't be had, goes by what it remembers itself.  Where it raises, all is as it was.
        """
        return self.taking_over(records, number, at)()

    def taking_over(self, records: Iterable[Record], number: int, at: float) -> Callable[[], list[Record]]:
        """The same, worked out, in another thread if need be, while nothing is received: what is returned does it."""
        heir = copy(self)
        heir._begin()
        heir.stands_by = True
        heir.restore(records)
        heir.number = max(heir.number, number)
        told = [record for event in (Started(at=at), *seen(self._state, at)) for record in heir.receive(event)]
        heir.stands_by = self.stands_by
        if not heir.stands_by:
            told += heir._insist(self._state)

        def take_over() -> list[Record]:
            vars(self).update(vars(heir))
            return told

        return take_over

    def _insist(self, mine: State) -> list[Record]:
        """What was decided meanwhile holds, and not what the journal remembers."""
        state = self._state
        records: list[Record] = []
        if mine.led[0]:
            records += folds.fold(state, Leading(at=state.now, term=mine.led[1]))
        if mine.configured.good != state.configured.good:
            records += folds.fold(state, mine.configured)
        for uid in dict.fromkeys(uid for each in (state, mine) for uid, _ in each.services.memories()):
            memory = mine.services.memory(uid)
            if memory != state.services.memory(uid):
                remembered = Remembered(at=state.now, uid=uid, memory=memories.to_json(memory))
                records += folds.fold(state, remembered)
        folds.reserve_all(state, state.number)
        return records

    def snapshot(self) -> list[Record]:
        """The state as records: restoring these is as good as restoring all that led to them."""
        return self.capture()()

    def capture(self) -> Callable[[], list[Record]]:
        """The snapshot of this moment, to be written out later, in another thread if need be: that takes a while."""
        state = self._state
        return Snapshot(
            at=state.now,
            number=state.number,
            led=state.led,
            configured=state.configured,
            facts=list(state.facts.told()),
            tombstones=list(state.facts.tombstones()),
            remembered=state.services.memories(),
            in_flight=state.in_flight.all(),
        ).records

    def observe_decisions(self, observer: DecisionObserver | None) -> None:
        """Have every decision observed, as the shell does to measure them: the engine has no clock of its own.

        The observer is called before each, and what it returns after it, with the name of the door's backend (empty
        where none was chosen) and what came of it: ``written``, ``unchanged``, ``waiting`` for a kind to be listed, or
        ``error`` of a plugin.
        """
        self._observer = observer

    @property
    def undecided(self) -> int:
        """Doors that are to be decided."""
        return len(self._state.queue)

    @property
    def is_ahead(self) -> bool:
        """Whether a backlog that can only open waits, since there is enough to write.

        What is decided and can't be written yet takes memory, and the processors from what writes.
        """
        return len(self._writes) >= self._ahead and self._state.queue.may_wait

    @property
    def unissued(self) -> int:
        """Writes that are decided and not handed out yet."""
        return len(self._writes)

    def relied_on(self, kind: str) -> list[JsonObject]:
        """The objects of a kind that some door depends on, trimmed."""
        facts, readers = self._state.facts, self._state.dependents
        return [fact.object() for fact in facts.of_kind(kind) if readers.of(fact.ref)]

    def fingerprint(self) -> dict[str, object]:
        """What two engines with the same state agree on; resourceVersions of unchanged objects left out."""
        state = self._state
        return {
            "facts": {str(f.ref) + f.ref.kind: unpack(f.body) for f in state.facts.all()},
            "memories": {uid: memories.to_json(m) for uid, m in state.services.memories() if m != FORGOTTEN},
            "in flight": {action.id: msgspec.to_builtins(action) for action in state.in_flight.all()},
            "configured": (state.configured.good, state.configured.problems),
        }

    # -- what people and embedders ask ---------------------------------------------------------------------------

    @property
    def number(self) -> int:
        """The number of the newest record; a shell that loses records sets it back, since a journal has no gaps."""
        return self._state.number

    @number.setter
    def number(self, number: int) -> None:
        self._state.number = number

    @property
    def settings(self) -> Settings | None:
        """The effective settings; None where there are none yet."""
        return self._state.settings

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with the newest ConfigMap."""
        return self._state.configured.problems

    @property
    def unsynced(self) -> tuple[str, ...]:
        """The kinds that were not listed yet."""
        return tuple(kind for kind in self.scopes if not self._state.kinds.known(kind))

    @property
    def missing(self) -> dict[str, str]:
        """The kinds that can't be seen: ``absent`` or ``forbidden``."""
        states = {kind: self._state.kinds.state(kind) for kind in self.scopes}
        return {kind: state for kind, state in states.items() if state in ("absent", "forbidden")}

    def why_missing(self, kind: str) -> str:
        """What the server said of a kind that may not be listed; empty where there is nothing to say."""
        return self._state.kinds.message(kind)

    @property
    def ready(self) -> bool:
        """Whether every kind is known and there are effective settings."""
        return not self.unsynced and self.settings is not None

    @property
    def idle(self) -> bool:
        """Whether nothing is in flight, due or undecided."""
        return not (self._state.queue or self._writes or self._state.in_flight or self._settings_events)

    def services(self, kind: str = "") -> list[JsonObject]:
        """Every service that is known, of one kind or of all, trimmed to what matters."""
        kinds = [kind] if kind else list(self.backends.sources)
        found = (fact.object() for each in kinds for fact in self._state.facts.of_kind(each))
        return [each for each in found if "left" not in each["spec"]]

    @property
    def service_count(self) -> int:
        """How many services are known."""
        return sum(
            len(self.services(kind)) if source.selected else self._state.facts.count(kind)
            for kind, source in self.backends.sources.items()
        )

    def service(self, uid: str) -> JsonObject | None:
        """The InferenceService with this UID as it was last seen, trimmed."""
        fact = self._state.service(uid)
        return fact.object() if fact else None

    def named(self, uid: str) -> str:
        """NAMESPACE/NAME of the InferenceService with this UID; empty where there is none."""
        ref = self._state.services.ref(uid)
        return f"{ref.namespace}/{ref.name}" if ref else ""

    def seen(self, uid: str) -> str:
        """The resourceVersion at which the InferenceService with this UID was last seen; empty where it wasn't."""
        fact = self._state.service(uid)
        return str(fact.version) if fact else ""

    def guard(self, ref: Ref) -> Guard | None:
        """The guard that an InferenceService asks for; None for a door that is open to everybody.

        Raises LookupError where there is no such service, or no settings; Refusal where it asks for none that there is.
        """
        fact, settings = self._state.facts.get(ref), self._state.settings
        if fact is None or settings is None:
            raise LookupError(str(ref))
        return guard_of(legible(fact.object(), self.backends.sources[ref.kind]), settings)

    def door(self, ref: Ref) -> Door:
        """The door that an InferenceService asks for, whoever has its hosts, and whether or not it stands already.

        Raises LookupError where there is no such service, or no settings; Refusal where it can have none.
        """
        state = self._state
        fact, settings = state.facts.get(ref), state.settings
        if fact is None or settings is None:
            raise LookupError(str(ref))
        service = parse_service(fact, self.backends.sources[ref.kind])
        exposure = exposure_of(service, settings, self.backends.hostless)
        ours = state.facts.owned_by(fact.uid, ref.namespace)
        try:
            return wanted(service, settings, exposure, Reader(state.facts), state.kinds, ours, self.backends).door
        except NotListed as missing:
            raise LookupError(f"{missing.kind} isn't listed yet") from None

    def called(self, namespace: str, name: str) -> Ref | None:
        """The service of this name, of whatever kind; of several the one that has a door."""
        refs = [Ref(kind, namespace, name) for kind in self.backends.sources]
        facts = [fact for ref in refs if (fact := self._state.facts.get(ref))]
        opened = [fact for fact in facts if len(facts) == 1 or self._state.facts.owned_by(fact.uid, namespace)]
        return opened[0].ref if opened else None

    @property
    def lacking(self) -> Mapping[Ref, tuple[Target, ...]]:
        """The services whose doors lead to components that have no Service, with these.

        Nothing where Services may not be listed: nobody can say then that one isn't there."""
        return self._lacking if self._state.kinds.state(SERVICE) == "listed" else {}

    def holders(self, host: str, path: str) -> tuple[str, tuple[Ref, ...]]:
        """The nearest prefix at or above a path that services hold on a host, and these; none where nobody does."""
        prefix, owners = self._state.reservations.holders(Claim(host, path))
        return prefix, tuple(ref for uid in owners if (ref := self._state.services.ref(uid)))

    def inside(self, host: str) -> tuple[Ref, ...]:
        """The services that a name inside the cluster leads to: it is that of their own door, or of a component's."""
        settings = self._state.settings
        named = service_of(host, settings.cluster_domain) if settings else None
        return tuple(self._state.dependents.of(Ref(SERVICE, *named))) if named else ()

    def is_shared(self, host: str) -> bool:
        """Whether doors share a host by path."""
        return self._state.reservations.is_shared(host)

    @property
    def secrets(self) -> frozenset[Ref]:
        """The Secrets that guards go by: to be looked at by name; another set only where it has changed."""
        return self._state.dependents.secrets

    @property
    def configured(self) -> Configured:
        """Where the effective settings come from, and what is wrong, or odd, in the newest ConfigMap."""
        return self._state.configured

    def known_of(self, ref: Ref) -> dict[Ref, tuple[JsonObject, int]]:
        """All that is known of a service's door: the service, what its door was decided by, and its objects, trimmed;
        each with the number of the record that brought it.  Nothing where there is no such service.

        Of Secrets it tells what the engine knows: whether somebody could come in by them.
        """
        facts = self._state.facts
        service = facts.get(ref)
        if service is None:
            return {}
        known = [service]
        for key in self._state.dependents.keys(ref):
            known += [fact] if (fact := facts.get(key)) else facts.found(key)
        known += facts.owned_by(service.uid, ref.namespace)
        return {fact.ref: (fact.object(), fact.number) for fact in known}

    def objects(self, uid: str) -> list[tuple[Ref, JsonObject]]:
        """What stands for a service: its objects, trimmed."""
        service = self._state.services.ref(uid)
        owned = self._state.facts.owned_by(uid, service.namespace) if service else ()
        return [(fact.ref, fact.object()) for fact in owned]

    # -- settings ------------------------------------------------------------------------------------------------

    def _configure(self, event: Observed | Deleted | Synced) -> list[Record]:
        """What the ConfigMap, or its absence, makes of the settings."""
        state = self._state
        about = event.kind if isinstance(event, Observed | Synced) else event.ref.kind
        if about != CONFIG_MAP and not (state.settings is None and isinstance(event, Synced | Deleted)):
            return []
        fact, before = state.facts.get(self._settings_ref), state.configured
        defaults = True if self._use_defaults else None if self.unsynced else not self._anything_of_ours()
        now = effective_settings(before, self._settings_ref, fact, state.kinds, defaults=defaults, at=event.at)
        if now is None:
            return []
        cause = state.number if isinstance(event, Deleted) else fact.number if fact else 0
        records = folds.configured(state, now, cause)
        if fact is not None or now.good is not None:
            self._tell_of_settings(now, before, records[-1].number)
        return records  # else nothing that an Event could be about: the daemon's readiness and metrics tell

    def _tell_of_settings(self, now: Configured, before: Configured, cause: int) -> None:
        """Events about what is new of settings; who stands by leaves them to the leader."""
        if self.stands_by:
            return
        for reason, new, old in (
            ("InvalidSettings", now.problems, before.problems),
            ("SettingsWarning", now.warnings, before.warnings),
        ):
            for message in new:
                if message not in old:
                    self._tell_about_settings(Warning(reason, message), cause)

    def _anything_of_ours(self) -> bool:
        """Whether a door of ours stands, or may stand where we can't look."""
        state = self._state
        written = (kind for kind, watch in self.backends.watches.items() if watch.owned != "nothing")
        if any(state.kinds.state(kind) == "forbidden" for kind in written):
            return True
        return any(fact.owner and state.owns(fact.owner, fact.ref) for fact in state.facts.all())

    def _tell_about_settings(self, warning: Warning, cause: int) -> None:
        fact = self._state.facts.get(self._settings_ref)
        uid = fact.uid if fact else ""
        ref, body = event_recorder.about_settings(self._settings_ref, uid, warning, self._state.now)
        write = Write(verb="event", ref=ref, order=REPORT, reason=warning.reason, body=body)
        self._settings_events.append((cause, write))

    # -- reconciling ---------------------------------------------------------------------------------------------

    def _reconcile(self, *, more: bool) -> list[Record]:
        """Work the queue off, as far as the budget goes; ``more``: a backlog can wait."""
        records: list[Record] = []
        if not self._listed:
            return records
        state = self._state
        everything_known = state.kinds.all_known
        left = self._budget
        while left > 0 and self._has_next(more=more):
            due = state.queue.take()
            if not everything_known and self._may_wait(due.ref):
                state.queue.defer(due.ref, due.cause)
                self._writes.drop(due.ref)  # what was to close it before it was asked for again
                continue
            if due.landed and self._conclude(due.ref, due.cause):
                continue
            left -= 1
            records += self._reconcile_one(due)
        for ref in self._writes.closing:
            if ref in state.queue.backlog:  # what closes goes out at once, so it is asked at once whether it still may
                state.queue.hasten(ref)
                records += self._reconcile_one(state.queue.take())
        if not state.queue.backlog:
            self._undecided.forget()
        return records

    def _has_next(self, *, more: bool) -> bool:
        """Whether a door is to be decided now."""
        queue = self._state.queue
        return queue.is_due if more or self.is_ahead else bool(queue)

    @property
    def _listed(self) -> bool:
        """Whether enough is listed to decide anything at all."""
        kinds = self._state.kinds
        return kinds.all_known or all(kinds.known(kind) for kind in self.backends.base_kinds)

    def _may_wait(self, ref: Ref) -> bool:
        """Whether a service can wait until every kind is known; one whose door is to be closed can't."""
        service, settings = self._parsed(ref), self._state.settings
        if service is not None and service.spec.left:
            return False
        if settings is None:
            return True
        if service is None or settings.namespace_domains:
            return False
        return exposure_of(service, settings, self.backends.hostless) == "outside"

    def _parsed(self, ref: Ref) -> InferenceService | None:
        fact = self._state.facts.get(ref)
        try:
            return parse_service(fact, self.backends.sources[ref.kind]) if fact else None
        except Refusal:
            return None

    def _conclude(self, ref: Ref, cause: int) -> bool:
        """Report what was foreseen of a door whose writes have come back; False where it has to be reconciled."""
        state, foreseen = self._state, self._foreseen.pop(ref, None)
        fact = state.facts.get(ref)
        if foreseen is None or fact is None or fact.deleting or ref in self._writes:
            return False
        memory = state.services.memory(fact.uid)
        writes = self._reconciler.conclude(fact, memory, state.now, foreseen)
        if writes is None:
            return False
        state.reads.note(ref, foreseen.tracked.read)
        state.owed.discard(ref)
        self._writes.put(ref, cause, writes, next=True)
        return True

    def _reconcile_one(self, due: Due) -> list[Record]:
        state, ref, cause = self._state, due.ref, due.cause
        state.owed.discard(ref)
        self._writes.drop(ref)
        self._foreseen.pop(ref, None)
        fact = state.facts.get(ref)
        if fact is None:
            self._forget(ref, cause)
            return []
        self.decided += 1
        memory, first = state.services.memory(fact.uid), ref not in state.reads
        if state.in_flight.any_for(fact.uid):
            state.changed_in_flight.add(ref)  # what is put off, because its object is busy, is due when that lands
        else:
            state.changed_in_flight.discard(ref)
        born, unlisted = fact.uid in state.born, state.unlisted.get(ref)
        now_listed = unlisted - self._unlisted() if unlisted else frozenset()
        decided = self._observer() if self._observer else None
        decision = self._reconciler.reconcile(
            fact, state.settings, memory, state.now, first=first, born=born, now_listed=now_listed
        )
        if decided:
            decided(decision.backend, decision.result)
        if due.ahead and self._put_back(fact, decision, cause):
            for other in sorted(decision.affected):
                state.queue.add_to_backlog(other, cause)
            return []
        return self._take_up(fact, decision, due, first=first)

    def _put_back(self, fact: Fact, decision: Decision, cause: int) -> bool:
        """Whether a door that passes a backlog can't be taken up yet; it is decided again then.

        It may be about to take a host for which an earlier service that isn't decided yet asks as well.  What closes
        waits for nobody.
        """
        state, ref = self._state, fact.ref
        taken = state.reservations.taken(ref, fact.uid)
        if not taken or state.settings is None or any(write.order == CLOSE for write in decision.writes):
            return False
        if not self._undecided.look_at(state.queue.undecided(), state.settings):
            state.queue.add(ref, cause)
            return True
        age = state.age(ref)
        earlier = {other for other in self._undecided.asking(taken) if other in state.queue and state.age(other) < age}
        if not earlier.isdisjoint(state.queue.backlog):
            state.queue.put_off(ref, cause)
        elif earlier:
            state.queue.add(ref, cause)
        return bool(earlier)

    def _depend(self, ref: Ref, decision: Decision, cause: int) -> None:
        """Note what a decision depends on, and tell whom it concerns."""
        state = self._state
        state.dependents.record(ref, decision.keys)
        if decision.waiting_for:
            state.queue.wait_for(decision.waiting_for, ref)
        else:
            state.reads.note(ref, decision.read)
            self._note_unlisted(ref)
        state.queue.timers.set(ref, decision.wake)
        for other in sorted(decision.affected):
            if other != ref:
                state.queue.add_to_backlog(other, cause)

    def _take_up(self, fact: Fact, decision: Decision, due: Due, *, first: bool) -> list[Record]:
        """Note what a decision depends on and remembers, tell whom it concerns, and queue its writes."""
        state, ref, cause = self._state, fact.ref, due.cause
        before, now = state.services.memory(fact.uid), decision.memory
        self._depend(ref, decision, cause)
        self._lack(ref, decision.asked.missing if decision.asked else ())
        records = []
        if error := decision.error:
            failed = Failed(at=state.now, uid=fact.uid, plugin=error.plugin, hook=error.hook, traceback=error.traceback)
            records.append(state.record(failed, cause))
        if now != before:
            state.services.remember(fact.uid, now)
            remembered = Remembered(at=state.now, uid=fact.uid, memory=memories.to_json(now))
            records.append(state.record(remembered, cause))
        if first or (now.written, now.stood) != (before.written, before.stood):
            for owned in state.facts.owned_by(fact.uid, ref.namespace):
                state.reserve(owned.ref, cause, decided=True)
        if decision.writes:
            self._writes.put(ref, cause, decision.writes, next=due.next)
        if decision.foreseen and not state.in_flight.any_for(fact.uid):
            self._foreseen[ref] = decision.foreseen
        return records

    def _lack(self, ref: Ref, missing: tuple[Target, ...]) -> None:
        if missing:
            self._lacking[ref] = missing
        else:
            self._lacking.pop(ref, None)

    def _unlisted(self) -> frozenset[str]:
        """The kinds that serve hosts and aren't listed."""
        return frozenset(kind for kind in self.backends.claiming if self._state.kinds.state(kind) != "listed")

    def _note_unlisted(self, ref: Ref) -> None:
        if unlisted := self._unlisted():
            self._state.unlisted[ref] = unlisted
        else:
            self._state.unlisted.pop(ref, None)

    def _forget(self, ref: Ref, cause: int) -> None:
        """A service is gone: nobody waits for it, and its hosts are free."""
        state = self._state
        state.queue.timers.set(ref, None)
        state.dependents.record(ref, {})
        state.reads.forget(ref)
        state.unlisted.pop(ref, None)
        state.changed_in_flight.discard(ref)
        self._lack(ref, ())
        for other in sorted(state.reservations.drop(ref)):
            state.queue.add_to_backlog(other, cause)

    # -- handing out ---------------------------------------------------------------------------------------------

    def _may_issue(self, service: Ref | None, _: int, write: Write, __: int) -> bool:
        """Not a second write to an object; and for a service that is about to be reconciled, only what closes.

        What was decided for it opens a host, or ends an overlap, that it may not ask for any more.
        """
        return write.ref not in self._state.in_flight and (write.order == CLOSE or service not in self._state.queue)

    def _issue(self, service: Ref | None, cause: int, write: Write, urgency: int) -> Action:
        state = self._state
        fact = state.facts.get(service) if service else None
        action = Action(
            id=state.number + 1,
            verb=write.verb,
            ref=write.ref,
            service=fact.uid if fact else "",
            uid=write.uid,
            resource_version=write.resource_version,
            version=state.kinds.version(write.ref.kind),
            body=write.body,
            reason=write.reason,
            fields=write.fields,
            cause=cause,
            at=state.now,
            digest=write.digest,
            repair=write.repair,
            urgency=urgency,
        )
        folds.issued(state, Issued(at=state.now, action=action))
        return action

    # -- what is watched -----------------------------------------------------------------------------------------

    def _scopes(self, namespaces: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        scopes = {}
        for kind, resource in self.backends.resources.items():
            if kind == EVENT or self.backends.watched_as(kind) != kind:
                continue
            everywhere = not resource.namespaced or kind in self.backends.external
            scopes[kind] = ("",) if everywhere else (namespaces or ("",))
        scopes[CONFIG_MAP] = (self._settings_ref.namespace,)
        first = self.backends.base_kinds
        return {kind: scopes[kind] for kind in (*first, *(k for k in scopes if k not in first))}
