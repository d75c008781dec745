"""What is to go and still serves: it drains for ``overlapSeconds`` once the new is accepted, while proxies catch up.

    1. what drains    objects of ours that aren't wanted, and what wanted objects still carry and are to lose
    2. the door both  the door as it is to be, with what drains and has time left: this is what is rendered
    3. the time       begins when everything wanted stands and is accepted, and afresh whenever the door changes again
    4. the end        objects whose time is over are deleted; the rest isn't rendered any more

What drains is named by keys, so that it can be remembered when it began: ``object:KIND/NAME`` for an object of ours;
``host:``, ``pathhost:`` and ``parent:`` with what an object is to lose; ``inside:NAME`` for a former name of Service
DOOR; ``type:NAME`` for a Service that is to be reached from outside no more; ``through:NAME`` for one that leads to the
local gateway until the Ingresses that lead through it have had their time.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence

import msgspec

from doorward.backends import Backends
from doorward.hosts.ownership import Ownership
from doorward.model.action import REMOVE, Action
from doorward.model.door import ANY_CLASS, ANY_GATEWAY, Claim, Door
from doorward.model.reference import SERVICE, Ref
from doorward.plan.closing import remove
from doorward.plan.plan import Plan, Situation
from doorward.plan.stages import EXTERNAL, EXTERNAL_NAME, INGRESS, leads_through
from doorward.render.desired import Desired, digest_of
from doorward.render.rendering import Rendered, Renderer
from doorward.state.facts import Fact
from doorward.state.memory import NOTHING, Memory, key_of
from doorward.state.our_fields import ours_of

_ANY = (ANY_CLASS, ANY_GATEWAY)
_THROUGH = "through:"


class Draining(msgspec.Struct, frozen=True, kw_only=True):
    """What drains of one door."""

    keys: frozenset[str]
    """What wanted objects carry and are to lose, and former names inside."""
    final: str
    """Digest of the door without what drains: another one begins afresh."""
    seconds: float


# -- 1. what drains ----------------------------------------------------------------------------------------------------


def draining_inside(s: Situation, final: Rendered, under_way: Iterable[Action]) -> frozenset[str]:
    """Former names of Service DOOR under which requests from inside still arrive.

    One that opens the door by itself isn't among them, but one that a write ``under_way`` makes something else is.
    """
    services = [fact for fact in s.ours if fact.ref.kind == SERVICE and fact.ref not in final.desired]
    if not services:
        return frozenset()
    types = {action.ref: (action.body.get("spec") or {}).get("type") for action in under_way if action.body}
    turning = {ref for ref, type_ in types.items() if type_ and type_ not in EXTERNAL}
    former = (f for f in services if f.ref in turning or f.object()["spec"].get("type") not in EXTERNAL)
    return frozenset(f"inside:{fact.ref.name}" for fact in former)


def draining_outside(
    s: Situation, final: Rendered, lost: Container[str], backend: str, ownership: Ownership, backends: Backends
) -> frozenset[str]:
    """What objects that stay still carry and are to lose.

    What is ``lost`` goes at once, and isn't among it; nor is a Service by which ``backend`` opens the door, since all
    the rest waits until that is accepted.
    """
    keys: set[str] = set()
    for ref, desired in final.desired.items():
        fact = s.reader.get(ref)
        if fact is None or not fact.is_of(s.fact.uid):
            continue
        last = s.last_applied(fact)
        if last and last.digest == desired.digest:
            continue
        standing = (last or fact).object()
        if ref.kind == SERVICE:
            type_, new = standing["spec"].get("type"), desired.manifest["spec"].get("type")
            if type_ in EXTERNAL and new not in EXTERNAL:
                keys.add(f"type:{ref.name}")
            turns = type_ == EXTERNAL_NAME and new != EXTERNAL_NAME
            if turns and desired.backend != backend and _is_led_through(s, ref, final):
                keys.add(f"{_THROUGH}{ref.name}")
        if ref.kind in backends.claiming:
            stood = backends.claims(ref.kind, standing)
            now = backends.claims(ref.kind, desired.manifest)
            keys |= _difference(stood, now, lost, ownership)
    return frozenset(keys)


def _is_led_through(s: Situation, service: Ref, final: Rendered) -> bool:
    """Whether Ingresses that are to go lead through a Service: turned to one component, it would serve no path that a
    door lies below, and no other component."""
    old = (fact for fact in s.ours if fact.ref.kind == INGRESS and fact.ref not in final.desired)
    return any(leads_through(fact, [service.name]) for fact in old)


def _difference(stood: Sequence[Claim], now: Sequence[Claim], lost: Container[str], ownership: Ownership) -> set[str]:
    keys: set[str] = set()
    hosts = {claim.key for claim in now}
    ways = {way for claim in now for way in claim.via}
    for claim in stood:
        if claim.where in lost:
            continue
        if claim.key not in hosts and not ownership.is_taken(claim):
            keys.add(f"host:{claim.host}" if claim.prefix == "/" else f"pathhost:{claim.host}")
        keys |= {f"parent:{way}" for way in claim.via if way not in ways and way not in _ANY}
    return keys


# -- 2. the door with what drains --------------------------------------------------------------------------------------


def render_with_draining(s: Situation, renderer: Renderer, door: Door, final: Rendered, draining: Draining) -> Rendered:
    """The objects of the door with what drains and has time left; ``final``: those of the door without."""
    left = [key for key in sorted(draining.keys) if not _is_over(s, key, draining)]
    if not left:
        return final
    with_draining = msgspec.structs.replace(
        door,
        draining_hosts=_named(left, "host"),
        draining_path_hosts=_named(left, "pathhost"),
        draining_parents=_named(left, "parent"),
        draining_services=_named(left, "inside"),
    )
    rendered = renderer.render(s.service, with_draining)
    for name in (*_named(left, "type"), *_named(left, "through")):
        ref = Ref(SERVICE, s.service.namespace, name)
        if ref in rendered.desired:
            rendered.desired[ref] = _as_it_stands(s, rendered.desired[ref])
    return rendered


def _named(keys: Iterable[str], kind: str) -> tuple[str, ...]:
    return tuple(value for key in keys for each, _, value in (key.partition(":"),) if each == kind)


def _as_it_stands(s: Situation, desired: Desired) -> Desired:
    """A Service that keeps the spec that it has until its time is over."""
    last, fact = s.memory.last_applied.get(key_of(desired.ref)), s.reader.get(desired.ref)
    known = last or fact
    manifest = {**desired.manifest, "spec": ours_of(known.object() if known else {}, desired.watch)}
    return msgspec.structs.replace(desired, manifest=manifest, digest=digest_of(manifest))


def _is_over(s: Situation, key: str, draining: Draining) -> bool:
    start = s.memory.draining.get(key) if s.memory.draining_for == draining.final else None
    return start is not None and start + draining.seconds <= s.now


# -- 3. and 4. the time, and its end -----------------------------------------------------------------------------------


def drain(
    s: Situation, desired: Container[Ref], going: Container[Ref], draining: Draining, plan: Plan, *, accepted: bool
) -> None:
    """Count down; objects whose time is over are deleted.  ``accepted``: all that is wanted stands and is accepted.

    While Ingresses that are to go lead through a Service, the time of what that one leads to hasn't begun.
    """
    old = {f"object:{key_of(f.ref)}": f for f in s.ours if f.ref not in desired and f.ref not in going}
    if through := _named(draining.keys, "through"):
        old = {key: f for key, f in old.items() if f.ref.kind == INGRESS and leads_through(f, through)}
    # What is in flight on one of them may make it lead through the others.
    accepted = accepted and not any(fact.ref in s.in_flight for fact in old.values())
    keys = {*old, *draining.keys}
    memory = plan.memory
    if not keys:
        plan.memory = forgotten(memory)
        return
    known = memory.draining if memory.draining_for == draining.final else NOTHING
    since = {key: known[key] for key in sorted(keys) if key in known}
    if accepted:
        for key in sorted(keys):
            since.setdefault(key, s.now)
    if since != memory.draining or draining.final != memory.draining_for:
        plan.memory = msgspec.structs.replace(memory, draining=since or NOTHING, draining_for=draining.final)
    if _anything_before(s, desired):
        old = {key: fact for key, fact in old.items() if not _is_guard(s, fact)}
    _end(s, old, since, known, draining.seconds, plan, accepted=accepted)


def forgotten(memory: Memory) -> Memory:
    """Where nothing drains."""
    if not (memory.draining or memory.draining_for):
        return memory
    return msgspec.structs.replace(memory, draining=NOTHING, draining_for="")


def _end(
    s: Situation,
    old: Mapping[str, Fact],
    since: Mapping[str, float],
    known: Container[str],
    seconds: float,
    plan: Plan,
    *,
    accepted: bool,
) -> None:
    for key, start in since.items():
        if start + seconds > s.now or (key not in known and key not in old):
            plan.wake_at(start + seconds)
        elif key in old and accepted:
            remove(s, old[key], REMOVE, "the overlap is over", plan)


def _anything_before(s: Situation, desired: Container[Ref]) -> bool:
    """Whether something that is to go before its guard still stands."""
    return not all(_is_guard(s, fact) for fact in s.ours if fact.ref not in desired)


def _is_guard(s: Situation, fact: Fact) -> bool:
    watch = s.watches.get(fact.ref.kind)
    return watch is not None and watch.guards
