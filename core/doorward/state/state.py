"""Everything that the engine knows, and whom a change of it concerns.

a change of an object --> its readers          their doors looked at it, or at its absence
                      --> its owner            what stands has changed
                      --> its rivals           those whose hosts it decides
a change of a service --> itself, and whatever bears its UID

Where the change is the echo of a write whose answer is to come (:mod:`doorward.state.echo`), the service that it was
for waits for the answer.

Where some objects of a kind are services and others aren't, it follows from two facts which are:

an object of that kind changes          --> it is selected: a service; it isn't: one that is left, or none
what bears its UID comes, goes, changes --> the same, since what is left of a service is to go
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import partial

import msgspec

from doorward.backends import Backends
from doorward.model.action import Action
from doorward.model.event import AnyEvent, Configured, Record
from doorward.model.reference import JsonObject, Ref
from doorward.model.settings import Settings
from doorward.state import last_applied, outcome, status_conflict, written
from doorward.state.echo import is_echo
from doorward.state.facts import Change, Fact, Facts
from doorward.state.in_flight import InFlight
from doorward.state.inference_service import legible
from doorward.state.kinds import Kinds
from doorward.state.memory import key_of
from doorward.state.reading import Dependents
from doorward.state.reads import Reads
from doorward.state.reservations import NOBODY, Age, Reservations
from doorward.state.reserved import Claimant, reserved
from doorward.state.services import Services
from doorward.state.transform import of_many, selected, transform
from doorward.state.work_queue import WorkQueue


class State:
    """The tables.  :mod:`doorward.state.folds` changes them, and nothing else does but a decision that was taken."""

    def __init__(self, backends: Backends, scopes: dict[str, tuple[str, ...]]) -> None:
        self.backends = backends
        self.facts = Facts(backends.sources)
        self.reservations = Reservations()
        self.kinds = Kinds(scopes)
        self.dependents = Dependents()
        self.services = Services()
        self.in_flight = InFlight()
        self.queue = WorkQueue(backends.sources.keys(), self.stands)
        self.configured = Configured(at=0.0, good=None)
        self.settings: Settings | None = None
        self.reads = Reads()
        self.born: set[str] = set()
        """Services that came while we watched: nothing of theirs stood before."""
        self.unlisted: dict[Ref, frozenset[str]] = {}
        """The kinds that serve hosts and weren't listed when a service was last reconciled, where there are any: what
        is there of them when they are listed stood before."""
        self.changed_in_flight: set[Ref] = set()
        """Services that were reconciled while something of theirs was in flight."""
        self.owed: set[Ref] = set()
        """Services of which something landed while more was in flight: to be reconciled with the last of it."""
        self.led = 0, -1
        """The record with which this process, or the one whose journal this is, began to lead, and its term."""
        self.restoring = False
        """Whether what is folded is a journal's: which hosts are reserved is noted when a process starts from it."""
        self.number = 0
        """The number of the newest record."""
        self.now = 0.0
        self.clock: float | None = None

    # -- time and records ----------------------------------------------------------------------------------------

    def advance(self, at: float) -> None:
        """Time goes on by as much as the shell's clock did; a clock that jumps back stands still for a moment."""
        if self.clock is None:
            self.now = at
        elif at > self.clock:
            self.now += at - self.clock
        self.clock = at

    def record(self, event: AnyEvent, cause: int) -> Record:
        """The next record; it bears the engine's time, which differs from the shell's once that has jumped."""
        self.number += 1
        if event.at != self.now:
            event = msgspec.structs.replace(event, at=self.now)
        return Record(self.number, cause, event)

    # -- services among others of their kind ---------------------------------------------------------------------

    def trimmed(self, kind: str, obj: JsonObject) -> JsonObject:
        """The part of an object that matters."""
        many = kind in self.backends.selecting
        return of_many(kind, obj) if many else transform(kind, obj, self.backends.sources.get(kind))

    def watched(self, ref: Ref) -> Ref:
        """An object as it is watched: the same, unless it is one of the selected ones of its kind."""
        kind = self.backends.watched_as(ref.kind)
        return ref if kind == ref.kind else ref._replace(kind=kind)

    def served(self, ref: Ref) -> Ref:
        """The same as a service, where it may be one."""
        source = self.backends.selecting.get(ref.kind)
        return ref._replace(kind=source.kind) if source else ref

    def _look_again(self, ref: Ref, *, own: bool = False) -> None:
        """Whether an object is a service, now that it has changed, or what bears its UID has."""
        source = self.backends.selecting[ref.kind]
        fact, service = self.facts.get(ref), self.served(ref)
        found: JsonObject | None = None
        if fact is not None:
            remains = bool(self.facts.owned_by(fact.uid, ref.namespace))
            found = selected(fact.object(), source, remains=remains)
        if fact is None or found is None:
            change = self.facts.withdraw(service)
        else:
            found["metadata"]["resourceVersion"] = str(fact.version)
            change = self.facts.observe(source.kind, found, fact.number)
        if change:
            self.changed(change, own=own)

    def _look_at_owners(self, change: Change) -> None:
        owners = dict.fromkeys(fact.owner for fact in (change.before, change.after) if fact)
        for each in owners:
            ref = self.facts.of_many(each)
            if ref is not None and ref.namespace == change.ref.namespace:
                self._look_again(ref)

    # -- whom a change concerns ----------------------------------------------------------------------------------

    def changed(self, change: Change, *, own: bool = False) -> None:
        """Tell whom a change concerns; ``own``: it is the outcome of an action, whose fold does the rest."""
        ref, before, after = change.ref, change.before, change.after
        if ref.kind in self.backends.selecting:
            self._look_again(ref, own=own)
        if self.backends.selecting:
            self._look_at_owners(change)
        awaited = None if own or self.restoring else self._awaited(change)
        for key in change.keys:
            readers = self.dependents.of(key)
            add = self.queue.add if len(readers) == 1 else self.queue.add_to_backlog
            for reader in readers:
                if reader != awaited:
                    add(reader, self.number)
        if ref.kind in self.backends.sources:
            if ref != awaited:
                self.queue.add(ref, self.number)
            self._service_changed(change, own)
            return
        for owner in dict.fromkeys(fact.owner for fact in (before, after) if fact and fact.owner):
            if self.owns(owner, ref) and self.services.ref(owner) != awaited:
                self.add(owner, self.number)
        if own:
            return
        if after and after.owner and ref not in self.in_flight:
            self._keep_as_observed(after, before)
        if ref.kind in self.backends.claiming:
            self.reserve(ref, self.number)

    def _awaited(self, change: Change) -> Ref | None:
        """The service that is to be reconciled once the answer to its write is there, which this change echoes."""
        action = self.in_flight.on(change.ref) if self.in_flight else None
        return self.services.ref(action.service) if action and is_echo(change, action, self.trimmed) else None

    def _service_changed(self, change: Change, own: bool) -> None:
        ref, before, after = change.ref, change.before, change.after
        if before and (after is None or after.uid != before.uid):
            self.born.discard(before.uid)
            for unknown in self.services.forget(before.uid):
                self.reserve(unknown, self.number)  # nobody verifies it any more, so that it can't reserve a host
            for fact in self.facts.bearing(before.uid):
                self.reserve(fact.ref, self.number)
            self.reads.forget(ref)
            self.unlisted.pop(ref, None)
        if after is None:
            return
        if self.services.arrive(after):
            if self.kinds.state(ref.kind) == "listed":  # of no selected one, which may have had a door before
                self.born.add(after.uid)
            for fact in self.facts.bearing(after.uid):
                self._keep_as_observed(fact, None)
                self.reserve(fact.ref, self.number)
        memory = self.services.memory(after.uid)
        if memory.wrote and before and not own and self.settings and after.ref not in self.in_flight:
            setting = self.backends.sources[ref.kind].condition_type(self.settings.condition_type)
            self.services.remember(after.uid, status_conflict.after_change(memory, before, after, setting, self.now))

    def _keep_as_observed(self, fact: Fact, before: Fact | None) -> None:
        """An object of ours that stood before we looked is kept as first observed; a change of status is no edit."""
        if self.owns(fact.owner, fact.ref) and fact.is_of(fact.owner):
            memory = last_applied.as_observed(self.services.memory(fact.owner), fact, before)
            self.services.remember(fact.owner, memory)

    # -- host reservations ---------------------------------------------------------------------------------------

    def reserve(self, ref: Ref, cause: int, *, decided: bool = False) -> tuple[str, ...]:
        """Note which hosts an object serves, or may serve once what is in flight or unknown has happened.

        ``decided``: it is a decision that changed what the same object reserves; nothing else is new.  Returns the
        claims that the write under way adds, by their keys.
        """
        if ref.kind not in self.backends.claiming:
            return ()
        fact, in_flight, unknown = self.facts.get(ref), self.in_flight.on(ref), self.services.unknown_write(ref)
        owner = "" if decided or in_flight or unknown else self.services.served_by(ref)
        if self.restoring and not (owner or in_flight):
            return ()
        exists = self.services.__contains__
        claimant = partial(self._claimant, ref.kind)
        now, added = reserved(self.backends, ref, fact, in_flight, unknown, claimant, exists)
        if owner:
            memory = written.after_sight(self.services.memory(owner), owner, key_of(ref), fact, now)
            self.services.remember(owner, memory)
        if self.restoring:
            return added
        named = {uid for each in now.values() for uid in (each.owner, each.controller)}
        mine = {self.services.ref(uid) for uid in named if self.owns(uid, ref)}
        for service in sorted(self.reservations.reserve(ref, now)):
            if service not in mine:
                self.queue.add_to_backlog(service, cause)
        return added

    def _claimant(self, kind: str, uid: str, namespace: str) -> Claimant | None:
        """The service with this UID, if it is one of this namespace, as one that has an object of a kind."""
        ref = self.services.ref(uid)
        if ref is None or ref.namespace != namespace:
            return None
        met = uid in self.born or (ref in self.reads and kind not in self.unlisted.get(ref, ()))
        return Claimant(self.services.memory(uid), met, lambda: self._shown(ref))

    def _shown(self, ref: Ref) -> frozenset[str]:
        fact = self.facts.get(ref)
        return frozenset(legible(fact.object()).hosts.split() if fact else ())

    # -- outcomes ------------------------------------------------------------------------------------------------

    def unknown_outcome(self, action: Action) -> None:
        """Nobody knows what became of an action: it is verified before anything else is done to its object."""
        self.in_flight.land(action.id)
        if action.verb == "event":
            return
        self.services.remember(
            action.service, outcome.after_unknown(self.services.memory(action.service), action, self.now)
        )
        self.reserve(action.ref, self.number)  # unless its service is gone, and nobody will verify it

    def gone(self, before: Fact | None, action: Action) -> None:
        """The server says that an object isn't there (any more); one that was seen since is another one."""
        if before is None or (before.uid != action.uid and before.number > action.id):
            return
        change = self.facts.delete(self.watched(before.ref), before.uid, before.version)
        if change:
            self.changed(change)

    def is_newest(self, ref: Ref, returned: JsonObject | None) -> bool:
        """Whether an object is still as an action returned it; watches may have told of its deletion before."""
        fact = self.facts.get(ref)
        return bool(fact and returned and str(fact.version) == returned["metadata"].get("resourceVersion"))

    # -- look-ups ------------------------------------------------------------------------------------------------

    def service(self, uid: str) -> Fact | None:
        ref = self.services.ref(uid)
        return self.facts.get(ref) if ref else None

    def all_services(self) -> Collection[Ref]:
        kinds = [self.facts.refs(kind) for kind in self.backends.sources]
        return kinds[0] if len(kinds) == 1 else [ref for refs in kinds for ref in refs]

    def owns(self, uid: str, ref: Ref) -> bool:
        """Whether a UID is that of a service in an object's namespace."""
        service = self.services.ref(uid)
        return service is not None and service.namespace == ref.namespace

    def cause_of(self, ref: Ref) -> int:
        """The record that a service's last observation left, for what time or a list brings about."""
        fact = self.facts.get(ref)
        return fact.number if fact else 0

    def add(self, uid: str, cause: int) -> None:
        """The service with this UID is to be reconciled."""
        if ref := self.services.ref(uid):
            self.queue.add(ref, cause)

    def add_all(self, refs: Iterable[Ref]) -> None:
        """Something concerns many services."""
        for ref in refs:
            self.queue.add_to_backlog(ref, self.cause_of(ref))

    def stands(self, ref: Ref) -> bool:
        """Whether any object of a service stands, so that there may be something to close."""
        fact = self.facts.get(ref)
        return fact is not None and self.facts.any_owned_by(fact.uid, ref.namespace)

    def age(self, ref: Ref) -> Age:
        """By which services are put in order."""
        fact = self.facts.get(ref)
        return self.services.age(fact.uid) if fact else NOBODY

    def add_waiting(self, action: Action, cause: int) -> None:
        """Whom an outcome concerns: its service; where that is gone, whoever found its object busy."""
        if action.service in self.services:
            self.add(action.service, cause)
            return
        self.queue.add(action.ref, cause)
        for reader in self.dependents.of(action.ref):
            self.queue.add(reader, cause)
