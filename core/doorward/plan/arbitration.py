"""Which of the hosts that a service asks for it gets (docs/host-ownership.md, Who gets it)."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Literal

import msgspec

from doorward.backends import Backend
from doorward.graph.claims import NOBODY, Age, Claims, Hold, How, key_of
from doorward.graph.inference_service import InferenceService
from doorward.model.door import Claim, Door, PathDoor, Warning, meet
from doorward.model.reference import Ref, kind_of
from doorward.model.settings import Settings
from doorward.plan.rendering import Renderer


class Denied(msgspec.Struct, frozen=True):
    """A host or path that a service asks for and doesn't get."""

    where: str
    reason: Literal["HostConflict", "DomainNotAllowed"]
    message: str


class Contest(msgspec.Struct, frozen=True, gc=False):
    """Who has something that overlaps a claim."""

    mine: tuple[Hold, ...]
    """Of the service itself, which serves it already."""
    holds: tuple[Hold, ...]
    """Of other services."""

    @property
    def stands(self) -> bool:
        return any(not hold.doubted for hold in self.mine)

    @property
    def written(self) -> bool:
        """Whether the service has it from us, beyond what bears our annotation."""
        return any(hold.written and not hold.doubted for hold in self.mine)

    def challengers(self, age: Callable[[str], Age]) -> list[Hold]:
        """Those that may take the claim from a door that stands.

        What may or may not stand takes nothing.  From a door that has the claim from us, neither does what a deleted
        service left, which goes by itself, nor what merely bears our annotation.
        """
        rivals = [hold for hold in self.holds if not hold.doubted]
        return [hold for hold in rivals if hold.written and age(hold.owner) != NOBODY] if self.written else rivals

    def winner(self, own: Age, age: Callable[[str], Age]) -> Hold | None:
        """The other service's hold to which the claim belongs; None where it isn't another's before the service's."""
        rivals = self.challengers(age) if self.stands else list(self.holds)
        if self.stands and not self.written and (known := [hold for hold in rivals if hold.written]):
            return min(known, key=lambda hold: (age(hold.owner), str(hold.ref)))
        if not rivals:
            return None
        first = min(rivals, key=lambda hold: (age(hold.owner), str(hold.ref)))
        return None if self.mine and own < age(first.owner) else first


class Arbiter:
    """Settles the claims of one service, and remembers whom that concerns."""

    def __init__(self, claims: Claims, age: Callable[[str], Age], renderer: Renderer, ref: Ref) -> None:
        self.claims = claims
        self.age = age
        self.renderer = renderer
        self.ref = ref
        self.uid = renderer.uid
        self.affected: set[Ref] = set()
        """Services whose claims this one's may decide."""
        self.warnings: list[Warning] = []
        self.sole: set[str] = set()
        """What was granted and nobody else has a hand in, by the claims' keys."""

    def settle(
        self, service: InferenceService, door: Door, selected: Backend | None, settings: Settings, *, path: bool
    ) -> tuple[Door, list[Denied]]:
        """The door with what it may have, and what is denied; ``path``: its backend can open the path door."""
        asked = [Claim(host) for host in door.hosts]
        if door.path and path:
            asked.append(Claim(door.path.host, door.path.prefix))
        denied: list[Denied] = []
        wanted: list[tuple[str, str, How]] = []
        granted: set[Claim] = set()
        for claim in asked:
            if problem := domain_problem(claim.host, door.namespace, settings):
                denied.append(Denied(claim.where, "DomainNotAllowed", problem))
                continue
            owner, how = self._owner(service, claim, door, selected)
            wanted.append((claim.host, claim.prefix, how))
            if owner:
                denied.append(Denied(claim.where, "HostConflict", f"{claim.where} belongs to {owner}"))
            else:
                granted.add(claim)
        self.affected |= self.claims.want(self.ref, self.age(self.uid), wanted)
        if not denied:
            return door, denied
        hosts = tuple(host for host in door.hosts if Claim(host) in granted)
        has_path = door.path and (not path or Claim(door.path.host, door.path.prefix) in granted)
        return msgspec.structs.replace(door, hosts=hosts, path=door.path if has_path else None), denied

    def _owner(self, service: InferenceService, claim: Claim, door: Door, selected: Backend | None) -> tuple[str, How]:
        """Who owns a claim that this service wants, empty where it may have it; and how it goes on to want it.

        One that others have, and this service has nothing of, stands in nobody's way.
        """
        age, contest = service.age, contest_of(self.claims, self.uid, claim)
        how: How = "waits" if contest.holds and not contest.mine else "asks"
        if winner := contest.winner(age, self.age):
            return f"{_named(self.age(winner.owner))} ({winner.ref})", how
        foreign = self._foreign(claim, door, selected)
        if foreign and not contest.mine:
            return f"{foreign.ref}, which isn't doorward's", "waits"
        if foreign:
            message = (
                f"{foreign.ref}, which isn't doorward's, names {claim.host} too; requests may go to either, remove one"
            )
            self.warnings.append(Warning("HostShared", message))
        if not contest.mine:
            earlier = self.claims.first(self.ref, claim.host, claim.prefix)
            if earlier is not None and earlier < age:
                # Without a name: whoever is the first may change, and thousands may wait behind it.
                return "an earlier InferenceService, which asked for it first", how
        rivals = any(hold.written for hold in contest.holds) if contest.written else bool(contest.holds)
        if not rivals and not foreign:
            self.sole.add(key_of(claim.host, claim.prefix))
        return "", how

    def _foreign(self, claim: Claim, door: Door, selected: Backend | None) -> Hold | None:
        """The first foreign object that serves a host by a class or gateway by which this door would.

        One that stands under a name that this door needs is a conflict of names, which tells more.
        """
        strangers = [
            hold for hold in self.claims.foreign(claim.host, claim.prefix) if _is_strangers(hold, self.uid, self.ref)
        ]
        if not strangers or selected is None:
            return None
        ways, names = self._ways(claim, door, selected)
        return next((hold for hold in strangers if meet(ways, hold.via) and hold.ref not in names), None)

    def _ways(self, claim: Claim, door: Door, selected: Backend) -> tuple[set[str], set[Ref]]:
        """The classes and gateways by which this door would serve a host, and the objects with which it would."""
        only = msgspec.structs.replace(
            door,
            hosts=(claim.host,) if claim.prefix == "/" else (),
            path=PathDoor(claim.host, claim.prefix) if claim.prefix != "/" else None,
        )
        ways: set[str] = set()
        names: set[Ref] = set()
        for backend in self.renderer.renderers(only, selected):
            for manifest in backend.render(only, self.renderer.needed(backend, only)).objects:
                kind = kind_of(manifest)
                names.add(Ref(kind, door.namespace, manifest["metadata"]["name"]))
                placed = {**manifest, "metadata": {**manifest["metadata"], "namespace": door.namespace}}
                for made in self.renderer.backends.claims(kind, placed):
                    if made.host == claim.host:
                        ways.update(made.via)
        return ways, names


def contest_of(claims: Claims, uid: str, claim: Claim) -> Contest:
    mine = claims.holds(uid, claim.host, claim.prefix)
    return Contest(tuple(mine), tuple(claims.rivals(uid, claim.host, claim.prefix)))


def is_taken(claims: Claims, ref: Ref, uid: str, claim: Claim) -> bool:
    """Whether somebody else has, or is about to have, what an object of ours served until somebody changed it."""
    contest = contest_of(claims, uid, claim)
    if contest.mine:
        return not contest.written and any(hold.written and not hold.doubted for hold in contest.holds)
    if contest.holds or claims.first(ref, claim.host, claim.prefix) is not None:
        return True
    foreign = claims.foreign(claim.host, claim.prefix)
    return any(_is_strangers(hold, uid, ref) and claim.meets(hold.via) for hold in foreign)


def _is_strangers(hold: Hold, uid: str, service: Ref) -> bool:
    """Whether a foreign object isn't this very service's, of another origin; an owner counts in its own namespace."""
    return hold.controller != uid or hold.ref.namespace != service.namespace


def lost_to(claims: Claims, uid: str, claim: Claim, age: Callable[[str], Age]) -> str:
    """The service that has, before this one, what an object of this one serves as well; empty where that is its own.

    What somebody added to the object isn't this service's, however old that is.
    """
    contest = contest_of(claims, uid, claim)
    if contest.mine:
        winner = contest.winner(age(uid), age) if contest.stands else None
    else:
        winner = min(contest.challengers(age), key=lambda hold: age(hold.owner), default=None)
    return _named(age(winner.owner)) if winner else ""


def _named(age: Age) -> str:
    return f"InferenceService {age[1]}/{age[2]}" if age != NOBODY else "a deleted InferenceService"


def domain_problem(host: str, namespace: str, settings: Settings) -> str:
    """Why a namespace may not have a host, by setting ``namespaceDomains``; a namespace that no pattern names may."""
    named = [domains for pattern, domains in settings.namespace_domains.items() if fnmatchcase(namespace, pattern)]
    if not named:
        return ""
    allowed = sorted({domain for domains in named for domain in domains})
    if any(host == domain or host.endswith(f".{domain}") for domain in allowed):
        return ""
    return (
        f"{host} isn't below a domain that setting namespaceDomains allows namespace {namespace}: {', '.join(allowed)}"
    )
