"""Who owns a host (behaviour, section 10).

A claim is a host from a path prefix downwards.  Objects that stand *hold* claims; doors that are ready to open *want*
them.  Two claims overlap when they name the same host and one prefix is below the other.

    somebody else's object holds it, ours doesn't   ->  not ours
    ours holds it, a write of another's is in doubt ->  ours
    ours holds it, and what a deleted service left  ->  ours
    both hold it (after an adoption)                ->  the earliest service's
    nobody of doorward's holds it, somebody foreign ->  not ours, unless ours held it before
    nobody holds it                                 ->  the earliest of the services that want it, and could have it

Look-ups cost what overlaps, not what shares the host: twenty thousand path doors on one base domain never see each
other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from doorward.model.door import Claim
from doorward.model.reference import Ref

Age = tuple[str, str, str]
"""creationTimestamp, namespace, name: earlier wins."""

NOBODY: Age = ("", "", "")
"""The age of a holder whose service is gone: it holds until its last object is."""


class Hold(msgspec.Struct, frozen=True, gc=False):
    """One object serves a claim."""

    ref: Ref
    owner: str
    """UID of the service whose object it is; empty for a foreign object."""
    controller: str = ""
    """UID of the controlling owner of a foreign object."""
    via: tuple[str, ...] = ()
    doubted: bool = False
    """It serves the claim only if a write has happened of which nobody knows what became."""


class Want(msgspec.Struct, frozen=True, gc=False):
    """A door that is ready to open asks for a claim."""

    age: Age
    service: Ref
    blocked: bool = False
    """Somebody else holds something that overlaps it, so that it stands in nobody's way."""


class Claims:
    """The tables of holds and wants.  Every change returns the services whose claims it can decide."""

    def __init__(self) -> None:
        self._holds: dict[str, tuple[Hold, ...]] = {}
        self._held: dict[Ref, tuple[str, ...]] = {}
        self._wants: dict[str, tuple[Want, ...]] = {}
        self._wanted: dict[Ref, tuple[tuple[str, bool], ...]] = {}
        self._below: dict[str, dict[str, int]] = {}

    def hold(
        self, ref: Ref, owner: str, controller: str, claims: Iterable[Claim], in_doubt: Iterable[Claim] = ()
    ) -> set[Ref]:
        """Object ``ref`` now holds exactly these claims; those ``in_doubt`` if a write has happened."""
        new = {_key(c.host, c.prefix): Hold(ref, owner, controller, c.via, doubted=True) for c in in_doubt}
        for claim in claims:
            new[_key(claim.host, claim.prefix)] = Hold(ref, owner, controller, claim.via)
        old = self._held.get(ref, ())
        if not old and not new:
            return set()
        affected: set[Ref] = set()
        for key in old:
            rest = tuple(h for h in self._holds[key] if h.ref != ref)
            if rest:
                self._holds[key] = rest
            else:
                del self._holds[key]
            self._count(key, -1)
            affected |= self._concerned(key)
        for key, hold in new.items():
            self._holds[key] = (*self._holds.get(key, ()), hold)
            self._count(key, 1)
            affected |= self._concerned(key)
        if new:
            self._held[ref] = tuple(new)
        else:
            del self._held[ref]
        return affected

    def want(self, service: Ref, age: Age, claims: Iterable[tuple[str, str, bool]]) -> set[Ref]:
        """The door of this service wants exactly these ``(host, prefix, blocked)``; none while it isn't ready."""
        new = tuple({_key(host, prefix): blocked for host, prefix, blocked in claims}.items())
        old = self._wanted.get(service, ())
        if old == new:
            return set()
        affected: set[Ref] = set()
        for key, blocked in old:
            rest = tuple(w for w in self._wants[key] if w.service != service)
            if rest:
                self._wants[key] = rest
            else:
                del self._wants[key]
            self._count(key, -1)
            if (key, blocked) not in new:
                affected |= self._concerned(key)
        for key, blocked in new:
            self._wants[key] = (*self._wants.get(key, ()), Want(age, service, blocked))
            self._count(key, 1)
            if (key, blocked) not in old:
                affected |= self._concerned(key)
        if new:
            self._wanted[service] = new
        else:
            del self._wanted[service]
        affected.discard(service)
        return affected

    def holds(self, uid: str, host: str, prefix: str) -> list[Hold]:
        """The objects of this service that serve the claim, itself or something above it."""
        return [hold for key in _above(_key(host, prefix)) for hold in self._holds.get(key, ()) if hold.owner == uid]

    def rivals(self, host: str, prefix: str) -> tuple[list[Hold], list[Want]]:
        """Everything that overlaps a claim: what holds, and who wants."""
        holds: list[Hold] = []
        wants: list[Want] = []
        for key in self._overlapping(_key(host, prefix)):
            holds += self._holds.get(key, ())
            wants += self._wants.get(key, ())
        return holds, wants

    def foreign(self, host: str, prefix: str) -> list[Hold]:
        """Foreign objects that name exactly that host and cover the prefix."""
        return [h for key in _above(_key(host, prefix)) for h in self._holds.get(key, ()) if not h.owner]

    def _overlapping(self, key: str) -> Iterator[str]:
        yield from _above(key)
        for below in self._below.get(key, ()):
            if below != key:
                yield below

    def _concerned(self, key: str) -> set[Ref]:
        return {want.service for other in self._overlapping(key) for want in self._wants.get(other, ())}

    def _count(self, key: str, step: int) -> None:
        """Keep, for each prefix above a claim, which claims lie below it."""
        for above in _above(key):
            if above == key:
                continue
            below = self._below.setdefault(above, {})
            count = below.get(key, 0) + step
            if count:
                below[key] = count
            else:
                del below[key]
                if not below:
                    del self._below[above]


def _key(host: str, prefix: str) -> str:
    """``host/`` or ``host/a/b``: one string for both, since a host has no slash."""
    return host + (prefix.rstrip("/") or "/")


def _above(key: str) -> Iterator[str]:
    """A key and those of the prefixes above it: ``h/a/b``, ``h/a``, ``h/``."""
    yield key
    host, _, path = key.partition("/")
    while path:
        path = path.rpartition("/")[0]
        yield f"{host}/{path}"
