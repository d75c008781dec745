"""How each event changes the state.  Start here: a watch event, an outcome or time changes it here and nowhere else.

The table at the end is the dispatch.

    event        fold                                                     is reconciled
    -----------  -------------------------------------------------------  ---------------------------------------------
    Started      outcomes in flight become unknown, so do lists           every service, once the kinds are synced again
    Observed     the object, what we last applied, reservations           its readers, its owner and its rivals; the
                                                                          owner not where it echoes a write of ours,
                                                                          whose answer is to come
    Deleted      the same, with a tombstone                               the same
    Synced       what the list lacks is gone                              whoever waited for the kind; every service
                                                                          where it appears, vanishes or is forbidden
    Issued       the action is in flight, its hosts are reserved          -
    Applied      the object that came back is observed, and last applied  its service, unless more of it is in flight
    Refused      the write rests for a while; 409: and its object is to   its service; plan/gate.py knows until when
                 be verified; 404: the object is gone                     the write rests
    Unknown      its object is to be verified, by plan/gate.py            its service
    Elapsed      -                                                        services whose time has come
    Remembered   what was decided about one service                       -
    Configured   what the settings became                                 services whose doors read a changed field
    Failed       -                                                        -

Each returns the records that are worth keeping.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from doorward.model.action import Action
from doorward.model.event import (
    AnyEvent,
    Applied,
    Configured,
    Deleted,
    Elapsed,
    Failed,
    Issued,
    Leading,
    Observed,
    Record,
    Refused,
    Remembered,
    Started,
    Synced,
    Unknown,
)
from doorward.model.reference import JsonObject, Ref
from doorward.settings.configuration import parse as parse_settings
from doorward.settings.tracked import changed as changed_settings
from doorward.state import last_applied, outcome, status_conflict, written
from doorward.state import memory as memories
from doorward.state.back_off import after_repair
from doorward.state.echo import is_reported
from doorward.state.facts import Fact, version_of
from doorward.state.memory import FORGOTTEN, BackOff, key_of
from doorward.state.state import State
from doorward.state.transform import mended


def fold(state: State, event: AnyEvent) -> list[Record]:
    """Take an event in."""
    return FOLDS[type(event)](state, event)


def started(state: State, event: Started) -> list[Record]:
    state.kinds.forget()
    state.facts.forget_lists()
    state.queue.forget()
    record = state.record(event, 0)
    for action in state.in_flight.all():
        state.unknown_outcome(action)
    _forget_strangers(state)
    for uid, memory in state.services.memories():
        state.services.remember(uid, memories.after_start(memory, state.now))
    reserve_all(state, record.number)
    for kind in state.backends.sources:
        for fact in state.facts.of_kind(kind):
            state.queue.add(fact.ref, fact.number)
    return [record]


def leading(state: State, event: Leading) -> list[Record]:
    """What another process has decided since is met like what stood when this one came.

    Where the one that led last is the one whose journal this is, nobody else has, and what was remembered still holds.
    """
    _, last = state.led
    record = state.record(event, 0)
    state.led = record.number, event.term
    if event.term != last + 1:
        for uid, _ in state.services.memories():
            state.services.remember(uid, FORGOTTEN)
        state.born.clear()
        state.unlisted.clear()
        state.reads.clear()
        reserve_all(state, record.number)
    state.queue.clear()
    state.add_all(sorted(state.all_services(), key=state.age))
    return [record]


def reserve_all(state: State, cause: int) -> None:
    """Note anew which hosts every object serves, and for whom; one that a forgotten write was to make serves none."""
    standing = (fact.ref for kind in state.backends.claiming for fact in state.facts.of_kind(kind))
    for ref in dict.fromkeys((*standing, *state.reservations.refs(), *state.services.in_doubt())):
        state.reserve(ref, cause)


def _forget_strangers(state: State) -> None:
    """Kinds whose backend isn't installed any more are out of sight: nothing of them is known or remembered."""
    for kind in {fact.ref.kind for fact in state.facts.all()} - state.backends.resources.keys():
        for change in state.facts.sweep(kind, "", 0, frozenset()):
            state.changed(change)
    for uid, memory in state.services.memories():
        state.services.remember(uid, memories.of_kinds(memory, state.backends.resources))


def observed(state: State, event: Observed) -> list[Record]:
    trimmed = state.trimmed(event.kind, event.object)
    known = _known_in_flight(state, event.kind, trimmed["metadata"]) if state.in_flight else None
    try:
        change = state.facts.observe(event.kind, trimmed, state.number + 1)
    except TypeError:  # what JSON can't hold
        trimmed = mended(state.trimmed(event.kind, event.object))
        change = state.facts.observe(event.kind, trimmed, state.number + 1)
    if change is None and (known is None or state.facts.get(known.ref) is known):
        return []
    record = state.record(Observed(at=event.at, kind=event.kind, object=trimmed), 0)
    if change:
        state.changed(change)
    return [record]


def _known_in_flight(state: State, kind: str, metadata: JsonObject) -> Fact | None:
    """What is known of an object that is being written: a newer version of the same outdates the outcome."""
    ref = Ref(kind, metadata.get("namespace", ""), metadata["name"])
    service = state.served(ref)
    return state.facts.get(ref) if ref in state.in_flight or service in state.in_flight else None


def deleted(state: State, event: Deleted) -> list[Record]:
    change = state.facts.delete(event.ref, event.uid, event.resource_version)
    if change is None and event.ref not in state.in_flight and state.served(event.ref) not in state.in_flight:
        return []
    record = state.record(event, 0)
    if change:
        state.changed(change)
    return [record]


def synced(state: State, event: Synced) -> list[Record]:
    before, version = state.kinds.state(event.kind), state.kinds.version(event.kind)
    all_known = state.kinds.all_known
    if not state.kinds.note(event):
        return []
    records = _swept(state, event) if event.state != "forbidden" else []
    after = state.kinds.state(event.kind)
    if state.kinds.all_known and not all_known:
        state.queue.resume(state.age)
    if after != before:
        if after in ("absent", "forbidden") or before in ("absent", "forbidden"):
            # Without its keys a list that is folded again would sweep everything.
            kept = event if event.state == "listed" else msgspec.structs.replace(event, keys=frozenset())
            records.append(state.record(kept, 0))
        waiting = state.queue.waiting_for(event.kind)
        state.add_all(waiting if before == "unknown" and after == "listed" else state.all_services())
    if version and event.version and event.version != version:
        state.add_all(state.all_services())
    return records


def _swept(state: State, event: Synced) -> list[Record]:
    """What a list lacks is gone."""
    records = []
    for change in state.facts.sweep(event.kind, event.scope, event.resource_version, event.keys):
        gone = change.before
        assert gone is not None
        told = Deleted(at=event.at, ref=gone.ref, uid=gone.uid, resource_version=gone.version)
        records.append(state.record(told, 0))
        state.changed(change)
    return records


def issued(state: State, event: Issued) -> list[Record]:
    action, services = event.action, state.services
    record = state.record(event, action.cause)
    state.in_flight.begin(action)
    if action.verb in ("create", "patch") and action.ref.kind in state.backends.claiming:
        added = state.reserve(action.ref, record.number)
        services.remember(action.service, written.after_issue(services.memory(action.service), action, added))
    memory = services.memory(action.service)
    if action.repair:
        key = key_of(action.ref)
        back_off = after_repair(memory.back_offs.get(key, BackOff()), event.at)
        back_offs = memories.put(memory.back_offs, key, back_off)
        services.remember(action.service, msgspec.structs.replace(memory, back_offs=back_offs))
    elif action.verb == "event" and action.service:
        services.remember(action.service, msgspec.structs.replace(memory, told=(*memory.told, action.digest)))
    return [record]


def applied(state: State, event: Applied) -> list[Record]:
    action = state.in_flight.land(event.action)
    if action is None:
        return []
    ref = state.watched(action.ref)
    told = event.object if action.verb != "event" else None
    returned = state.trimmed(ref.kind, told) if told is not None else None
    if returned and state.facts.is_gone(ref, version_of(returned["metadata"].get("resourceVersion"))):
        returned = None
    service = state.services.ref(action.service)
    already = service is None or service in state.queue
    record = state.record(Applied(at=event.at, action=event.action, object=returned), action.id)
    before = state.facts.get(action.ref)
    if returned is None:
        memory = outcome.after_success(state.services.memory(action.service), action)
        state.services.remember(action.service, memory)
        if action.verb in ("delete", "verify"):
            state.gone(before, action)
    else:
        _returned(state, action, before, returned, record.number)
    if not (last_applied.as_asked(action, returned) and state.is_newest(ref, returned)):
        state.reserve(ref, record.number)
    state.add_waiting(action, record.number)
    if service and not already:
        if _nothing_new(state, action, before):
            state.queue.discard(service)
        elif service not in state.changed_in_flight and (
            action.verb == "event" or (returned is not None and action.verb in ("create", "patch"))
        ):
            state.queue.landed(service)
    return [record]


def _returned(state: State, action: Action, before: Fact | None, returned: JsonObject, number: int) -> None:
    """What the server returned is an observation, and tells what became of our write."""
    ref, key = state.watched(action.ref), key_of(action.ref)
    memory = state.services.memory(action.service)
    unknown = memory.unknown.get(key)
    memory = outcome.after_success(memory, action)
    change = state.facts.observe(ref.kind, returned, number)
    known = state.facts.get(ref)
    watch = state.backends.watches.get(ref.kind) if action.ref.kind not in state.backends.sources else None
    if watch and action.verb in ("create", "patch"):
        memory = last_applied.after_write(memory, action, before, returned, known, watch)
        memory = written.after_write(memory, key, returned["metadata"].get("uid", ""))
    elif action.verb == "status" and state.settings:
        setting = state.backends.sources[action.ref.kind].condition_type(state.settings.condition_type)
        memory = status_conflict.after_status(memory, action, returned, setting)
    elif watch and unknown:
        memory = last_applied.after_verify(memory, unknown, returned, known)
    state.services.remember(action.service, memory)
    if change:
        state.changed(change, own=True)


def _nothing_new(state: State, action: Action, before: Fact | None) -> bool:
    """Whether there is nothing to decide after a success: more outcomes are due, or the status is as we asked."""
    service = state.services.ref(action.service)
    if service is None or service in state.changed_in_flight or action.verb == "verify":
        return False
    if state.in_flight.any_for(action.service):
        state.owed.add(service)
        return True
    if service in state.owed or action.verb != "status" or before is None or action.body is None:
        return False
    after = state.facts.get(action.ref)
    return after is not None and is_reported(before, after, action.body, state.trimmed)


def refused(state: State, event: Refused) -> list[Record]:
    action = state.in_flight.land(event.action)
    if action is None:
        return []
    record = state.record(event, action.id)
    if action.verb == "event":
        state.add(action.service, record.number)
        return [record]
    memory = state.services.memory(action.service)
    if event.status == 404 and action.verb != "create":
        memory = outcome.after_absence(memory, action)
        state.gone(state.facts.get(action.ref), action)
    else:
        memory = outcome.after_refusal(memory, action, event, state.now)
    state.services.remember(action.service, memory)
    state.reserve(action.ref, record.number)
    state.add_waiting(action, record.number)
    return [record]


def unknown(state: State, event: Unknown) -> list[Record]:
    action = state.in_flight.land(event.action)
    if action is None:
        return []
    record = state.record(event, action.id)
    state.unknown_outcome(action)
    state.add_waiting(action, record.number)
    return [record]


def elapsed(state: State, _: Elapsed) -> list[Record]:
    for ref in state.queue.timers.take(state.now):
        state.queue.add(ref, state.cause_of(ref))
    return []


def remembered(state: State, event: Remembered) -> list[Record]:
    record = state.record(event, 0)
    state.services.remember(event.uid, memories.from_json(event.memory))
    return [record]


def configured(state: State, event: Configured, cause: int = 0) -> list[Record]:
    record = state.record(event, cause)
    state.configured = event
    before = state.settings
    state.settings = None if event.good is None else parse_settings(event.good).settings
    fields = changed_settings(before, state.settings)
    services = state.all_services() if fields else ()
    for ref in services if before is None else state.reads.concerned(fields, services):
        state.queue.add_to_backlog(ref, record.number if cause else state.cause_of(ref))
    return [record]


def failed(state: State, event: Failed) -> list[Record]:
    return [state.record(event, 0)]


FOLDS: dict[type, Callable[..., list[Record]]] = {
    Started: started,
    Leading: leading,
    Observed: observed,
    Deleted: deleted,
    Synced: synced,
    Issued: issued,
    Applied: applied,
    Refused: refused,
    Unknown: unknown,
    Elapsed: elapsed,
    Remembered: remembered,
    Configured: configured,
    Failed: failed,
}
