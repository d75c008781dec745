"""Which claims we wrote with each object: what a service's memory holds against whatever a tenant may write.

we issue a write       what it adds to the object is written
it comes back          the object has a UID now: another one of its name is another object
the object is seen     what it doesn't serve (any more) isn't written (any more)
we come, and it stands what memory doesn't know of counts as the service's, and as no more than that
a door is decided      what stands as it is wanted, and nobody else has a hand in, is as good as written
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from msgspec.structs import replace

from doorward.model.action import Action
from doorward.state.facts import Fact
from doorward.state.memory import Memory, Served, claims_of, drop, key_of, put


def after_issue(memory: Memory, action: Action, added: Collection[str]) -> Memory:
    """``added``: the claims that the write adds to what the object served."""
    key = key_of(action.ref)
    kept = claims_of(memory.written, key, action.uid) if action.uid else ()
    claims = (*kept, *(each for each in added if each not in kept))
    if not claims or claims == kept:
        return memory
    return replace(memory, written=put(memory.written, key, Served(claims, action.uid)))


def after_write(memory: Memory, key: str, uid: str) -> Memory:
    """A write of the object came back; its UID is known from now on."""
    known = memory.written.get(key)
    return replace(memory, written=put(memory.written, key, replace(known, uid=uid))) if known else memory


def after_sight(memory: Memory, owner: str, key: str, fact: Fact | None, now: Collection[str]) -> Memory:
    """The object, as it stands, serves ``now``; None: it is gone."""
    for part in ("written", "stood"):
        known = getattr(memory, part)
        if served := known.get(key):
            left = served.seen(fact.uid, now) if fact and fact.owner == owner else None
            if left is not served:
                memory = replace(memory, **{part: put(known, key, left) if left else drop(known, key)})
    return memory


def met(memory: Memory, ours: Iterable[Fact], served: Callable[[Fact], Iterable[str]]) -> Memory:
    """What stands when we come, and memory knows nothing of; it may be a write of ours that the journal lost."""
    stood = memory.stood
    for fact in ours:
        key = key_of(fact.ref)
        known = claims_of(memory.written, key, fact.uid)
        if unknown := tuple(each for each in served(fact) if each not in known):
            stood = put(stood, key, Served(unknown, fact.uid))
    return replace(memory, stood=stood)


def confirmed(memory: Memory, fact: Fact, served: Iterable[str], sole: Collection[str]) -> Memory:
    """``fact`` stands as it is wanted and serves these claims; ``sole``: those that nobody else has a hand in."""
    key = key_of(fact.ref)
    known, stood, written = claims_of(memory.written, key, fact.uid), memory.stood, memory.written
    ours = tuple(each for each in served if each in sole or each in known)
    if ours and not set(ours) <= set(known):
        written = put(written, key, Served(ours, fact.uid))
    if key in stood:
        left = tuple(each for each in stood[key].claims if each not in ours)
        stood = put(stood, key, Served(left, fact.uid)) if left else drop(stood, key)
    if written is memory.written and stood is memory.stood:
        return memory
    return replace(memory, written=written, stood=stood)
