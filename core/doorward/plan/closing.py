"""What has to go at once, told from the object itself, without rendering; what can't be read counts as open."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable

from doorward.backends import BackendError, Backends
from doorward.model.action import CLOSE
from doorward.model.door import Claim
from doorward.model.merge import merge
from doorward.model.reference import SERVICE, JsonObject, Ref
from doorward.plan.external_name import ExternalNames
from doorward.plan.gate import may_not_write_now
from doorward.plan.plan import Plan, Situation
from doorward.plan.stages import EXTERNAL
from doorward.plan.write import deletion_of, patch_of
from doorward.state.facts import Fact
from doorward.state.transform import canonical

CLOSED = "the door is closed"
LOST = "it may not have all of its hosts any more"


class Closing:
    """Looks at the objects of one service.

    ``door`` is its Service DOOR, ``closed`` that nothing may lead in, ``lost`` what may not be served any more (claims,
    by ``where``), ``external`` tells of an object that leads where no door may lead: nothing of it stays.  ``open_``
    are those that stand without the guard that is asked for by now.
    """

    def __init__(
        self,
        backends: Backends,
        door: Ref,
        *,
        closed: bool,
        lost: Container[str],
        external: ExternalNames | None = None,
        open_: Collection[Ref] = (),
    ) -> None:
        self.backends = backends
        self.door = door
        self.closed = closed
        self.lost = lost
        self.external = external
        self.open = open_

    def refs(self, ours: Iterable[Fact]) -> frozenset[Ref]:
        """The objects that serve what is closed, or lost."""
        return frozenset(
            fact.ref for fact in ours if fact.ref in self.open or self.leads_in(fact.ref.kind, fact.object())
        )

    def leads_in(self, kind: str, obj: JsonObject) -> bool:
        """Whether an object serves what is closed, or lost, or leads where no door may lead."""
        if kind == SERVICE:
            return self.closed and (obj.get("spec") or {}).get("type") in EXTERNAL
        if self.external and self.external.through(obj):
            return True
        if kind not in self.backends.claiming:
            watch = self.backends.watches.get(kind)
            return self.closed and not (watch and watch.guards)
        try:
            claims = self.backends.claims(kind, obj)
        except BackendError:
            return self.closed
        return any(map(self._goes, claims))

    def narrowed(self, ref: Ref, obj: JsonObject) -> JsonObject | None:
        """A merge patch of an object's spec that leaves what may stay; None: nothing may."""
        if ref == self.door:
            return {"type": "ClusterIP", "loadBalancerIP": None}
        if ref in self.open or (self.external and self.external.through(obj)):
            return None
        kind = ref.kind
        try:
            claims = self.backends.claims(kind, obj)
            going = {claim.host for claim in claims if self._goes(claim)}
            staying = dict.fromkeys(claim.host for claim in claims if claim.host not in going)
            spec = self.backends.narrow(kind, obj, tuple(staying))
            return spec if spec and self._leaves(kind, obj, spec, staying) else None
        except BackendError:
            return None

    def close(self, s: Situation, fact: Fact, plan: Plan) -> None:
        """An object that serves what it may not any more is left with the rest, or goes."""
        spec, why = self.narrowed(fact.ref, fact.object()), CLOSED if self.closed else LOST
        if not spec:
            remove(s, fact, CLOSE, why, plan)
        elif not fact.deleting and not may_not_write_now(s, fact.ref, plan):
            plan.add(patch_of(fact, {"spec": spec}, CLOSE, why))

    def _leaves(self, kind: str, obj: JsonObject, spec: JsonObject, staying: Container[str]) -> bool:
        """Whether a patch leaves nothing but what may stay: a plugin may be wrong, and closing never waits."""
        try:
            canonical(spec)
        except TypeError:  # what JSON can't hold
            return False
        return all(claim.host in staying for claim in self.backends.claims(kind, merge(obj, {"spec": spec})))

    def _goes(self, claim: Claim) -> bool:
        """Whether a claim is to be served no more."""
        return self.closed or claim.where in self.lost


def remove(s: Situation, fact: Fact, order: int, reason: str, plan: Plan) -> None:
    """Delete an object, unless it goes already, or may not be written now."""
    if not fact.deleting and not may_not_write_now(s, fact.ref, plan, closes=order == CLOSE):
        plan.writes.append(deletion_of(fact, order, reason))
