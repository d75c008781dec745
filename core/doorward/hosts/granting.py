"""Which of the hosts that a door asks for it gets (docs/host-ownership.md, Who gets it)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import groupby
from typing import Literal

import msgspec

from doorward.backends import Backends
from doorward.hosts.domains import domain_problem
from doorward.hosts.ownership import Ownership
from doorward.model.door import Claim, Door, Warning, meet
from doorward.model.reference import Ref
from doorward.model.settings import Settings
from doorward.render.rendering import Rendered
from doorward.state.reservations import How, Reservation

_FEW = 3
"""Paths that one warning names, and objects that are warned of: somebody may make thousands on another's host."""


class Denied(msgspec.Struct, frozen=True):
    """A host or path that a service asks for and doesn't get."""

    where: str
    reason: Literal["HostConflict", "DomainNotAllowed"]
    message: str
    stranger: Ref | None = None
    """The object that has it and isn't doorward's; None where it is a service's."""


class Shared(msgspec.Struct, frozen=True):
    """A host or path that a service gets, and of which somebody else's object serves something, too."""

    where: str
    message: str
    stranger: Ref


class Granted(msgspec.Struct, kw_only=True):
    """What a door may have."""

    door: Door
    denied: list[Denied] = []
    wanted: dict[str, How] = {}
    """The claims that it goes on to want, by their keys."""
    sole: set[str] = set()
    """What was granted and nobody else has a hand in, by the claims' keys."""
    shared: list[Shared] = []

    @property
    def warnings(self) -> list[Warning]:
        return [Warning("HostShared", each.message) for each in self.shared]


def grant(ownership: Ownership, door: Door, rendered: Rendered, backends: Backends, settings: Settings) -> Granted:
    """The door with what it may have; ``rendered``: what it would be if it got everything."""
    path = rendered.opens_path(door.backend)
    asked = [Claim(host) for host in door.hosts]
    if door.path and path:
        asked.append(Claim(door.path.host, door.path.prefix))
    grants = Granted(door=door)
    granted: set[Claim] = set()
    for claim in asked:
        if problem := domain_problem(claim.host, door.namespace, settings):
            grants.denied.append(Denied(claim.where, "DomainNotAllowed", problem))
        elif owner := _owner(ownership, claim, door, rendered, backends, grants):
            told, stranger = owner
            grants.denied.append(Denied(claim.where, "HostConflict", f"{claim.where} belongs to {told}", stranger))
        else:
            granted.add(claim)
            grants.shared += _within(ownership, claim, rendered, backends) if door.backend else ()
    if grants.denied:
        hosts = tuple(host for host in door.hosts if Claim(host) in granted)
        has_path = door.path and (not path or Claim(door.path.host, door.path.prefix) in granted)
        grants.door = msgspec.structs.replace(door, hosts=hosts, path=door.path if has_path else None)
    return grants


def _owner(
    ownership: Ownership, claim: Claim, door: Door, rendered: Rendered, backends: Backends, grants: Granted
) -> tuple[str, Ref | None] | None:
    """Who owns a claim that this service wants, and by which object that isn't doorward's; None where it may have it.

    Notes how it goes on to want it.

    One that others have, and this service has nothing of, stands in nobody's way.
    """
    contest = ownership.contest(claim)
    grants.wanted[claim.key] = "waits" if contest.rivals and not contest.own else "asks"
    if winner := contest.winner(ownership.age, ownership.age_of):
        return f"{ownership.name(winner)} ({winner.ref})", None
    foreign = _foreign(ownership, claim, rendered, backends) if door.backend else None
    if foreign and not contest.own:
        grants.wanted[claim.key] = "waits"
        return f"{foreign.ref}, which isn't doorward's", foreign.ref
    if foreign:
        message = (
            f"{foreign.ref}, which isn't doorward's, names {claim.host} too; requests may go to either, remove one"
        )
        grants.shared.append(Shared(claim.where, message, foreign.ref))
    if not contest.own and ownership.asked_before(claim):
        # Without a name: whoever is the first may change, and thousands may wait behind it.
        return "an earlier InferenceService, which asked for it first", None
    if contest.is_sole and not foreign:
        grants.sole.add(claim.key)
    return None


def _within(ownership: Ownership, claim: Claim, rendered: Rendered, backends: Backends) -> Iterator[Shared]:
    """The first foreign objects that take a part of a host's requests, by a class or gateway by which this door is
    served: all below a path, or an exact path."""
    ways: Collection[str] | None = None
    told = 0
    for ref, parts in groupby(ownership.within(claim), key=lambda part: part[1].ref):
        if ref in rendered.desired:
            continue
        ways = rendered.ways(claim.host, backends) if ways is None else ways
        paths = sorted(_part(key.removeprefix(claim.host), each) for key, each in parts if meet(ways, each.via))
        if not paths:
            continue
        named = ", ".join(paths[:_FEW]) + (f" and {len(paths) - _FEW} more" if len(paths) > _FEW else "")
        what = f"{ref}, which isn't doorward's, names {claim.host} too, with {named}"
        yield Shared(claim.where, f"{what}; such requests may go there, and all others come to this door", ref)
        told += 1
        if told == _FEW:
            return


def _part(path: str, reservation: Reservation) -> str:
    return f"{path} alone" if reservation.exact else f"{path} and all below"


def _foreign(ownership: Ownership, claim: Claim, rendered: Rendered, backends: Backends) -> Reservation | None:
    """The first foreign object that serves a host by a class or gateway by which this door would.

    One that stands under a name that this door needs is a conflict of names, which tells more.
    """
    strangers = ownership.foreign(claim)
    if not strangers:
        return None
    ways = rendered.ways(claim.host, backends)
    return next((each for each in strangers if meet(ways, each.via) and each.ref not in rendered.desired), None)
