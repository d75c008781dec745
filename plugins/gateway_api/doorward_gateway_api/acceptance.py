"""What the Gateway says of a door's HTTPRoutes.

Source: gateway.networking.k8s.io/v1 RouteParentStatus: per parent, conditions ``Accepted`` and ``ResolvedRefs``, each
with the generation that it tells of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from doorward.model.door import Door, Standing
from doorward.model.reference import JsonObject, Ref

from doorward_gateway_api import guard
from doorward_gateway_api.http_route import guarded_names, route_names
from doorward_gateway_api.kinds import HTTP_ROUTE
from doorward_gateway_api.parents import gateway_of

REASON = "RouteNotAccepted"

_CONDITIONS = ("Accepted", "ResolvedRefs")


class _Answer(NamedTuple):
    state: Literal["accepted", "pending", "refused"]
    message: str = ""


_WORST = {"accepted": 0, "pending": 1, "refused": 2}


def standing(door: Door, observed: Mapping[Ref, JsonObject]) -> Standing:
    """Accepted once the parent in force has accepted every HTTPRoute of the door, for its current generation."""
    for name in guarded_names(door) if door.guard else ():
        proof = guard.told(door, name, observed)
        if proof.state != "accepted":
            reason = guard.REFUSED if proof.state == "refused" else guard.PENDING
            return Standing(state=proof.state, reason=reason, message=proof.message)
    names = dict.fromkeys((*route_names(door), *(ref.name for ref in observed if ref.kind == HTTP_ROUTE.kind)))
    answers = [_answer(door, name, observed.get(door.ref(HTTP_ROUTE.kind, name))) for name in names]
    worst = max(answers, key=lambda answer: _WORST[answer.state], default=_Answer("accepted"))
    if worst.state == "accepted":
        return Standing()
    return Standing(state=worst.state, reason=REASON, message=worst.message)


def _answer(door: Door, name: str, route: JsonObject | None) -> _Answer:
    """Of the listeners that a route attaches to, the one that is furthest from accepting it."""
    if route is None:
        return _Answer("pending", f"HTTPRoute {name} isn't there yet")
    parents = _of_gateway(door, (route.get("spec") or {}).get("parentRefs"))
    ours = [str(parent.get("sectionName") or "") for parent in parents]
    answers = [_of_section(door, name, route, section) for section in dict.fromkeys(ours or ("",))]
    return max(answers, key=lambda answer: _WORST[answer.state])


def _of_section(door: Door, name: str, route: JsonObject, section: str) -> _Answer:
    gateway = door.settings.ome_ingress_gateway
    told = (route.get("status") or {}).get("parents") or ()
    answers = [
        _verdict(name, gateway, route, parent)
        for parent in told
        if _of_gateway(door, (ref := parent.get("parentRef") or {},))
        and (not section or ref.get("sectionName", section) == section)
    ]
    # More than one controller may answer for a parent; the one that it belongs to accepts.
    best = min(answers, key=lambda answer: _WORST[answer.state], default=None)
    return best or _Answer("pending", f"Gateway {gateway} hasn't answered for HTTPRoute {name}")


def _of_gateway(door: Door, refs: Iterable[JsonObject] | None) -> list[JsonObject]:
    gateway = door.settings.ome_ingress_gateway
    return [ref for ref in refs or () if gateway_of(ref, door.namespace) == gateway]


def _verdict(name: str, gateway: str, route: JsonObject, parent: JsonObject) -> _Answer:
    generation = route["metadata"].get("generation", 0)
    conditions = {each["type"]: each for each in parent.get("conditions") or ()}
    for kind in _CONDITIONS:
        condition = conditions.get(kind)
        if condition is None or condition.get("observedGeneration", 0) != generation:
            return _Answer(
                "pending", f"Gateway {gateway} hasn't told {kind} of HTTPRoute {name} for its newest version"
            )
        if condition["status"] != "True":
            why = ": ".join(filter(None, (condition.get("reason"), condition.get("message"))))
            told = f"Gateway {gateway}, HTTPRoute {name}: {kind} is {condition['status']}: {why}"
            return _Answer("refused" if condition["status"] == "False" else "pending", told)
    return _Answer("accepted")
