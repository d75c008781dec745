"""Who owns a host: one rule, for doors that open, that stand and that are held (docs/host-ownership.md, Who gets it).

A service may want a claim, serve it, or have served it until somebody changed its object.  Whose it is follows from who
else has a hand in it; where several have, each line beats those below it:

    who else has a hand in it              we want it   we serve it                we served it
    -------------------------------------  -----------  -------------------------  ------------
    a service, as we wrote it              theirs       theirs if it came before   theirs
                                                        us, or we aren't known to
                                                        have written ours
    what merely bears our annotation       theirs       ours if we wrote it, else  theirs
                                                        the earlier service's
    a write whose outcome is unknown       theirs       ours                       theirs
    what a deleted service left            theirs       ours if we wrote it        theirs
    an object that isn't doorward's        theirs       ours                       theirs
    an earlier service that asks for it    theirs       ours                       theirs
    nobody                                 ours         ours                       ours
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

import msgspec

from doorward.model.door import Claim
from doorward.model.reference import Ref
from doorward.state.reservations import NOBODY, Age, Reservation, Reservations


class Contest(msgspec.Struct, frozen=True, gc=False):
    """Who has something that overlaps a claim."""

    own: tuple[Reservation, ...]
    """Of the service itself, which serves it already."""
    rivals: tuple[Reservation, ...]
    """Of other services."""

    @property
    def stands(self) -> bool:
        return any(not each.unknown for each in self.own)

    @property
    def written(self) -> bool:
        """Whether the service has it from us, beyond what bears our annotation."""
        return any(each.written and not each.unknown for each in self.own)

    @property
    def is_sole(self) -> bool:
        """Whether no other service has a hand in it; what merely bears an annotation has none in what we wrote."""
        return not (any(each.written for each in self.rivals) if self.written else self.rivals)

    def challengers(self, age: Callable[[str], Age]) -> list[Reservation]:
        """Those that may take the claim from a door that stands.

        What may or may not stand takes nothing.  From a door that has the claim from us, neither does what a deleted
        service left, which goes by itself, nor what merely bears our annotation.
        """
        rivals = [each for each in self.rivals if not each.unknown]
        return [each for each in rivals if each.written and age(each.owner) != NOBODY] if self.written else rivals

    def winner(self, own: Age, age: Callable[[str], Age]) -> Reservation | None:
        """The other service's reservation to which the claim belongs; None where it isn't another's before ours."""
        rivals = self.challengers(age) if self.stands else list(self.rivals)
        if self.stands and not self.written and (known := [each for each in rivals if each.written]):
            return min(known, key=lambda each: (age(each.owner), str(each.ref)))
        if not rivals:
            return None
        first = min(rivals, key=lambda each: (age(each.owner), str(each.ref)))
        return None if self.own and own < age(first.owner) else first


class Ownership:
    """The rule, asked for one service."""

    def __init__(self, reservations: Reservations, age: Callable[[str], Age], service: Ref, uid: str) -> None:
        self.reservations = reservations
        self.age_of = age
        self.service = service
        self.uid = uid

    @property
    def age(self) -> Age:
        return self.age_of(self.uid)

    def contest(self, claim: Claim) -> Contest:
        own, rivals = self.reservations.own(self.uid, claim.key), self.reservations.rivals(self.uid, claim.key)
        return Contest(tuple(own), tuple(rivals))

    def foreign(self, claim: Claim) -> list[Reservation]:
        """Objects that aren't doorward's and serve the claim.

        One of this very service's, of another origin, isn't among them; an owner counts in its own namespace alone.
        """
        return [each for each in self.reservations.foreign(claim.key) if self._is_foreign(each)]

    def within(self, claim: Claim) -> Iterator[tuple[str, Reservation]]:
        """What such objects serve below the claim, or of its first path alone, by host and path: they own nothing."""
        return ((where, each) for where, each in self.reservations.within(claim.key) if self._is_foreign(each))

    def _is_foreign(self, reservation: Reservation) -> bool:
        return reservation.controller != self.uid or reservation.ref.namespace != self.service.namespace

    def asked_before(self, claim: Claim) -> bool:
        """Whether an earlier service asks for something that overlaps the claim."""
        first = self.reservations.first(self.service, claim.key)
        return first is not None and first < self.age

    def lost_to(self, claim: Claim) -> str:
        """The service that has, before this one, what an object of this one serves as well; empty where it is ours.

        What somebody added to the object isn't this service's, however old that is.
        """
        contest = self.contest(claim)
        if contest.own:
            winner = contest.winner(self.age, self.age_of) if contest.stands else None
        else:
            winner = min(contest.challengers(self.age_of), key=lambda each: self.age_of(each.owner), default=None)
        return self.name(winner) if winner else ""

    def is_taken(self, claim: Claim) -> bool:
        """Whether somebody else has, or is about to have, what an object of ours served until somebody changed it."""
        contest = self.contest(claim)
        if contest.own:
            return not contest.written and any(each.written and not each.unknown for each in contest.rivals)
        if contest.rivals or self.reservations.first(self.service, claim.key) is not None:
            return True
        return any(claim.meets(each.via) for each in self.foreign(claim))

    def any_taken(self, claims: Collection[Claim]) -> bool:
        return any(map(self.is_taken, claims))

    def name(self, reservation: Reservation) -> str:
        """The service that has a reservation, for people."""
        age = self.age_of(reservation.owner)
        return f"InferenceService {age[1]}/{age[2]}" if age != NOBODY else "a deleted InferenceService"
