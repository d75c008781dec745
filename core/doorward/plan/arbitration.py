"""Which of the hosts that a service asks for it gets (behaviour, section 10)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Literal

import msgspec

from doorward.backends import Backend
from doorward.graph.claims import NOBODY, Age, Claims, Hold, Want
from doorward.graph.inference_service import InferenceService
from doorward.model.door import Claim, Door, PathDoor, Warning
from doorward.model.reference import Ref, kind_of
from doorward.model.settings import Settings
from doorward.plan.rendering import Renderer


class Denied(msgspec.Struct, frozen=True):
    """A host or path that a service asks for and doesn't get."""

    where: str
    reason: Literal["HostConflict", "DomainNotAllowed"]
    message: str


class Contest(msgspec.Struct, frozen=True, gc=False):
    """Who else has or asks for something that overlaps a claim."""

    mine: tuple[Hold, ...]
    """Of the service itself, which serves it already."""
    holds: tuple[Hold, ...]
    """Of other services."""
    wants: tuple[Want, ...]
    """Of other services."""

    @property
    def blocked(self) -> bool:
        """Others have it, and this service nothing of it: asking for it stands in nobody's way."""
        return bool(self.holds) and not self.mine

    def challengers(self, age: Callable[[str], Age]) -> list[Hold]:
        """Those that may take the claim from a door that stands.

        What may or may not stand takes nothing, nor does what a deleted service left, which goes by itself.
        """
        return [hold for hold in self.holds if not hold.doubted and age(hold.owner) != NOBODY]

    def rivals(self, age: Callable[[str], Age]) -> Sequence[Hold]:
        """Those that may be put before the service, which may serve the claim or not."""
        stands = any(not hold.doubted for hold in self.mine)
        return self.challengers(age) if stands else self.holds


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

    def settle(
        self, service: InferenceService, door: Door, selected: Backend | None, settings: Settings, *, path: bool
    ) -> tuple[Door, list[Denied]]:
        """The door with what it may have, and what is denied; ``path``: its backend can open the path door."""
        asked = [Claim(host) for host in door.hosts]
        if door.path and path:
            asked.append(Claim(door.path.host, door.path.prefix))
        denied: list[Denied] = []
        allowed: list[Claim] = []
        for claim in asked:
            problem = domain_problem(claim.host, door.namespace, settings)
            if problem:
                denied.append(Denied(claim.where, "DomainNotAllowed", problem))
            else:
                allowed.append(claim)
        contests = [_contest(self.claims, self.ref, self.uid, claim) for claim in allowed]
        wanted = [(c.host, c.prefix, contest.blocked) for c, contest in zip(allowed, contests, strict=True)]
        self.affected |= self.claims.want(self.ref, self.age(self.uid), wanted)
        granted: list[Claim] = []
        for claim, contest in zip(allowed, contests, strict=True):
            owner = self._owner(service, claim, contest, door, selected)
            if owner:
                denied.append(Denied(claim.where, "HostConflict", f"{claim.where} belongs to {owner}"))
            else:
                granted.append(claim)
        if not denied:
            return door, denied
        hosts = tuple(claim.host for claim in granted if claim.prefix == "/")
        has_path = door.path and (not path or Claim(door.path.host, door.path.prefix) in granted)
        return msgspec.structs.replace(door, hosts=hosts, path=door.path if has_path else None), denied

    def _owner(
        self, service: InferenceService, claim: Claim, contest: Contest, door: Door, selected: Backend | None
    ) -> str:
        """Who owns a claim that this service wants; empty where it may have it."""
        uid, age, mine = service.metadata.uid, service.age, contest.mine
        rivals = [(self.age(hold.owner), str(hold.ref)) for hold in contest.rivals(self.age)]
        if rivals:
            earliest, ref = min(rivals)
            if mine and age < earliest:
                return ""
            name = (
                f"InferenceService {earliest[1]}/{earliest[2]}" if earliest != NOBODY else "a deleted InferenceService"
            )
            return f"{name} ({ref})"
        for hold in self.claims.foreign(claim.host, claim.prefix):
            if hold.controller != uid and self._same_way(hold, claim, door, selected):
                if not mine:
                    return f"{hold.ref}, which isn't doorward's"
                message = (
                    f"{hold.ref}, which isn't doorward's, names {claim.host} too; requests may go to either, remove one"
                )
                self.warnings.append(Warning("HostShared", message))
        if mine:
            return ""
        earlier = [want.age for want in contest.wants if not want.blocked and want.age < age]
        if earlier:
            first = min(earlier)
            return f"InferenceService {first[1]}/{first[2]}, which asked for it first"
        return ""

    def _same_way(self, hold: Hold, claim: Claim, door: Door, selected: Backend | None) -> bool:
        """Whether a foreign object serves a host by the class or gateway that this door would.

        One that stands under a name that this door needs is a conflict of names, which tells more.
        """
        if selected is None:
            return False
        only = msgspec.structs.replace(
            door,
            hosts=(claim.host,) if claim.prefix == "/" else (),
            path=PathDoor(claim.host, claim.prefix) if claim.prefix != "/" else None,
        )
        for backend in self.renderer.renderers(only, selected):
            for manifest in backend.render(only, self.renderer.needed(backend, only)).objects:
                kind = kind_of(manifest)
                if hold.ref == Ref(kind, door.namespace, manifest["metadata"]["name"]):
                    return False
                placed = {**manifest, "metadata": {**manifest["metadata"], "namespace": door.namespace}}
                for made in self.renderer.backends.claims(kind, placed):
                    if made.host == claim.host and set(made.via) & set(hold.via):
                        return True
        return False


def _contest(claims: Claims, ref: Ref, uid: str, claim: Claim) -> Contest:
    holds, wants = claims.rivals(claim.host, claim.prefix)
    others = tuple(hold for hold in holds if hold.owner and hold.owner != uid)
    asking = tuple(want for want in wants if want.service != ref)
    return Contest(tuple(claims.holds(uid, claim.host, claim.prefix)), others, asking)


def is_taken(claims: Claims, ref: Ref, uid: str, claim: Claim) -> bool:
    """Whether somebody else has, or is about to have, what an object of ours served until somebody changed it."""
    contest = _contest(claims, ref, uid, claim)
    if contest.mine:
        return False
    if contest.holds or any(not want.blocked for want in contest.wants):
        return True
    foreign = claims.foreign(claim.host, claim.prefix)
    return any(hold.controller != uid and set(hold.via) & set(claim.via) for hold in foreign)


def lost_to(claims: Claims, ref: Ref, uid: str, claim: Claim, age: Callable[[str], Age]) -> str:
    """The earliest service that has what an object of a held door serves as well; empty where that is the door's."""
    first = min((age(hold.owner) for hold in _contest(claims, ref, uid, claim).challengers(age)), default=age(uid))
    return f"InferenceService {first[1]}/{first[2]}" if first < age(uid) else ""


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
