"""Who reserves a host (docs/host-ownership.md, Who gets it).

A claim is a host from a path prefix downwards.  Objects that stand *hold* claims; doors that are ready to open *want*
them.  Two claims overlap when they name the same host and one prefix is below the other.

    somebody else's object holds it, ours doesn't   ->  not ours
    ours holds it, a write of another's is in doubt ->  ours
    ours holds it, and what a deleted service left  ->  ours
    both hold it, and one is known to be written    ->  that one's
    both hold it alike (after an adoption)          ->  the earliest service's
    nobody of doorward's holds it, somebody foreign ->  not ours, unless ours held it before
    nobody holds it                                 ->  the earliest of the services that want it, and could have it

What an object holds for its service is told by :mod:`doorward.state.reserved`, from what we are known to have
written.

Look-ups cost what overlaps, not what shares the host: twenty thousand path doors on one base domain never see each
other, and what others serve within a claim is kept for each prefix above it.  Of services that want the same host only
the first is told of a rival: thousands may want it, and those who lost decide again when it is free.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Literal

import msgspec

from doorward.model.door import Claim
from doorward.model.reference import Ref
from doorward.state.index import Index

Age = tuple[str, str, str]
"""creationTimestamp, namespace, name: earlier wins."""

NOBODY: Age = ("", "", "")
"""The age of a holder whose service is gone: it holds until its last object is."""

How = Literal["asks", "waits", "listens"]
"""``asks``: would take the claim; ``waits``: somebody else has it; ``listens``: a held door, which takes nothing, and
hears when the claim is taken or free."""


_NOTHING: tuple[Age, Mapping[str, How]] = (NOBODY, {})

Asking = tuple[Age, Ref]
"""A service that asks for a claim; earlier sorts first."""


class Reservation(msgspec.Struct, frozen=True, gc=False):
    """One object serves a claim."""

    ref: Ref
    owner: str
    """UID of the service that holds the claim by it; empty for a foreign object, and for what somebody added."""
    controller: str = ""
    """UID of the controlling owner of a foreign object, or of the service to whose object somebody added the claim."""
    via: tuple[str, ...] = ()
    unknown: bool = False
    """It serves the claim only if a write has happened of which nobody knows what became."""
    written: bool = True
    """We are known to have written the claim; False: it stood when we came, and bears our annotation."""
    exact: bool = False
    """A foreign object serves that path, and nothing below it."""
    added: bool = False
    """Somebody added the claim to an object of ours, which is put right."""


class Reservations:
    """The tables of holds and wants.  Every change returns the services whose claims it can decide."""

    def __init__(self) -> None:
        self._reserved = Index[str]()
        """The objects that serve each claim."""
        self._of: dict[Ref, dict[str, Reservation]] = {}
        self._wants = Index[str]()
        """The services that want each claim."""
        self._wanted: dict[Ref, tuple[Age, Mapping[str, How]]] = {}
        self._asking: dict[str, Asking | list[Asking]] = {}
        """Of each claim, those who ask for it, the first one first; one alone is stored bare."""
        self._listening = Index[str]()
        """The services that hear of each claim without asking for it."""
        self._below: dict[str, dict[str, int]] = {}
        self._within: dict[str, list[Ref]] = {}
        """The foreign objects that serve a part of each prefix, in their order."""

    def reserve(self, ref: Ref, reserved: Mapping[str, Reservation]) -> set[Ref]:
        """Object ``ref`` now reserves exactly these claims, by their keys."""
        old = self._of.get(ref, {})
        affected: set[Ref] = set()
        for key, before in old.items():
            if reserved.get(key) == before:
                continue
            affected |= self._concerned(key)
            if key not in reserved:
                self._reserved.discard(key, ref)
                self._count(key, -1)
        for key, reservation in reserved.items():
            before_ = old.get(key)
            if before_ == reservation:
                continue
            if before_ is None:
                self._reserved.add(key, ref)
                self._count(key, 1)
                affected |= self._concerned(key)
        if reserved != old:
            self._keep_within(ref, _holding_parts(old), _holding_parts(reserved))
        if reserved:
            self._of[ref] = dict(reserved)
        else:
            self._of.pop(ref, None)
        return affected

    def refs(self) -> list[Ref]:
        """The objects that reserve anything."""
        return list(self._of)

    def want(self, service: Ref, age: Age, claims: Mapping[str, How]) -> set[Ref]:
        """The door of this service wants exactly these claims, by their keys; none while it isn't ready."""
        known = self._wanted.get(service, _NOTHING)
        if known == (age, claims) or not (known[1] or claims):
            return set()
        affected: set[Ref] = set()
        for key in {**known[1], **claims}:
            before, now = known[1].get(key), claims.get(key)
            if before == now and known[0] == age:
                continue
            asked, asks = before == "asks", now == "asks"
            if asked:
                self._stop_asking(key, (known[0], service))
            self._listen(key, service, before, now)
            if now is None:
                self._wants.discard(key, service)
                self._count(key, -1)
            elif before is None:
                self._wants.add(key, service)
                self._count(key, 1)
            if asked != asks:
                affected |= self._outdone(key, age)
            if asks:
                self._start_asking(key, (age, service))
        if claims:
            self._wanted[service] = age, dict(claims)
        else:
            del self._wanted[service]
        affected.discard(service)
        return affected

    def drop(self, service: Ref) -> set[Ref]:
        """A service is gone, and wants nothing any more."""
        return self.want(service, NOBODY, {})

    def taken(self, service: Ref, uid: str) -> list[str]:
        """The claims that the service asks for, by their keys, and that none of its objects serves."""
        _, wanted = self._wanted.get(service, _NOTHING)
        return [key for key, how in wanted.items() if how == "asks" and not self.own(uid, key)]

    def own(self, uid: str, key: str) -> list[Reservation]:
        """The objects of this service that serve the claim, itself or something above it."""
        return [each for above in prefixes(key) for each in self._at(above) if each.owner == uid]

    def rivals(self, uid: str, key: str) -> list[Reservation]:
        """What other services have that overlaps a claim."""
        return [each for other in self._overlapping(key) for each in self._at(other) if each.owner not in ("", uid)]

    def foreign(self, key: str) -> list[Reservation]:
        """Foreign objects that name exactly that host and cover the prefix, in the order in which they were seen."""
        return [each for above in prefixes(key) for each in self._at(above) if not each.owner and not each.exact]

    def within(self, key: str) -> Iterator[tuple[str, Reservation]]:
        """What foreign objects serve of that claim without covering it, each with host and path.

        That is what lies below it, and the exact path that it begins with.  Object by object, in their order: whoever
        asks for the first ones looks at no others.
        """
        for ref in self._within.get(key, ()):
            for other, each in self._of[ref].items():
                if _is_foreign(each) and _is_within(other, key, exact=each.exact):
                    yield other, each

    def first(self, service: Ref, key: str) -> Age | None:
        """The age of the earliest other service that asks for something that overlaps the claim."""
        found: Age | None = None
        for other in self._overlapping(key):
            for age, asking in self._asking_for(other)[:2]:
                if asking != service:
                    found = age if found is None or age < found else found
                    break
        return found

    def holders(self, claim: Claim) -> tuple[str, tuple[str, ...]]:
        """The nearest prefix at or above a claim's that services serve on its host, and their UIDs; none: nobody."""
        for key in prefixes(claim.key):
            if owners := dict.fromkeys(each.owner for each in self._at(key) if each.owner):
                return key.removeprefix(claim.host).rstrip("/"), tuple(owners)
        return "", ()

    def is_shared(self, host: str) -> bool:
        """Whether a host is served, or wanted, below some path."""
        return Claim(host).key in self._below

    def of(self, ref: Ref) -> Mapping[str, Reservation]:
        """What an object reserves, by the claims' keys."""
        return self._of.get(ref, {})

    def _keep_within(self, ref: Ref, before: Set[str], now: Set[str]) -> None:
        for key in before - now:
            refs = self._within[key]
            del refs[bisect_left(refs, ref)]
            if not refs:
                del self._within[key]
        for key in now - before:
            insort(self._within.setdefault(key, []), ref)

    def _at(self, key: str) -> Iterable[Reservation]:
        return [self._of[ref][key] for ref in self._reserved.at(key)]

    def _outdone(self, key: str, age: Age) -> set[Ref]:
        """Whose claims it may decide that a service of this age begins to ask for one, or stops asking.

        Of those who ask, the first had it, or gets it now; the others have lost to that one already.  A door that
        listens hears of either.
        """
        affected: set[Ref] = set()
        for other in self._overlapping(key):
            asking = self._asking_for(other)
            if asking and age < asking[0][0]:
                affected.add(asking[0][1])
            affected.update(self._listening.at(other))
        return affected

    def _listen(self, key: str, service: Ref, before: How | None, now: How | None) -> None:
        if now == "listens":
            self._listening.add(key, service)
        elif before == "listens":
            self._listening.discard(key, service)

    def _asking_for(self, key: str) -> Sequence[Asking]:
        asking = self._asking.get(key, ())
        return asking if isinstance(asking, list) else (asking,) if asking else ()

    def _start_asking(self, key: str, asking: Asking) -> None:
        known = self._asking.get(key)
        if known is None:
            self._asking[key] = asking
        elif isinstance(known, list):
            insort(known, asking)
        else:
            self._asking[key] = sorted((known, asking))

    def _stop_asking(self, key: str, asking: Asking) -> None:
        known = self._asking[key]
        if not isinstance(known, list):
            del self._asking[key]
            return
        del known[bisect_left(known, asking)]
        if len(known) == 1:
            self._asking[key] = known[0]

    def _overlapping(self, key: str) -> Iterator[str]:
        yield from prefixes(key)
        for below in self._below.get(key, ()):
            if below != key:
                yield below

    def _concerned(self, key: str) -> set[Ref]:
        return {service for other in self._overlapping(key) for service in self._wants.at(other)}

    def _count(self, key: str, step: int) -> None:
        """Keep, for each prefix above a claim, which claims lie below it."""
        for above in prefixes(key):
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


def prefixes(key: str) -> Iterator[str]:
    """A key and those of the prefixes above it: ``h/a/b``, ``h/a``, ``h/``."""
    yield key
    host, _, path = key.partition("/")
    while path:
        path = path.rpartition("/")[0]
        yield f"{host}/{path}"


def _is_foreign(reservation: Reservation) -> bool:
    """Whether it is that of an object which isn't doorward's."""
    return not reservation.owner and not reservation.added


def _is_within(other: str, key: str, *, exact: bool) -> bool:
    """Whether a claim is a part of another one: below it, or its first path alone."""
    if other == key:
        return exact
    return other.startswith(key if key.endswith("/") else f"{key}/")


def _holding_parts(reserved: Mapping[str, Reservation]) -> Set[str]:
    """The prefixes of which a foreign object serves a part."""
    return {
        above
        for key, each in reserved.items()
        if _is_foreign(each)
        for above in prefixes(key)
        if each.exact or above != key
    }
