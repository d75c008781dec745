"""The engine: events in, actions out.

The theory of operation.  The engine's state is a fold of events, and everything that it decides follows from that
state.  It never awaits, never reads a clock, never touches the network or a disk; two engines that are fed the same
events give the same actions.

    engine.receive(event)   folds the event, decides for the doors that it concerns, and returns what is worth keeping
    engine.actions()        hands out what was decided, each action once; it is in flight until its outcome is received
    engine.wait()           how long, in seconds, until time itself is an event (:class:`Elapsed`)

What each event does:

    event        fold                                              and then
    -----------  ------------------------------------------------  ------------------------------------------------
    Started      in flight becomes doubtful, lists become unknown  nothing, until the kinds are synced again
    Observed     the fact, its marks, claims and flips             its readers, its owner and its rivals are decided
    Deleted      the same, with a tombstone                        the same
    Synced       what the list lacks is gone                       whoever waited for the kind is decided
    Issued       the action is in flight, its claims are held      -
    Applied      the object returned is observed and marked        the service is decided
    Refused      a retry is due, or a look                         the service is decided, when it is due
    Unknown      a look is due                                     the service is decided
    Elapsed      -                                                 services whose time has come are decided
    Remembered   what was decided about one service                -
    Configured   what the settings became                          the doors that read a changed field are decided
    Failed       -                                                 -

Every record knows its cause: an action that of the observation which led to it, an outcome that of its action.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable

import msgspec

from doorward.backends import Backends
from doorward.graph import memory as memories
from doorward.graph.claims import NOBODY, Claims
from doorward.graph.configuration import parse as parse_settings
from doorward.graph.facts import Change, Fact, Facts, version_of
from doorward.graph.in_flight import InFlight
from doorward.graph.in_force import in_force
from doorward.graph.inference_service import InferenceService, legible
from doorward.graph.inference_service import parse as parse_service
from doorward.graph.kinds import Kinds
from doorward.graph.memory import FORGOTTEN, Pace
from doorward.graph.reading import Dependents
from doorward.graph.refusal import Refusal
from doorward.graph.services import Services
from doorward.graph.shape import exposure_of
from doorward.graph.snapshot import Snapshot
from doorward.graph.timers import Timers
from doorward.graph.tracked_settings import changed as changed_settings
from doorward.graph.trim import HOSTS, canonical, mended, trim
from doorward.model.action import REPORT, Action
from doorward.model.door import Warning
from doorward.model.event import (
    AnyEvent,
    Applied,
    Configured,
    Deleted,
    Elapsed,
    Failed,
    Issued,
    Observed,
    Record,
    Refused,
    Remembered,
    Started,
    Synced,
    Unknown,
)
from doorward.model.reference import CONFIG_MAP, EVENT, INFERENCE_SERVICE, JsonObject, Ref
from doorward.model.settings import Settings
from doorward.plan import insistence, marking, notice, outcome, written
from doorward.plan.agenda import Agenda
from doorward.plan.decision import BASE_KINDS, Decider
from doorward.plan.holding import Claimant, held
from doorward.plan.pace import after_repair
from doorward.plan.patch import merge
from doorward.plan.plan import Draft, key_of

__all__ = ["Engine"]

SETTINGS_NAME = "inferenceservice-config"


class Engine:
    """Decides for all doors of a cluster, or of some namespaces of it.

    ``settings_namespace`` is where the ConfigMap is; ``namespaces`` limits what is watched (empty: everything);
    ``use_defaults`` takes the default settings where there is no ConfigMap even though doors stand; ``budget`` is how
    many doors one call to :meth:`receive` decides at most, the others wait for the next (``wait()`` is 0 then).
    """

    def __init__(
        self,
        backends: Backends | None = None,
        *,
        settings_namespace: str = "ome",
        namespaces: Iterable[str] = (),
        use_defaults: bool = False,
        budget: int = 1 << 30,
    ) -> None:
        self.backends = backends or Backends()
        self.number = 0
        """The number of the newest record."""
        self.decided = 0
        """How many times a door was decided, for metrics and tests."""
        self._settings_ref = Ref(CONFIG_MAP, settings_namespace, SETTINGS_NAME)
        self._use_defaults = use_defaults
        self._budget = budget
        self.scopes = self._scopes(tuple(namespaces))
        self._facts = Facts()
        self._claims = Claims()
        self._kinds = Kinds(self.scopes)
        self._dependents = Dependents()
        self._services = Services()
        self._reads: dict[Ref, int] = {}
        self._born: set[str] = set()
        """Services that came while we watched: nothing of theirs stood before."""
        self._waiting: dict[str, dict[Ref, None]] = {}
        self._dirty: OrderedDict[Ref, int] = OrderedDict()
        self._deferred: dict[Ref, int] = {}
        self._agenda = Agenda()
        self._notices: list[tuple[int, Draft]] = []
        self._in_flight = InFlight()
        self._changed_in_flight: set[Ref] = set()
        self._owed: set[Ref] = set()
        """Services of which something landed while more was in flight: to be decided with the last of it."""
        self._timers = Timers()
        self._decider = Decider(
            self._facts, self._claims, self._kinds, self.backends, self._services.age, self._in_flight.of
        )
        self._configured = Configured(at=0.0, good=None)
        self._settings: Settings | None = None
        self._now = 0.0
        self._clock: float | None = None
        self._folds: dict[type, Callable[..., list[Record]]] = {
            Started: self._fold_started,
            Observed: self._fold_observed,
            Deleted: self._fold_deleted,
            Synced: self._fold_synced,
            Issued: self._fold_issued,
            Applied: self._fold_applied,
            Refused: self._fold_refused,
            Unknown: self._fold_unknown,
            Elapsed: self._fold_elapsed,
            Remembered: self._fold_remembered,
            Configured: self._fold_configured,
            Failed: self._fold_failed,
        }

    # -- the interface of the shell ------------------------------------------------------------------------------

    def receive(self, event: AnyEvent) -> list[Record]:
        """Take in an event.  Returns the records to append to the journal: none for an event that changed nothing."""
        self._advance(event.at)
        records = self._folds[type(event)](event)
        if isinstance(event, Observed | Deleted | Synced):
            records += self._configure(event)
        return records + self._decide() if self._dirty else records

    def actions(self, limit: int | None = None) -> list[Action]:
        """What is to be done now; each action is given out once and is in flight until its outcome is received.

        At most ``limit`` of them, the most urgent first, but what closes a door whatever the limit; what is left is
        handed out by a later call, unless by then something else is to be done.
        """
        taken: list[tuple[Ref | None, int, Draft]] = list(self._agenda.take(limit))
        taken += [(None, cause, draft) for cause, draft in self._notices]
        self._notices = []
        return [self._issue(*entry) for entry in taken if self._may_issue(*entry)]

    def wait(self) -> float | None:
        """Seconds until an :class:`Elapsed` is due; 0: at once, there is more to decide; None: nothing is timed."""
        if self._dirty and self._listed:
            return 0.0
        next_ = self._timers.next()
        return None if next_ is None else max(0.0, next_ - self._now)

    def restore(self, records: Iterable[Record]) -> None:
        """Fold records of a journal, decide nothing.  To be followed by :class:`Started`."""
        for record in records:
            self.number = record.number - 1
            self._now = max(self._now, record.event.at)
            self._clock = self._now
            self._folds[type(record.event)](record.event)
            self.number = max(self.number, record.number)
        self._dirty.clear()

    def snapshot(self) -> list[Record]:
        """The state as records: restoring these is as good as restoring all that led to them."""
        return self.capture()()

    def capture(self) -> Callable[[], list[Record]]:
        """The snapshot of this moment, to be written out later, in another thread if need be: that takes a while."""
        return Snapshot(
            at=self._now,
            number=self.number,
            configured=self._configured,
            facts=list(self._facts.all()),
            tombstones=list(self._facts.tombstones()),
            remembered=self._services.memories(),
            in_flight=self._in_flight.all(),
        ).records

    def fingerprint(self) -> dict[str, object]:
        """What two engines with the same state agree on; resourceVersions of unchanged objects left out."""
        return {
            "facts": {str(f.ref) + f.ref.kind: f.body for f in self._facts.all()},
            "memories": {uid: memories.to_json(m) for uid, m in self._services.memories() if m != FORGOTTEN},
            "in flight": {action.id: msgspec.to_builtins(action) for action in self._in_flight.all()},
            "configured": (self._configured.good, self._configured.problems),
        }

    # -- what people and embedders ask ---------------------------------------------------------------------------

    @property
    def settings(self) -> Settings | None:
        """The settings in force; None where there are none yet."""
        return self._settings

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with the newest ConfigMap."""
        return self._configured.problems

    @property
    def unsynced(self) -> tuple[str, ...]:
        """The kinds that were not listed yet."""
        return tuple(kind for kind in self.scopes if not self._kinds.known(kind))

    @property
    def missing(self) -> dict[str, str]:
        """The kinds that can't be seen: ``absent`` or ``forbidden``."""
        states = {kind: self._kinds.state(kind) for kind in self.scopes}
        return {kind: state for kind, state in states.items() if state in ("absent", "forbidden")}

    @property
    def ready(self) -> bool:
        """Whether every kind is known and settings are in force."""
        return not self.unsynced and self._settings is not None

    @property
    def still(self) -> bool:
        """Whether nothing is in flight, due or undecided."""
        return not (self._dirty or self._agenda or self._in_flight or self._notices)

    def services(self) -> list[JsonObject]:
        """Every InferenceService that is known, trimmed to what matters."""
        return [fact.object() for fact in self._facts.of_kind(INFERENCE_SERVICE)]

    def service(self, uid: str) -> JsonObject | None:
        """The InferenceService with this UID as it was last seen, trimmed."""
        fact = self._service(uid)
        return fact.object() if fact else None

    def seen(self, uid: str) -> str:
        """The resourceVersion at which the InferenceService with this UID was last seen; empty where it wasn't."""
        fact = self._service(uid)
        return str(fact.version) if fact else ""

    def objects(self, uid: str) -> list[tuple[Ref, JsonObject]]:
        """What stands for a service: its objects, trimmed."""
        service = self._services.ref(uid)
        return [(fact.ref, fact.object()) for fact in self._facts.owned_by(uid, service.namespace)] if service else []

    # -- time ----------------------------------------------------------------------------------------------------

    def _advance(self, at: float) -> None:
        """Time goes on by as much as the shell's clock did; a clock that jumps back stands still for a moment."""
        if self._clock is None:
            self._now = at
        elif at > self._clock:
            self._now += at - self._clock
        self._clock = at

    # -- folding -------------------------------------------------------------------------------------------------

    def _record(self, event: AnyEvent, cause: int) -> Record:
        """The next record; it bears the engine's time, which differs from the shell's once that has jumped."""
        self.number += 1
        if event.at != self._now:
            event = msgspec.structs.replace(event, at=self._now)
        return Record(self.number, cause, event)

    def _touch(self, ref: Ref, cause: int) -> None:
        """A service is to be decided, because of a record."""
        if ref.kind == INFERENCE_SERVICE:
            self._dirty[ref] = cause

    def _fold_started(self, event: Started) -> list[Record]:
        self._kinds.forget()
        self._facts.forget_lists()
        self._waiting.clear()
        self._deferred.clear()
        record = self._record(event, 0)
        for action in self._in_flight.all():
            self._doubt(action)
        self._forget_strangers()
        for uid, memory in self._services.memories():
            self._services.remember(uid, memories.after_start(memory, self._now))
        for kind in self.backends.claiming:
            for fact in self._facts.of_kind(kind):
                self._hold(fact.ref, record.number)
        for fact in self._facts.of_kind(INFERENCE_SERVICE):
            self._touch(fact.ref, fact.number)
        return [record]

    def _forget_strangers(self) -> None:
        """Kinds whose backend isn't installed any more are out of sight: nothing of them is known or remembered."""
        for kind in {fact.ref.kind for fact in self._facts.all()} - self.backends.resources.keys():
            for change in self._facts.sweep(kind, "", 0, frozenset()):
                self._changed(change)
        for uid, memory in self._services.memories():
            self._services.remember(uid, memories.of_kinds(memory, self.backends.resources))

    def _fold_observed(self, event: Observed, cause: int = 0) -> list[Record]:
        trimmed = trim(event.kind, event.object)
        known = self._known_in_flight(event.kind, trimmed["metadata"]) if self._in_flight else None
        try:
            change = self._facts.observe(event.kind, trimmed, self.number + 1)
        except TypeError:  # what JSON can't hold
            trimmed = mended(trim(event.kind, event.object))
            change = self._facts.observe(event.kind, trimmed, self.number + 1)
        if change is None and (known is None or self._facts.get(known.ref) is known):
            return []
        record = self._record(Observed(at=event.at, kind=event.kind, object=trimmed), cause)
        if change:
            self._changed(change)
        return [record]

    def _known_in_flight(self, kind: str, metadata: JsonObject) -> Fact | None:
        """What is known of an object that is being written: a newer version of the same outdates the outcome."""
        ref = Ref(kind, metadata.get("namespace", ""), metadata["name"])
        return self._facts.get(ref) if ref in self._in_flight else None

    def _fold_deleted(self, event: Deleted, cause: int = 0) -> list[Record]:
        change = self._facts.delete(event.ref, event.uid, event.resource_version)
        if change is None and event.ref not in self._in_flight:
            return []
        record = self._record(event, cause)
        if change:
            self._changed(change)
        return [record]

    def _fold_synced(self, event: Synced) -> list[Record]:
        before, version = self._kinds.state(event.kind), self._kinds.version(event.kind)
        if not self._kinds.note(event):
            return []
        records = []
        if event.state != "forbidden":
            for change in self._facts.sweep(event.kind, event.scope, event.resource_version, event.keys):
                gone = change.before
                assert gone is not None
                deleted = Deleted(at=event.at, ref=gone.ref, uid=gone.uid, resource_version=gone.version)
                records.append(self._record(deleted, 0))
                self._changed(change)
        after = self._kinds.state(event.kind)
        if self._deferred and self._kinds.all_known:
            self._dirty = OrderedDict({**self._deferred, **self._dirty})
            self._deferred = {}
        if after != before:
            if after in ("absent", "forbidden") or before in ("absent", "forbidden"):
                # Without its keys a list that is folded again would sweep everything.
                kept = event if event.state == "listed" else msgspec.structs.replace(event, keys=frozenset())
                records.append(self._record(kept, 0))
            waiting = self._waiting.pop(event.kind, {})
            refs = waiting if before == "unknown" and after == "listed" else self._all_services()
            for ref in refs:
                self._touch(ref, self._cause_of(ref))
        if version and event.version and event.version != version:
            for ref in self._all_services():
                self._touch(ref, self._cause_of(ref))
        return records

    def _fold_issued(self, event: Issued) -> list[Record]:
        action = event.action
        record = self._record(event, action.cause)
        self._in_flight.begin(action)
        if action.verb in ("create", "patch") and action.ref.kind in self.backends.claiming:
            added = self._hold(action.ref, record.number)
            memory = written.after_issue(self._services.memory(action.service), action, added)
            self._services.remember(action.service, memory)
        memory = self._services.memory(action.service)
        if action.repair:
            key = key_of(action.ref)
            paces = memories.put(memory.paces, key, after_repair(memory.paces.get(key, Pace()), event.at))
            self._services.remember(action.service, msgspec.structs.replace(memory, paces=paces))
        elif action.verb == "event" and action.service:
            self._services.remember(action.service, msgspec.structs.replace(memory, told=(*memory.told, action.digest)))
        return [record]

    def _fold_applied(self, event: Applied) -> list[Record]:
        action = self._in_flight.land(event.action)
        if action is None:
            return []
        ref, key = action.ref, key_of(action.ref)
        trimmed = trim(ref.kind, event.object) if event.object is not None and action.verb != "event" else None
        if trimmed is not None and self._facts.is_gone(ref, version_of(trimmed["metadata"].get("resourceVersion"))):
            trimmed = None
        service = self._services.ref(action.service)
        already = service is None or service in self._dirty
        record = self._record(Applied(at=event.at, action=event.action, object=trimmed), action.id)
        doubted = self._services.memory(action.service).doubts.get(key)
        memory = outcome.after_success(self._services.memory(action.service), action)
        before = self._facts.get(ref)
        if trimmed is None:
            self._services.remember(action.service, memory)
            if action.verb in ("delete", "look"):
                self._gone(before, action)
        else:
            change = self._facts.observe(ref.kind, trimmed, record.number)
            known = self._facts.get(ref)
            watch = self.backends.watches.get(ref.kind) if ref.kind != INFERENCE_SERVICE else None
            if watch and action.verb in ("create", "patch"):
                memory = marking.after_write(memory, action, before, trimmed, known, watch)
                memory = written.after_write(memory, key, trimmed["metadata"].get("uid", ""))
            elif action.verb == "status" and self._settings:
                memory = insistence.after_status(memory, action, trimmed, self._settings.condition_type)
            elif watch and doubted:
                memory = marking.after_look(memory, doubted, trimmed, known)
            self._services.remember(action.service, memory)
            if change:
                self._changed(change, own=True)
        if not (marking.as_asked(action, trimmed) and self._is_newest(ref, trimmed)):
            self._hold(ref, record.number)
        self._touch_waiting(action, record.number)
        if service and not already and self._nothing_new(action, before):
            del self._dirty[service]
        return [record]

    def _is_newest(self, ref: Ref, returned: JsonObject | None) -> bool:
        """Whether an object is still as an action returned it; watches may have told of its deletion before."""
        fact = self._facts.get(ref)
        return bool(fact and returned and str(fact.version) == returned["metadata"].get("resourceVersion"))

    def _nothing_new(self, action: Action, before: Fact | None) -> bool:
        """Whether there is nothing to decide after a success: more outcomes are due, or the status is as we asked."""
        service = self._services.ref(action.service)
        if service is None or service in self._changed_in_flight or action.verb == "look":
            return False
        if self._in_flight.any_for(action.service):
            self._owed.add(service)
            return True
        if service in self._owed or action.verb != "status" or before is None or action.body is None:
            return False
        after = self._facts.get(action.ref)
        return after is not None and after.body == canonical(merge(before.object(), {"status": action.body["status"]}))

    def _fold_refused(self, event: Refused) -> list[Record]:
        action = self._in_flight.land(event.action)
        if action is None:
            return []
        record = self._record(event, action.id)
        if action.verb == "event":
            self._touch_uid(action.service, record.number)
            return [record]
        ref, memory = action.ref, self._services.memory(action.service)
        if event.status == 404 and action.verb != "create":
            memory = outcome.after_absence(memory, action)
            self._gone(self._facts.get(ref), action)
        else:
            memory = outcome.after_refusal(memory, action, event, self._now)
        self._services.remember(action.service, memory)
        self._hold(ref, record.number)
        self._touch_waiting(action, record.number)
        return [record]

    def _fold_unknown(self, event: Unknown) -> list[Record]:
        action = self._in_flight.land(event.action)
        if action is None:
            return []
        record = self._record(event, action.id)
        self._doubt(action)
        self._touch_waiting(action, record.number)
        return [record]

    def _fold_elapsed(self, _: Elapsed) -> list[Record]:
        for ref in self._timers.take(self._now):
            self._touch(ref, self._cause_of(ref))
        return []

    def _fold_remembered(self, event: Remembered) -> list[Record]:
        record = self._record(event, 0)
        self._services.remember(event.uid, memories.from_json(event.memory))
        return [record]

    def _fold_configured(self, event: Configured, cause: int = 0) -> list[Record]:
        record = self._record(event, cause)
        self._configured = event
        before = self._settings
        self._settings = None if event.good is None else parse_settings(event.good).settings
        fields = changed_settings(before, self._settings)
        if fields:
            for ref in self._all_services():
                if before is None or self._reads.get(ref, -1) & fields:
                    self._touch(ref, record.number if cause else self._cause_of(ref))
        return [record]

    def _fold_failed(self, event: Failed) -> list[Record]:
        return [self._record(event, 0)]

    # -- what a change of one object brings with it --------------------------------------------------------------

    def _changed(self, change: Change, *, own: bool = False) -> None:
        """Tell whom a change concerns; ``own``: it is the outcome of an action, whose fold does the rest."""
        ref, before, after = change.ref, change.before, change.after
        number = self.number
        for key in change.keys:
            for reader in self._dependents.of(key):
                self._touch(reader, number)
        if ref.kind == INFERENCE_SERVICE:
            self._service_changed(change, own)
            return
        for owner in dict.fromkeys(fact.owner for fact in (before, after) if fact and fact.owner):
            self._touch_owner(owner, ref, number)
        if own:
            return
        if after and after.owner and ref not in self._in_flight:
            self._mark_observed(after, before)
        if ref.kind in self.backends.claiming:
            self._hold(ref, number)

    def _service_changed(self, change: Change, own: bool) -> None:
        ref, before, after = change.ref, change.before, change.after
        self._touch(ref, self.number)
        if before and (after is None or after.uid != before.uid):
            self._born.discard(before.uid)
            for doubted in self._services.leave(before.uid):
                self._hold(doubted, self.number)  # no doubt is left that could hold a host
            for fact in self._facts.bearing(before.uid):
                self._hold(fact.ref, self.number)
            self._reads.pop(ref, None)
        if after is None:
            return
        if self._services.arrive(after):
            if self._kinds.state(INFERENCE_SERVICE) == "listed":
                self._born.add(after.uid)
            for fact in self._facts.bearing(after.uid):
                self._mark_observed(fact, None)
                self._hold(fact.ref, self.number)
        memory = self._services.memory(after.uid)
        if memory.wrote and before and not own and self._settings and after.ref not in self._in_flight:
            setting = self._settings.condition_type
            self._services.remember(after.uid, insistence.after_change(memory, before, after, setting, self._now))

    def _mark_observed(self, fact: Fact, before: Fact | None) -> None:
        """An object of ours that stood before we looked is kept as first observed; a change of status is no edit."""
        if not self._is_owner(fact.owner, fact.ref) or fact.controller not in ("", fact.owner):
            return
        self._services.remember(fact.owner, marking.as_observed(self._services.memory(fact.owner), fact, before))

    def _hold(self, ref: Ref, cause: int, *, decided: bool = False) -> tuple[str, ...]:
        """Note which hosts an object serves, or may serve once what is in flight or in doubt has happened.

        ``decided``: it is a decision that changed what the same object holds; nothing else is new.  Returns the claims
        that the write under way adds, by their keys.
        """
        if ref.kind not in self.backends.claiming:
            return ()
        fact, in_flight, doubted = self._facts.get(ref), self._in_flight.on(ref), self._services.doubt_about(ref)
        exists = self._services.__contains__
        holds, added = held(self.backends, ref, fact, in_flight, doubted, self._claimant, exists)
        if not (decided or in_flight or doubted) and (owner := self._services.served_by(ref)):
            memory = written.after_sight(self._services.memory(owner), owner, key_of(ref), fact, holds)
            self._services.remember(owner, memory)
        named = {uid for hold in holds.values() for uid in (hold.owner, hold.controller)}
        mine = {self._services.ref(uid) for uid in named if self._is_owner(uid, ref)}
        for service in sorted(self._claims.hold(ref, holds)):
            if service not in mine:
                self._touch(service, cause)
        return added

    def _claimant(self, uid: str, namespace: str) -> Claimant | None:
        """The service with this UID, if it is one of this namespace."""
        ref = self._services.ref(uid)
        if ref is None or ref.namespace != namespace:
            return None
        return Claimant(self._services.memory(uid), ref in self._reads or uid in self._born, lambda: self._shown(ref))

    def _shown(self, ref: Ref) -> frozenset[str]:
        fact = self._facts.get(ref)
        annotations = legible(fact.object()).status.annotations if fact else {}
        return frozenset(annotations.get(HOSTS, "").split())

    # -- outcomes ------------------------------------------------------------------------------------------------

    def _doubt(self, action: Action) -> None:
        """Nobody knows what became of an action: look before anything else is done to its object."""
        self._in_flight.land(action.id)
        if action.verb == "event":
            return
        self._services.remember(
            action.service, outcome.in_doubt(self._services.memory(action.service), action, self._now)
        )
        self._hold(action.ref, self.number)  # unless its service is gone, and nobody will look

    def _gone(self, before: Fact | None, action: Action) -> None:
        """The server says that an object isn't there (any more); one that was seen since is another one."""
        if before is None or (before.uid != action.uid and before.number > action.id):
            return
        change = self._facts.delete(before.ref, before.uid, before.version)
        if change:
            self._changed(change)

    # -- settings ------------------------------------------------------------------------------------------------

    def _configure(self, event: Observed | Deleted | Synced) -> list[Record]:
        """What the ConfigMap, or its absence, makes of the settings."""
        about = event.kind if isinstance(event, Observed | Synced) else event.ref.kind
        if about != CONFIG_MAP and not (self._settings is None and isinstance(event, Synced | Deleted)):
            return []
        fact, before = self._facts.get(self._settings_ref), self._configured
        defaults = True if self._use_defaults else None if self.unsynced else not self._anything_of_ours()
        now = in_force(before, self._settings_ref, fact, self._kinds, defaults=defaults, at=event.at)
        if now is None:
            return []
        cause = self.number if isinstance(event, Deleted) else fact.number if fact else 0
        records = self._fold_configured(now, cause)
        if fact is None and now.good is None:
            return records  # nothing that an Event could be about: the daemon's readiness and metrics tell
        for reason, new, old in (
            ("InvalidSettings", now.problems, before.problems),
            ("SettingsWarning", now.warnings, before.warnings),
        ):
            for message in new:
                if message not in old:
                    self._tell_about_settings(Warning(reason, message), records[-1].number)
        return records

    def _anything_of_ours(self) -> bool:
        """Whether a door of ours stands, or may stand where we can't look."""
        written = (kind for kind, watch in self.backends.watches.items() if watch.owned != "nothing")
        if any(self._kinds.state(kind) == "forbidden" for kind in written):
            return True
        return any(fact.owner and self._is_owner(fact.owner, fact.ref) for fact in self._facts.all())

    def _tell_about_settings(self, warning: Warning, cause: int) -> None:
        fact = self._facts.get(self._settings_ref)
        ref, body = notice.about_settings(self._settings_ref, fact.uid if fact else "", warning, self._now)
        self._notices.append((cause, Draft(verb="event", ref=ref, order=REPORT, reason=warning.reason, body=body)))

    # -- deciding ------------------------------------------------------------------------------------------------

    def _decide(self) -> list[Record]:
        """Decide for what is dirty, as far as the budget goes."""
        records: list[Record] = []
        if not self._listed:
            return records
        everything_known = self._kinds.all_known
        left = self._budget
        while self._dirty and left > 0:
            ref, cause = self._dirty.popitem(last=False)
            if not everything_known and self._may_wait(ref):
                self._deferred[ref] = cause
                self._agenda.drop(ref)  # what was to close it before it was asked for again
                continue
            left -= 1
            records += self._decide_one(ref, cause)
        return records

    @property
    def _listed(self) -> bool:
        """Whether enough is listed to decide anything at all."""
        return all(self._kinds.known(kind) for kind in BASE_KINDS)

    def _may_wait(self, ref: Ref) -> bool:
        """Whether a service can wait until every kind is known; one whose door is to be closed can't."""
        service, settings = self._parsed(ref), self._settings
        if settings is None:
            return True
        if service is None or settings.namespace_domains:
            return False
        return exposure_of(service, settings, self.backends.hostless) == "outside"

    def _decide_one(self, ref: Ref, cause: int) -> list[Record]:
        self._owed.discard(ref)
        self._agenda.drop(ref)
        fact = self._facts.get(ref)
        if fact is None:
            self._timers.set(ref, None)
            self._dependents.record(ref, {})
            self._reads.pop(ref, None)
            self._changed_in_flight.discard(ref)
            for other in sorted(self._claims.want(ref, NOBODY, ())):
                self._touch(other, cause)
            return []
        self.decided += 1
        memory = self._services.memory(fact.uid)
        first = ref not in self._reads
        if self._in_flight.any_for(fact.uid):
            self._changed_in_flight.add(ref)  # what is put off now, because its object is busy, is due when that lands
        else:
            self._changed_in_flight.discard(ref)
        decision = self._decider.decide(
            fact,
            self._settings,
            memory,
            self._now,
            self._in_flight.__contains__,
            first=first,
            born=fact.uid in self._born,
        )
        self._dependents.record(ref, decision.keys)
        if decision.waiting_for:
            self._waiting.setdefault(decision.waiting_for, {})[ref] = None
        else:
            self._reads[ref] = decision.read
        self._timers.set(ref, decision.wake)
        for other in sorted(decision.affected):
            if other != ref:
                self._touch(other, cause)
        records = []
        if decision.error:
            error = decision.error
            failed = Failed(at=self._now, uid=fact.uid, plugin=error.plugin, hook=error.hook, traceback=error.traceback)
            records.append(self._record(failed, cause))
        if decision.memory != memory:
            self._services.remember(fact.uid, decision.memory)
            told = Remembered(at=self._now, uid=fact.uid, memory=memories.to_json(decision.memory))
            records.append(self._record(told, cause))
        now = decision.memory
        if first or (now.written, now.stood) != (memory.written, memory.stood):
            for owned in self._facts.owned_by(fact.uid, ref.namespace):
                self._hold(owned.ref, cause, decided=True)
        if decision.drafts:
            self._agenda.put(ref, cause, decision.drafts)
        return records

    def _may_issue(self, service: Ref | None, _: int, draft: Draft) -> bool:
        """Not where its object is busy, nor where its service is about to be decided anew and this may open a host."""
        if draft.ref in self._in_flight:
            return False
        opens = draft.verb in ("create", "patch") and draft.ref.kind in self.backends.claiming
        return not (opens and service in self._dirty)

    def _issue(self, service: Ref | None, cause: int, draft: Draft) -> Action:
        fact = self._facts.get(service) if service else None
        action = Action(
            id=self.number + 1,
            verb=draft.verb,
            ref=draft.ref,
            service=fact.uid if fact else "",
            uid=draft.uid,
            resource_version=draft.resource_version,
            version=self._kinds.version(draft.ref.kind),
            body=draft.body,
            reason=draft.reason,
            fields=draft.fields,
            cause=cause,
            at=self._now,
            digest=draft.digest,
            repair=draft.repair,
            order=draft.order,
        )
        self._fold_issued(Issued(at=self._now, action=action))
        return action

    # -- small look-ups ------------------------------------------------------------------------------------------

    def _service(self, uid: str) -> Fact | None:
        ref = self._services.ref(uid)
        return self._facts.get(ref) if ref else None

    def _touch_uid(self, uid: str, cause: int) -> None:
        ref = self._services.ref(uid)
        if ref:
            self._touch(ref, cause)

    def _is_owner(self, uid: str, ref: Ref) -> bool:
        """Whether a UID is that of a service in an object's namespace."""
        service = self._services.ref(uid)
        return service is not None and service.namespace == ref.namespace

    def _touch_owner(self, uid: str, ref: Ref, cause: int) -> None:
        if self._is_owner(uid, ref):
            self._touch_uid(uid, cause)

    def _touch_waiting(self, action: Action, cause: int) -> None:
        """Whom an outcome concerns: its service; where that is gone, whoever found its object busy."""
        if action.service in self._services:
            self._touch_uid(action.service, cause)
            return
        self._touch(action.ref, cause)
        for reader in self._dependents.of(action.ref):
            self._touch(reader, cause)

    def _all_services(self) -> list[Ref]:
        return [fact.ref for fact in self._facts.of_kind(INFERENCE_SERVICE)]

    def _cause_of(self, ref: Ref) -> int:
        """The record that a service's last observation left, for what time or a list brings about."""
        fact = self._facts.get(ref)
        return fact.number if fact else 0

    def _parsed(self, ref: Ref) -> InferenceService | None:
        fact = self._facts.get(ref)
        return self._read_service(fact) if fact else None

    @staticmethod
    def _read_service(fact: Fact) -> InferenceService | None:
        try:
            return parse_service(fact)
        except Refusal:
            return None

    def _scopes(self, namespaces: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        scopes = {}
        for kind, resource in self.backends.resources.items():
            if kind == EVENT:
                continue
            everywhere = not resource.namespaced or kind in self.backends.external
            scopes[kind] = ("",) if everywhere else (namespaces or ("",))
        scopes[CONFIG_MAP] = (self._settings_ref.namespace,)
        return {kind: scopes[kind] for kind in (*BASE_KINDS, *(k for k in scopes if k not in BASE_KINDS))}
