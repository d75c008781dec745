"""Which hosts an object serves, or may serve once what is being done to it has happened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from doorward.backends import BackendError, Backends
from doorward.graph.facts import Fact
from doorward.model.action import Action
from doorward.model.door import Claim
from doorward.model.merge import merge
from doorward.model.reference import JsonObject, Ref


class Held(NamedTuple):
    """``owner`` is the UID of the service whose object it is, ``controller`` that of another's owner."""

    owner: str = ""
    controller: str = ""
    claims: Sequence[Claim] = ()
    in_doubt: Sequence[Claim] = ()
    """Served only if a write has happened of which nobody knows what became."""


def held(backends: Backends, ref: Ref, fact: Fact | None, in_flight: Action | None, in_doubt: Action | None) -> Held:
    """What object ``ref`` holds; ``fact``: as it stands, ``in_flight`` and ``in_doubt``: the write of it that is.

    An object that its backend can't read holds nothing.
    """
    action = in_flight or in_doubt
    body = action.body if action and action.verb in ("create", "patch") else None
    owner, controller = (fact.owner, fact.controller) if fact else ("", "")
    if action and body:
        owner = action.service
    standing = fact.object() if fact else {}
    try:
        claims = backends.claims(ref.kind, standing) if fact and not _solves_acme(standing) else ()
        coming = backends.claims(ref.kind, merge(standing, body) if fact else body) if body else ()
    except BackendError:
        return Held(owner, controller)
    return Held(owner, controller, [*claims, *coming]) if in_flight else Held(owner, controller, claims, coming)


def _solves_acme(obj: JsonObject) -> bool:
    """Whether cert-manager put an object there for a moment, to prove that a host is ours."""
    return (obj["metadata"].get("labels") or {}).get("acme.cert-manager.io/http01-solver") == "true"
