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
from heapq import heappop, heappush
from zlib import crc32

import msgspec

from doorward.backends import BackendError, Backends
from doorward.graph import memory as memories
from doorward.graph.claims import NOBODY, Age, Claims
from doorward.graph.configuration import parse as parse_settings
from doorward.graph.facts import Change, Fact, Facts, version_of
from doorward.graph.inference_service import InferenceService, legible
from doorward.graph.inference_service import parse as parse_service
from doorward.graph.kinds import Kinds
from doorward.graph.memory import FORGOTTEN, Flips, Mark, Memory, Retry, drop, put
from doorward.graph.reading import Dependents
from doorward.graph.refusal import Refusal
from doorward.graph.shape import exposure_of
from doorward.graph.tracked_settings import changed as changed_settings
from doorward.graph.trim import OWNER, canonical, mended, trim
from doorward.model.action import Action
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
from doorward.plan import notice
from doorward.plan.agenda import Agenda
from doorward.plan.decision import BASE_KINDS, REPORT, Decider
from doorward.plan.desired import ours_of
from doorward.plan.patch import lacking, merge
from doorward.plan.plan import Draft, forget, key_of
from doorward.plan.status import FLIP_WINDOW, FLIPS, condition_type, observed_values

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
        self._decider = Decider(self._facts, self._claims, self._kinds, self.backends, self._age)
        self._memories: dict[str, Memory] = {}
        self._services: dict[str, Ref] = {}
        self._ages: dict[str, Age] = {}
        self._reads: dict[Ref, int] = {}
        self._waiting: dict[str, dict[Ref, None]] = {}
        self._dirty: OrderedDict[Ref, int] = OrderedDict()
        self._deferred: dict[Ref, int] = {}
        self._agenda = Agenda()
        self._notices: list[tuple[int, Draft]] = []
        self._in_flight: dict[int, Action] = {}
        self._busy: dict[Ref, int] = {}
        self._flying: dict[str, int] = {}
        self._changed_in_flight: set[Ref] = set()
        self._owed: set[Ref] = set()
        """Services of which something landed while more was in flight: to be decided with the last of it."""
        self._doubts: dict[Ref, Action] = {}
        self._timers: list[tuple[float, Ref]] = []
        self._due: dict[Ref, float] = {}
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

        At most ``limit`` of them, the most urgent first; what is left is handed out by a later call, unless by then
        something else is to be done.
        """
        taken: list[tuple[Ref | None, int, Draft]] = list(self._agenda.take(limit))
        taken += [(None, cause, draft) for cause, draft in self._notices]
        self._notices = []
        return [self._issue(service, cause, draft) for service, cause, draft in taken if draft.ref not in self._busy]

    def wait(self) -> float | None:
        """Seconds until an :class:`Elapsed` is due; 0: at once, there is more to decide; None: nothing is timed."""
        if self._dirty and self._listed:
            return 0.0
        while self._timers and self._due.get(self._timers[0][1]) != self._timers[0][0]:
            heappop(self._timers)
        return max(0.0, self._timers[0][0] - self._now) if self._timers else None

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
        at = self._now
        records = [Record(self.number, 0, self._configured)]
        for fact in self._facts.all():
            obj = fact.object()
            obj["metadata"]["resourceVersion"] = str(fact.version)
            records.append(Record(fact.number, 0, Observed(at=at, kind=fact.ref.kind, object=obj)))
        for ref, tombstone in self._facts.tombstones():
            gone = Deleted(at=at, ref=ref, uid=tombstone.uid, resource_version=tombstone.version)
            records.append(Record(self.number, 0, gone))
        for uid, memory in self._memories.items():
            records.append(Record(self.number, 0, Remembered(at=at, uid=uid, memory=memories.to_json(memory))))
        for action in self._in_flight.values():
            records.append(Record(action.id, action.cause, Issued(at=at, action=action)))
        return sorted(records, key=lambda record: record.number)

    def fingerprint(self) -> dict[str, object]:
        """What two engines with the same state agree on; resourceVersions of unchanged objects left out."""
        return {
            "facts": {str(f.ref) + f.ref.kind: f.body for f in self._facts.all()},
            "memories": {uid: memories.to_json(m) for uid, m in self._memories.items() if m != FORGOTTEN},
            "in flight": {key: msgspec.to_builtins(action) for key, action in self._in_flight.items()},
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
        fact = self._facts.get(self._services[uid]) if uid in self._services else None
        return fact.object() if fact else None

    def seen(self, uid: str) -> str:
        """The resourceVersion at which the InferenceService with this UID was last seen; empty where it wasn't."""
        fact = self._facts.get(self._services[uid]) if uid in self._services else None
        return str(fact.version) if fact else ""

    def objects(self, uid: str) -> list[tuple[Ref, JsonObject]]:
        """What stands for a service: its objects, trimmed."""
        return [(fact.ref, fact.object()) for fact in self._facts.owned_by(uid)]

    # -- time ----------------------------------------------------------------------------------------------------

    def _advance(self, at: float) -> None:
        """Time goes on by as much as the shell's clock did; a clock that jumps back stands still for a moment."""
        if self._clock is None:
            self._now = at
        elif at > self._clock:
            self._now += at - self._clock
        self._clock = at

    def _wake(self, ref: Ref, at: float | None) -> None:
        if at is None:
            self._due.pop(ref, None)
        elif self._due.get(ref) != at:
            self._due[ref] = at
            heappush(self._timers, (at, ref))

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
        self._waiting.clear()
        self._deferred.clear()
        record = self._record(event, 0)
        for action in list(self._in_flight.values()):
            self._doubt(action)
        for uid, memory in self._memories.items():
            clamped = {key: min(at, self._now) for key, at in memory.overlap.items()} or memories.NOTHING
            retries = {k: msgspec.structs.replace(r, until=0.0) for k, r in memory.retries.items()} or memories.NOTHING
            self._memories[uid] = msgspec.structs.replace(memory, overlap=clamped, retries=retries)
        for fact in self._facts.of_kind(INFERENCE_SERVICE):
            self._touch(fact.ref, fact.number)
        return [record]

    def _fold_observed(self, event: Observed, cause: int = 0) -> list[Record]:
        trimmed = trim(event.kind, event.object)
        try:
            change = self._facts.observe(event.kind, trimmed, self.number + 1)
        except TypeError:  # what JSON can't hold
            trimmed = mended(trim(event.kind, event.object))
            change = self._facts.observe(event.kind, trimmed, self.number + 1)
        if change is None:
            return []
        record = self._record(Observed(at=event.at, kind=event.kind, object=trimmed), cause)
        self._changed(change)
        return [record]

    def _fold_deleted(self, event: Deleted, cause: int = 0) -> list[Record]:
        change = self._facts.delete(event.ref, event.uid, event.resource_version)
        if change is None:
            return []
        record = self._record(event, cause)
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
        self._in_flight[action.id] = action
        self._busy[action.ref] = action.id
        self._flying[action.service] = self._flying.get(action.service, 0) + 1
        if action.verb in ("create", "patch"):
            self._hold(action.ref, record.number)
        elif action.verb == "event" and action.service:
            memory = self._memory(action.service)
            self._remember(action.service, msgspec.structs.replace(memory, told=(*memory.told, action.digest)))
        return [record]

    def _fold_applied(self, event: Applied) -> list[Record]:
        action = self._land(event.action)
        if action is None:
            return []
        ref, key = action.ref, key_of(action.ref)
        trimmed = trim(ref.kind, event.object) if event.object is not None and action.verb != "event" else None
        service = self._services.get(action.service)
        already = service is None or service in self._dirty
        record = self._record(Applied(at=event.at, action=event.action, object=trimmed), action.id)
        doubted = self._memory(action.service).doubts.get(key)
        memory = self._settled(action, self._memory(action.service))
        before = self._facts.get(ref)
        if trimmed is None:
            self._remember(action.service, memory)
            if action.verb in ("delete", "look"):
                self._gone(before, action)
        else:
            change = self._facts.observe(ref.kind, trimmed, record.number)
            if action.verb in ("create", "patch"):
                mark = self._marked(action, before, trimmed, memory.marks.get(key))
                memory = msgspec.structs.replace(memory, marks=put(memory.marks, key, mark))
            elif action.verb == "status":
                memory = self._wrote(action, trimmed, memory)
            elif doubted and doubted.verb in ("create", "patch"):
                memory = self._cleared(doubted, before, trimmed, memory)
            self._remember(action.service, memory)
            if change:
                self._changed(change, own=True)
        if not _as_asked(action, trimmed):
            self._hold(ref, record.number)
        self._touch_uid(action.service, record.number)
        if service and not already and self._nothing_new(action, before):
            del self._dirty[service]
        return [record]

    def _nothing_new(self, action: Action, before: Fact | None) -> bool:
        """Whether there is nothing to decide after a success: more outcomes are due, or the status is as we asked."""
        service = self._services.get(action.service)
        if service is None or service in self._changed_in_flight:
            return False
        if self._flying.get(action.service):
            self._owed.add(service)
            return True
        if service in self._owed or action.verb != "status" or before is None or action.body is None:
            return False
        after = self._facts.get(action.ref)
        return after is not None and after.body == canonical(merge(before.object(), {"status": action.body["status"]}))

    @staticmethod
    def _settled(action: Action, memory: Memory) -> Memory:
        """An action succeeded: no doubt about its object any more, and after a write nothing to retry."""
        key = key_of(action.ref)
        if action.verb == "delete":
            return forget(memory, action.ref)
        retries = memory.retries
        if action.verb != "look":
            retries = drop(retries, key)
        elif key in retries:
            retries = put(retries, key, msgspec.structs.replace(retries[key], message=""))
        return msgspec.structs.replace(memory, retries=retries, doubts=drop(memory.doubts, key))

    def _fold_refused(self, event: Refused) -> list[Record]:
        action = self._land(event.action)
        if action is None:
            return []
        record = self._record(event, action.id)
        ref, key = action.ref, key_of(action.ref)
        memory = self._memory(action.service)
        if action.verb == "event":
            return [record]
        missing = event.status == 404 and action.verb != "create"
        if missing:
            memory = msgspec.structs.replace(memory, retries=drop(memory.retries, key), doubts=drop(memory.doubts, key))
            if action.verb == "delete":
                memory = forget(memory, ref)
            self._gone(self._facts.get(ref), action)
        else:
            before = memory.retries.get(key)
            attempts = before.attempts + 1 if before else 1
            conflict = event.status == 409
            pause = _pause(ref, attempts, event)
            told = event.message or event.reason or f"HTTP {event.status}"
            permanent = 400 <= event.status < 500 and event.status not in (408, 409, 429)
            message = told if permanent or attempts > 3 else ""
            retry = Retry(attempts, self._now + pause, event.status, message)
            memory = msgspec.structs.replace(memory, retries=put(memory.retries, key, retry))
            if conflict:
                memory = msgspec.structs.replace(memory, doubts=put(memory.doubts, key, action))
        self._remember(action.service, memory)
        self._hold(ref, record.number)
        self._touch_uid(action.service, record.number)
        return [record]

    def _fold_unknown(self, event: Unknown) -> list[Record]:
        action = self._land(event.action)
        if action is None:
            return []
        record = self._record(event, action.id)
        self._doubt(action)
        self._touch_uid(action.service, record.number)
        return [record]

    def _fold_elapsed(self, _: Elapsed) -> list[Record]:
        while self._timers and self._timers[0][0] <= self._now:
            at, ref = heappop(self._timers)
            if self._due.get(ref) == at:
                del self._due[ref]
                self._touch(ref, self._cause_of(ref))
        return []

    def _fold_remembered(self, event: Remembered) -> list[Record]:
        record = self._record(event, 0)
        self._remember(event.uid, memories.from_json(event.memory))
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
            self._touch_uid(owner, number)
        if own:
            return
        if after and after.owner and ref not in self._busy:
            self._mark_observed(after, before)
        if ref.kind in self.backends.claiming:
            self._hold(ref, number)

    def _service_changed(self, change: Change, own: bool) -> None:
        ref, before, after = change.ref, change.before, change.after
        self._touch(ref, self.number)
        if before and (after is None or after.uid != before.uid):
            self._remember(before.uid, FORGOTTEN)
            self._services.pop(before.uid, None)
            self._ages.pop(before.uid, None)
            self._memories.pop(before.uid, None)
            self._reads.pop(ref, None)
        if after is None:
            return
        if after.uid not in self._services:
            self._services[after.uid] = ref
            metadata = after.object()["metadata"]
            self._ages[after.uid] = (metadata.get("creationTimestamp", ""), ref.namespace, ref.name)
            for fact in self._facts.owned_by(after.uid):
                self._mark_observed(fact, None)
        memory = self._memory(after.uid)
        if memory.wrote and before and not own:
            self._count_flips(before, after, memory)

    def _mark_observed(self, fact: Fact, before: Fact | None) -> None:
        """An object of ours that stood before we looked is kept as first observed; a change of status is no edit."""
        if fact.owner not in self._services or fact.controller not in ("", fact.owner):
            return
        memory, key = self._memory(fact.owner), key_of(fact.ref)
        mark = memory.marks.get(key)
        if mark is None:
            mark = Mark("", fact.body)
        elif before and mark.body == before.body and _same_but_status(before, fact):
            mark = msgspec.structs.replace(mark, body=fact.body)
        else:
            return
        self._remember(fact.owner, msgspec.structs.replace(memory, marks=put(memory.marks, key, mark)))

    def _marked(self, action: Action, before: Fact | None, returned: JsonObject, known: Mark | None) -> Mark:
        """The mark that a write leaves: what was asked, what came back, and what is missing of it."""
        watch = self.backends.watches[action.ref.kind]
        asked = action.body or {}
        if action.verb == "patch":
            asked = merge(before.object() if before else {}, asked)
        missing = lacking(ours_of(asked, watch), ours_of(returned, watch))
        again = known.attempts if known and known.digest == action.digest else 0
        fact = self._facts.get(action.ref)
        if missing:
            # What was asked is what should stand: held to, shown to backends, and tried again.
            body = canonical(trim(action.ref.kind, asked))
        elif fact and fact.version == version_of(returned["metadata"].get("resourceVersion")):
            body = fact.body
        else:
            metadata = {k: v for k, v in returned["metadata"].items() if k != "resourceVersion"}
            body = canonical({**returned, "metadata": metadata})
        return Mark(action.digest, body, again + 1 if missing else 0, tuple(f"spec.{path}" for path in missing[:5]))

    def _cleared(self, doubted: Action, before: Fact | None, returned: JsonObject, memory: Memory) -> Memory:
        """A look at an object that nobody but us has written shows that the write in doubt took effect."""
        metadata = returned["metadata"]
        if metadata.get("annotations", {}).get(OWNER) != doubted.service or metadata.get("otherManager"):
            return memory
        key = key_of(doubted.ref)
        known = memory.marks.get(key)
        mark = self._marked(doubted, before, returned, known)
        if mark.difference or (known and known.body == mark.body):
            return memory
        return msgspec.structs.replace(memory, marks=put(memory.marks, key, mark))

    def _wrote(self, action: Action, returned: JsonObject, memory: Memory) -> Memory:
        """What the status has of ours after a write: the fields that this or an earlier write set."""
        service = legible(returned)
        if self._settings is None:
            return memory
        type_ = condition_type(self._settings.condition_type, memory, service.metadata.generation)
        values = observed_values(service, type_)
        status = (action.body or {}).get("status", {})
        mine = {"url": "url", "address": "address", "condition": "conditions"}
        wrote = {k: v for k, v in values.items() if k in memory.wrote or mine[k] in status}
        return msgspec.structs.replace(memory, wrote=wrote or memories.NOTHING)

    def _count_flips(self, before: Fact, after: Fact, memory: Memory) -> None:
        """Somebody overwrote what we wrote into the status: five times within a minute, and the field is theirs."""
        if self._settings is None or after.ref in self._busy:
            return
        old, new = legible(before.object()), legible(after.object())
        generation = new.metadata.generation
        type_ = condition_type(self._settings.condition_type, memory, generation)
        was, now = observed_values(old, type_), observed_values(new, type_)
        flips, yielded = dict(memory.flips), dict(memory.yielded)
        for field, value in memory.wrote.items():
            if was.get(field) != value or now.get(field) == value:
                continue
            recent = tuple(s for s in flips.get(field, Flips()).seen if s[1] > self._now - FLIP_WINDOW)
            flips[field] = Flips((*recent, (after.version, self._now)))
            if len(flips[field].seen) >= FLIPS:
                yielded[field] = generation
                del flips[field]
        if flips != memory.flips or yielded != memory.yielded:
            self._remember(
                after.uid,
                msgspec.structs.replace(memory, flips=flips or memories.NOTHING, yielded=yielded or memories.NOTHING),
            )

    def _hold(self, ref: Ref, cause: int) -> None:
        """Note which hosts an object serves, or may serve once what is in flight or in doubt has happened."""
        if ref.kind not in self.backends.claiming:
            return
        fact = self._facts.get(ref)
        action = self._in_flight.get(self._busy.get(ref, 0)) or self._doubts.get(ref)
        owner, controller = (fact.owner, fact.controller) if fact else ("", "")
        try:
            standing = fact.object() if fact else {}
            claims = list(self.backends.claims(ref.kind, standing)) if fact and not _solves_acme(standing) else []
            if action and action.body and action.verb in ("create", "patch"):
                coming = merge(standing, action.body) if fact else action.body
                claims += self.backends.claims(ref.kind, coming)
                owner = action.service
        except BackendError:
            claims = []
        mine = self._services.get(owner)
        for service in sorted(self._claims.hold(ref, owner, controller, claims)):
            if service != mine:
                self._touch(service, cause)

    # -- outcomes ------------------------------------------------------------------------------------------------

    def _land(self, number: int) -> Action | None:
        action = self._in_flight.pop(number, None)
        if action:
            left = self._flying.pop(action.service, 1) - 1
            if left:
                self._flying[action.service] = left
        if action and self._busy.get(action.ref) == number:
            del self._busy[action.ref]
        return action

    def _doubt(self, action: Action) -> None:
        """Nobody knows what became of an action: look before anything else is done to its object."""
        self._land(action.id)
        if action.verb == "event":
            return
        key = key_of(action.ref)
        memory = self._memory(action.service)
        before = memory.retries.get(key)
        attempts = before.attempts + 1 if before else 1
        retry = Retry(attempts, self._now + (_backoff(action.ref, attempts) if attempts > 1 else 0.0))
        earlier = memory.doubts.get(key)
        doubted = earlier if earlier and action.verb == "look" else action
        memory = msgspec.structs.replace(
            memory, doubts=put(memory.doubts, key, doubted), retries=put(memory.retries, key, retry)
        )
        self._remember(action.service, memory)

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
        if about != CONFIG_MAP and not (self._settings is None and isinstance(event, Synced)):
            return []
        if not self._kinds.known(CONFIG_MAP):
            return []
        fact = self._facts.get(self._settings_ref)
        before = self._configured
        good, cause = before.good, 0
        problems: tuple[str, ...] = ()
        warnings: tuple[str, ...] = ()
        if self._kinds.state(CONFIG_MAP) == "forbidden":
            why = self._kinds.message(CONFIG_MAP)
            problems = (f"{self._settings_ref} may not be read: {why}; allow get, list and watch",)
        elif fact is not None:
            cause = fact.number
            data = {key: str(value) for key, value in fact.object()["data"].items()}
            parsed = parse_settings(data)
            if parsed.settings is not None:
                good = data
            problems = tuple(str(problem) for problem in parsed.problems)
            warnings = tuple(str(warning) for warning in parsed.warnings)
        elif good is None:
            if not self._use_defaults and self.unsynced:
                return []
            if self._use_defaults or not self._anything_of_ours():
                good = {}
            else:
                problems = (f"there is no {self._settings_ref} while doors stand; create it, or start with --defaults",)
        elif good:
            problems = (f"{self._settings_ref} was deleted; the last good settings stay in force",)
        now = Configured(at=event.at, good=good, problems=problems, warnings=warnings)
        if msgspec.structs.replace(now, at=before.at) == before:
            return []
        if isinstance(event, Deleted):
            cause = self.number
        records = self._fold_configured(now, cause)
        if fact is None and good is None:
            return records  # nothing that an Event could be about: the daemon's readiness and metrics tell
        for reason, new, old in (
            ("InvalidSettings", problems, before.problems),
            ("SettingsWarning", warnings, before.warnings),
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
        return any(fact.owner for fact in self._facts.all())

    def _tell_about_settings(self, warning: Warning, cause: int) -> None:
        regarding = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "name": self._settings_ref.name,
            "namespace": self._settings_ref.namespace,
        }
        if fact := self._facts.get(self._settings_ref):
            regarding["uid"] = fact.uid
        ref, body = notice.event(regarding, warning, self._now)
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
        return exposure_of(service, settings) == "outside"

    def _decide_one(self, ref: Ref, cause: int) -> list[Record]:
        self._owed.discard(ref)
        self._agenda.drop(ref)
        fact = self._facts.get(ref)
        if fact is None:
            self._wake(ref, None)
            self._dependents.record(ref, {})
            self._reads.pop(ref, None)
            self._changed_in_flight.discard(ref)
            for other in sorted(self._claims.want(ref, NOBODY, ())):
                self._touch(other, cause)
            return []
        self.decided += 1
        memory = self._memory(fact.uid)
        first = ref not in self._reads
        if self._flying.get(fact.uid):
            self._changed_in_flight.add(ref)  # what is put off now, because its object is busy, is due when that lands
        else:
            self._changed_in_flight.discard(ref)
        decision = self._decider.decide(fact, self._settings, memory, self._now, self._busy.__contains__, first=first)
        self._dependents.record(ref, decision.keys)
        if decision.waiting_for:
            self._waiting.setdefault(decision.waiting_for, {})[ref] = None
        else:
            self._reads[ref] = decision.read
        self._wake(ref, decision.wake)
        for other in sorted(decision.affected):
            if other != ref:
                self._touch(other, cause)
        records = []
        if decision.error:
            error = decision.error
            failed = Failed(at=self._now, uid=fact.uid, plugin=error.plugin, hook=error.hook, traceback=error.traceback)
            records.append(self._record(failed, cause))
        if decision.memory != memory:
            self._remember(fact.uid, decision.memory)
            told = Remembered(at=self._now, uid=fact.uid, memory=memories.to_json(decision.memory))
            records.append(self._record(told, cause))
        if decision.drafts:
            self._agenda.put(ref, cause, decision.drafts)
        return records

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
        )
        self._fold_issued(Issued(at=self._now, action=action))
        return action

    # -- small look-ups ------------------------------------------------------------------------------------------

    def _memory(self, uid: str) -> Memory:
        return self._memories.get(uid, FORGOTTEN)

    def _remember(self, uid: str, memory: Memory) -> None:
        """Keep what is remembered of a service; nothing of one that is gone."""
        if uid not in self._services:
            return
        before = self._memory(uid).doubts
        if before is not memory.doubts:
            for action in before.values():
                self._doubts.pop(action.ref, None)
            for action in memory.doubts.values():
                self._doubts[action.ref] = action
        self._memories[uid] = memory

    def _touch_uid(self, uid: str, cause: int) -> None:
        ref = self._services.get(uid)
        if ref:
            self._touch(ref, cause)

    def _all_services(self) -> list[Ref]:
        return [fact.ref for fact in self._facts.of_kind(INFERENCE_SERVICE)]

    def _cause_of(self, ref: Ref) -> int:
        """The record that a service's last observation left, for what time or a list brings about."""
        fact = self._facts.get(ref)
        return fact.number if fact else 0

    def _age(self, uid: str) -> Age:
        return self._ages.get(uid, NOBODY)

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
            scopes[kind] = (namespaces or ("",)) if resource.namespaced else ("",)
        scopes[CONFIG_MAP] = (self._settings_ref.namespace,)
        return {kind: scopes[kind] for kind in (*BASE_KINDS, *(k for k in scopes if k not in BASE_KINDS))}


def _as_asked(action: Action, returned: JsonObject | None) -> bool:
    """Whether a create came back as it went out, so that the claims noted when it was issued still hold."""
    return action.verb == "create" and returned is not None and returned.get("spec") == (action.body or {}).get("spec")


def _solves_acme(obj: JsonObject) -> bool:
    """Whether cert-manager put an object there for a moment, to prove that a host is ours."""
    return (obj["metadata"].get("labels") or {}).get("acme.cert-manager.io/http01-solver") == "true"


def _same_but_status(before: Fact, after: Fact) -> bool:
    one, other = before.object(), after.object()
    for obj in (one, other):
        obj.pop("status", None)
        obj["metadata"].pop("otherManager", None)
    return one == other


def _backoff(ref: Ref, attempts: int) -> float:
    """Seconds before the next try: doubling from a fifth of a second to a minute, spread by the object's name."""
    spread = 0.75 + (crc32(f"{ref}{attempts}".encode()) % 1000) / 2000
    return float(min(60.0, 0.2 * 2 ** min(attempts - 1, 10))) * spread


def _pause(ref: Ref, attempts: int, event: Refused) -> float:
    """How long a refused write rests: as long as the server asks, not at all after a first conflict, else a backoff."""
    if event.retry_after is not None:
        return event.retry_after
    if event.status == 409 and attempts == 1:
        return 0.0
    permanent = 400 <= event.status < 500 and event.status not in (404, 408, 409, 429)
    return _backoff(ref, attempts + 3 if permanent else attempts)
