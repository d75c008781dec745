"""What has to go at once, told from the object itself, without rendering; what can't be read counts as open."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from doorward.backends import BackendError, Backends
from doorward.graph.facts import Fact
from doorward.graph.trim import canonical
from doorward.model.door import Claim
from doorward.model.merge import merge
from doorward.model.reference import SERVICE, JsonObject, Ref
from doorward.model.settings import Settings
from doorward.plan.arbitration import domain_problem
from doorward.plan.plan import EXTERNAL


class Closing:
    """Looks at the objects of one service.

    ``door`` is its Service DOOR, ``closed`` that nothing may lead in, ``lost`` the hosts that belong to another now,
    ``astray`` tells of an object that leads where no door may lead: nothing of it stays.
    """

    def __init__(
        self,
        backends: Backends,
        settings: Settings,
        door: Ref,
        *,
        closed: bool,
        lost: Collection[str],
        astray: Callable[[JsonObject], object] | None = None,
    ) -> None:
        self.backends = backends
        self.settings = settings
        self.door = door
        self.closed = closed
        self.lost = lost
        self.astray = astray

    def refs(self, ours: Iterable[Fact]) -> frozenset[Ref]:
        """The objects that serve what is closed, or lost."""
        return frozenset(
            fact.ref
            for fact in ours
            if (self.closed and self.leads_in(fact.ref.kind, fact.object())) or (self.lost and self._serves_lost(fact))
        )

    def leads_in(self, kind: str, obj: JsonObject) -> bool:
        """Whether an object serves what is closed, or a host that is lost, or that the namespace may not have."""
        if kind == SERVICE:
            return self.closed and (obj.get("spec") or {}).get("type") in EXTERNAL
        if self.astray and self.astray(obj):
            return True
        if kind not in self.backends.claiming:
            return self.closed
        try:
            claims = self.backends.claims(kind, obj)
        except BackendError:
            return self.closed
        return any(map(self._goes, claims))

    def narrowed(self, ref: Ref, obj: JsonObject) -> JsonObject | None:
        """A merge patch of an object's spec that leaves what may stay; None: nothing may."""
        if ref == self.door:
            return {"type": "ClusterIP", "loadBalancerIP": None}
        if self.astray and self.astray(obj):
            return None
        kind = ref.kind
        try:
            claims = self.backends.claims(kind, obj)
            going = {claim.host for claim in claims if self._goes(claim)}
            staying = dict.fromkeys(claim.host for claim in claims if claim.host not in going)
            spec = self.backends.narrow(kind, obj, tuple(staying))
            return spec if spec and self._closes(kind, obj, spec) else None
        except BackendError:
            return None

    def _closes(self, kind: str, obj: JsonObject, spec: JsonObject) -> bool:
        """Whether a patch leaves nothing that has to go: a plugin may be wrong, and closing never waits."""
        try:
            canonical(spec)
        except TypeError:  # what JSON can't hold
            return False
        return not any(map(self._goes, self.backends.claims(kind, merge(obj, {"spec": spec}))))

    def _goes(self, claim: Claim) -> bool:
        """Whether a claim is to be served no more."""
        if self.closed or claim.where in self.lost:
            return True
        return bool(domain_problem(claim.host, self.door.namespace, self.settings))

    def _serves_lost(self, fact: Fact) -> bool:
        claims = self.backends.claims(fact.ref.kind, fact.object())
        return any(claim.where in self.lost for claim in claims)
