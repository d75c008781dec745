"""Which hosts an object serves, or may serve once what is being done to it has happened, and for whom.

What a tenant can write proves nothing.  A claim counts for a service as far as we are known to have written it:

    the service's memory has it                      ->  held, as written
    a write of ours is under way, and adds it        ->  held, as written (``doubted``: nobody knows what became of it)
    it stood when we came, and memory knows nothing  ->  held; as written where the service's status names it
    it was added to an object that bears our mark    ->  nobody's: like a foreign object's, until it is repaired
    its owner annotation fits no service             ->  a deleted service's, as long as garbage collection will take
                                                         the object; else a foreign object's
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple

from doorward.backends import BackendError, Backends
from doorward.graph.claims import Hold, key_of, keys_of
from doorward.graph.facts import Fact
from doorward.graph.memory import Memory, claims_of
from doorward.model.action import Action
from doorward.model.door import Claim
from doorward.model.merge import merge
from doorward.model.reference import JsonObject, Ref
from doorward.plan.leftover import is_left
from doorward.plan.plan import key_of as name_of


class Claimant(NamedTuple):
    """The service that an object's owner annotation names, in its namespace."""

    memory: Memory
    met: bool
    """Whether what stood of it when this process came is in memory, so that anything else came later."""
    shown: Callable[[], Collection[str]]
    """The claims that its status names, which its tenants can't write, by their keys."""


def held(
    backends: Backends,
    ref: Ref,
    fact: Fact | None,
    in_flight: Action | None,
    in_doubt: Action | None,
    claimant: Callable[[str, str], Claimant | None],
    exists: Callable[[str], bool],
) -> tuple[dict[str, Hold], tuple[str, ...]]:
    """What object ``ref`` holds, by the claims' keys, and which of these the write adds.

    ``fact``: as it stands; ``in_flight`` and ``in_doubt``: the write of it that is; ``claimant`` finds a service by UID
    and namespace, ``exists`` tells whether there is one anywhere.  An object that its backend can't read holds nothing.
    """
    action = in_flight or in_doubt
    body = action.body if action and action.verb in ("create", "patch") else None
    standing = fact.object() if fact else {}
    try:
        claims = backends.claims(ref.kind, standing) if fact and not _solves_acme(standing) else ()
        coming = backends.claims(ref.kind, merge(standing, body) if fact else body) if body else ()
    except BackendError:
        return {}, ()
    found: dict[str, Hold] = {}
    if fact and claims:
        found = _of_standing(ref, fact, claims, claimant, exists)
    added: list[str] = []
    if action:
        for claim in coming:
            key = key_of(claim.host, claim.prefix)
            if key not in found:
                found[key] = Hold(ref, action.service, "", claim.via, doubted=in_flight is None)
                added.append(key)
    return found, tuple(added)


def _of_standing(
    ref: Ref,
    fact: Fact,
    claims: Collection[Claim],
    claimant: Callable[[str, str], Claimant | None],
    exists: Callable[[str], bool],
) -> dict[str, Hold]:
    owner = claimant(fact.owner, ref.namespace) if fact.owner else None
    if owner is None:
        left = not exists(fact.owner) and is_left(fact)  # one that lives elsewhere left nothing here
        holder, controller = (fact.owner, "") if left else ("", fact.controller)
        return {key_of(c.host, c.prefix): Hold(ref, holder, controller, c.via) for c in claims}
    if fact.controller not in ("", fact.owner):
        return {key_of(c.host, c.prefix): Hold(ref, "", fact.controller, c.via) for c in claims}
    name = name_of(ref)
    written = claims_of(owner.memory.written, name, fact.uid)
    stood = claims_of(owner.memory.stood, name, fact.uid)
    found: dict[str, Hold] = {}
    shown = () if set(keys_of(claims)) <= set(written) else owner.shown()
    for claim in claims:
        key = key_of(claim.host, claim.prefix)
        if key in written:
            found[key] = Hold(ref, fact.owner, "", claim.via)
        elif key in stood or not owner.met:
            found[key] = Hold(ref, fact.owner, "", claim.via, written=key in shown)
        else:
            found[key] = Hold(ref, "", fact.owner, claim.via)
    return found


def _solves_acme(obj: JsonObject) -> bool:
    """Whether cert-manager put an object there for a moment, to prove that a host is ours."""
    return (obj["metadata"].get("labels") or {}).get("acme.cert-manager.io/http01-solver") == "true"
