"""Which hosts an object serves, or may serve once what is being done to it has happened, and for whom.

What a tenant can write proves nothing.  A claim counts for a service as far as we are known to have written it:

    the service's memory has it                      ->  reserved, as written
    a write of ours is under way, and adds it        ->  reserved, as written; ``unknown`` where its outcome is
    it stood when we came, and memory knows nothing  ->  reserved; as written where the service's status names it
    it was added to an object with our annotation    ->  nobody's: like a foreign object's, until it is repaired
    its owner annotation fits no service             ->  a deleted service's, as long as garbage collection will take
                                                         the object; else a foreign object's
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple

from doorward.backends import BackendError, Backends
from doorward.model.action import Action
from doorward.model.door import Claim
from doorward.model.merge import merge
from doorward.model.reference import JsonObject, Ref
from doorward.model.source import Source
from doorward.state.facts import Fact
from doorward.state.garbage import is_garbage
from doorward.state.memory import Memory, claims_of, key_of
from doorward.state.reservations import Reservation


class Claimant(NamedTuple):
    """The service that an object's owner annotation names, in its namespace."""

    memory: Memory
    met: bool
    """Whether what stood of it when this process came is in memory, so that anything else came later."""
    shown: Callable[[], Collection[str]]
    """The claims that its status names, which its tenants can't write, by their keys."""


def reserved(
    backends: Backends,
    ref: Ref,
    fact: Fact | None,
    in_flight: Action | None,
    unknown: Action | None,
    claimant: Callable[[str, str], Claimant | None],
    exists: Callable[[str], bool],
) -> tuple[dict[str, Reservation], tuple[str, ...]]:
    """What object ``ref`` reserves, by the claims' keys, and which of these the write adds.

    ``fact``: as it stands; ``in_flight`` and ``unknown``: the write of it that is; ``claimant`` finds a service by UID
    and namespace, ``exists`` tells whether there is one anywhere.  An object that its backend can't read has none.
    """
    action = in_flight or unknown
    body = action.body if action and action.verb in ("create", "patch") else None
    standing = fact.object() if fact else {}
    try:
        claims = backends.named(ref.kind, standing) if fact and not _solves_acme(standing) else ()
        coming = backends.claims(ref.kind, merge(standing, body) if fact else body) if body else ()
    except BackendError:
        return {}, ()
    found: dict[str, Reservation] = {}
    if fact and claims:
        found = _of_standing(ref, fact, claims, claimant, exists, backends.sources.values())
    added: list[str] = []
    if action:
        for claim in coming:
            key = claim.key
            if key not in found:
                found[key] = Reservation(ref, action.service, "", claim.via, unknown=in_flight is None)
                added.append(key)
    return found, tuple(added)


def _of_standing(
    ref: Ref,
    fact: Fact,
    claims: Collection[Claim],
    claimant: Callable[[str, str], Claimant | None],
    exists: Callable[[str], bool],
    sources: Collection[Source],
) -> dict[str, Reservation]:
    owner = claimant(fact.owner, ref.namespace) if fact.owner else None
    if owner is None:
        left = not exists(fact.owner) and is_garbage(fact, sources)  # one that lives elsewhere left nothing here
        if left:
            return {c.key: Reservation(ref, fact.owner, "", c.via) for c in claims if not c.exact}
        return _foreign(ref, fact, claims)
    if not fact.is_of(fact.owner):
        return _foreign(ref, fact, claims)
    claims = [claim for claim in claims if not claim.exact]
    name = key_of(ref)
    written = claims_of(owner.memory.written, name, fact.uid)
    stood = claims_of(owner.memory.stood, name, fact.uid)
    found: dict[str, Reservation] = {}
    shown = () if {claim.key for claim in claims} <= set(written) else owner.shown()
    for claim in claims:
        key = claim.key
        if key in written:
            found[key] = Reservation(ref, fact.owner, "", claim.via)
        elif key in stood or not owner.met:
            found[key] = Reservation(ref, fact.owner, "", claim.via, written=key in shown)
        else:
            found[key] = Reservation(ref, "", fact.owner, claim.via, added=True)
    return found


def _foreign(ref: Ref, fact: Fact, claims: Collection[Claim]) -> dict[str, Reservation]:
    """An exact path counts for less than all below it, which other gateways may serve."""
    ordered = sorted(claims, key=lambda claim: claim.exact, reverse=True)
    return {c.key: Reservation(ref, "", fact.controller, c.via, exact=c.exact) for c in ordered}


def _solves_acme(obj: JsonObject) -> bool:
    """Whether cert-manager put an object there for a moment, to prove that a host is ours."""
    return (obj["metadata"].get("labels") or {}).get("acme.cert-manager.io/http01-solver") == "true"
