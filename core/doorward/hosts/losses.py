"""What objects of a service serve and may not serve any more."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from doorward.backends import BackendError, Backends
from doorward.door.addresses import is_of_another
from doorward.hosts.domains import domain_problem
from doorward.hosts.ownership import Ownership
from doorward.model.door import Claim
from doorward.model.reference import JsonObject
from doorward.model.settings import Settings
from doorward.state.facts import Fact
from doorward.state.inference_service import InferenceService


class Loss(NamedTuple):
    """Why a claim may not be served any more."""

    reason: Literal["HostConflict", "DomainNotAllowed"]
    message: str


def losses(
    served: Iterable[Claim],
    remembered: Iterable[Claim],
    ownership: Ownership,
    service: InferenceService,
    settings: Settings,
) -> dict[str, Loss]:
    """What is lost of the claims that objects serve, and of those that they served when we last wrote them.

    By ``where``.  A claim that somebody took off an object is lost by its domain alone: whoever has it by now keeps the
    object from being what it was.
    """
    lost: dict[str, Loss] = {}
    for claim in served:
        if loss := _forbidden(claim, service, settings) or _taken(claim, ownership, service, settings):
            lost[claim.where] = loss
    for claim in remembered:
        if loss := _forbidden(claim, service, settings):
            lost[claim.where] = loss
    return lost


def lost_beside(beside: Iterable[Fact], backends: Backends, ownership: Ownership) -> set[str]:
    """What objects that aren't wanted serve, and another service has, or somebody added: it goes at once."""
    lost: set[str] = set()
    for fact in beside:
        if fact.ref.kind not in backends.claiming:
            continue
        reserved = ownership.reservations.of(fact.ref)
        for claim in claims_of(backends, fact.ref.kind, fact.object()):
            reservation = reserved.get(claim.key)
            added = reservation is not None and not reservation.owner
            if added or ownership.lost_to(claim):
                lost.add(claim.where)
    return lost


def forbidden(ours: Iterable[Fact], backends: Backends, namespace: str, settings: Settings) -> set[str]:
    """What objects serve and the namespace may not have (any more): it goes at once, by ``where``."""
    if not settings.namespace_domains:
        return set()
    served = (claim for fact in ours for claim in claims_of(backends, fact.ref.kind, fact.object()))
    return {claim.where for claim in served if domain_problem(claim.host, namespace, settings)}


def claims_of(backends: Backends, kind: str, obj: JsonObject) -> tuple[Claim, ...]:
    """The claims that an object of ours serves; none where its backend can't read it."""
    try:
        return tuple(backends.claims(kind, obj)) if kind in backends.claiming else ()
    except BackendError:
        return ()


def _forbidden(claim: Claim, service: InferenceService, settings: Settings) -> Loss | None:
    problem = domain_problem(claim.host, service.namespace, settings)
    return Loss("DomainNotAllowed", problem) if problem else None


def _taken(claim: Claim, ownership: Ownership, service: InferenceService, settings: Settings) -> Loss | None:
    if is_of_another(claim.host, service, settings):
        return Loss("HostConflict", f"{claim.where} belongs to the cluster, whose own name it is")
    owner = ownership.lost_to(claim)
    return Loss("HostConflict", f"{claim.where} belongs to {owner}") if owner else None
