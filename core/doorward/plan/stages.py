"""What is wanted, in the order in which a door that stands has to change.

An Ingress of a Serverless service leads through Service DOOR, and that one to the local gateway, where a VirtualService
takes over.  So: everything else; a Service that appears or begins to lead elsewhere; what is to lead through it; a
Service that stops leading elsewhere, when nothing leads through it any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from doorward.model.reference import SERVICE, Ref
from doorward.plan.plan import Situation
from doorward.render.desired import Desired
from doorward.state.facts import Fact
from doorward.state.packing import unpack
from doorward.state.transform import canonical

EXTERNAL_NAME = "ExternalName"
EXTERNAL = ("LoadBalancer", "NodePort")
"""The types of Services that are reached from outside."""
INGRESS = "Ingress.networking.k8s.io"


def stages(s: Situation, wanted: Mapping[Ref, Desired]) -> list[list[Desired]]:
    """The wanted objects; each stage waits until the one before stands."""
    first: list[Desired] = []
    appearing: list[Desired] = []
    returning: list[Desired] = []
    leading: list[str] = []
    for desired in wanted.values():
        stage = first
        if desired.ref.kind == SERVICE:
            fact = s.reader.get(desired.ref)
            ours = fact is not None and fact.is_of(s.fact.uid) and not fact.deleting
            stands = ours and desired.ref not in s.in_flight  # its deletion may be under way
            now = fact.object()["spec"].get("type") if fact and stands else None
            then = desired.manifest["spec"].get("type")
            if now not in (then, *EXTERNAL):  # one that opens the door itself drains
                stage = returning if now == EXTERNAL_NAME else appearing
            if stage is appearing or then == EXTERNAL_NAME:
                leading.append(desired.ref.name)
        stage.append(desired)
    through = [
        d for d in first if d.ref.kind == INGRESS and leading and names_one_of(canonical(d.manifest["spec"]), leading)
    ]
    if not (appearing or returning or through):
        return [first]
    return [[d for d in first if d not in through], appearing, through, returning]


def leads_through(ingress: Fact, services: Iterable[str]) -> bool:
    """Whether an Ingress has one of these Services as a backend."""
    return names_one_of(unpack(ingress.body), services)


def names_one_of(ingress: bytes, services: Iterable[str]) -> bool:
    """The same of an Ingress as canonical JSON."""
    return any(canonical({"service": {"name": name}})[1:-2] in ingress for name in services)
