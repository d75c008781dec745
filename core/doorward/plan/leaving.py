"""What objects that stay still carry and are to lose, and what keeps it until the overlap is over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from doorward.backends import Backend
from doorward.graph.facts import Fact, Facts
from doorward.graph.inference_service import InferenceService
from doorward.model.action import Action
from doorward.model.door import ANY_CLASS, ANY_GATEWAY, Claim, Door
from doorward.model.reference import SERVICE, Ref
from doorward.plan.desired import Desired, digest_of, ours_of
from doorward.plan.plan import (
    EXTERNAL,
    EXTERNAL_NAME,
    INGRESS,
    THROUGH,
    is_ours,
    key_of,
    leads_through,
    overlap_is_over,
)
from doorward.plan.rendering import Rendered, Renderer

_ANY = (ANY_CLASS, ANY_GATEWAY)


class Overlap:
    """Compares a door as it is to be with what stands, for one service."""

    def __init__(
        self,
        facts: Facts,
        ours: Sequence[Fact],
        renderer: Renderer,
        is_taken: Callable[[Claim], bool],
        now: float,
        seconds: float,
    ) -> None:
        self.facts = facts
        self.ours = ours
        self.is_taken = is_taken
        self.renderer = renderer
        self.memory = renderer.memory
        self.now = now
        self.seconds = seconds

    def leaving_inside(self, final: Rendered, under_way: Iterable[Action]) -> frozenset[str]:
        """Former names of Service DOOR under which requests from inside still arrive, as keys: ``inside:NAME``.

        One that opens the door by itself isn't among them, but one that a write ``under_way`` makes something else is.
        """
        services = [fact for fact in self.ours if fact.ref.kind == SERVICE and fact.ref not in final.desired]
        if not services:
            return frozenset()
        types = {action.ref: (action.body.get("spec") or {}).get("type") for action in under_way if action.body}
        turning = {ref for ref, type_ in types.items() if type_ and type_ not in EXTERNAL}
        former = (f for f in services if f.ref in turning or f.object()["spec"].get("type") not in EXTERNAL)
        return frozenset(f"inside:{fact.ref.name}" for fact in former)

    def leaving(self, final: Rendered, lost: set[str], backend: str) -> frozenset[str]:
        """What objects that stay still carry and are to lose, as keys.

        ``host:``, ``pathhost:`` and ``parent:`` with what an object is to lose, ``type:`` with the name of a Service
        that is to be reached from outside no more, ``through:`` with that of one that leads to the local gateway.
        ``lost`` goes at once, and isn't among them; nor is a Service by which ``backend`` opens the door, since all
        the rest waits until that is accepted.
        """
        leaving: set[str] = set()
        for ref, desired in final.desired.items():
            fact = self.facts.get(ref)
            if fact is None or not is_ours(fact, self.renderer.uid):
                continue
            mark = self.memory.marks.get(key_of(ref))
            if mark and mark.digest == desired.digest:
                continue
            standing = msgspec.json.decode(mark.body if mark else fact.body)
            if ref.kind == SERVICE:
                type_, new = standing["spec"].get("type"), desired.manifest["spec"].get("type")
                if type_ in EXTERNAL and new not in EXTERNAL:
                    leaving.add(f"type:{ref.name}")
                turns = type_ == EXTERNAL_NAME and new != EXTERNAL_NAME
                if turns and desired.backend != backend and self._is_led_through(ref, final):
                    leaving.add(f"{THROUGH}{ref.name}")
            if ref.kind not in self.renderer.backends.claiming:
                continue
            stood = self.renderer.backends.claims(ref.kind, standing)
            now = self.renderer.backends.claims(ref.kind, desired.manifest)
            leaving |= self._difference(stood, now, lost)
        return frozenset(leaving)

    def _is_led_through(self, service: Ref, final: Rendered) -> bool:
        """Whether Ingresses that are to go lead through a Service: turned to one component, it would serve no path that
        a door lies below, and no other component."""
        old = (fact for fact in self.ours if fact.ref.kind == INGRESS and fact.ref not in final.desired)
        return any(leads_through(fact.body, [service.name]) for fact in old)

    def rendered(
        self,
        service: InferenceService,
        door: Door,
        selected: Backend | None,
        final: Rendered,
        leaving: frozenset[str],
    ) -> Rendered:
        """The door with what is leaving and has time left; ``final`` is the door without."""
        digest = final.digest if leaving else ""
        kept: dict[str, list[str]] = {key: [] for key in ("host", "pathhost", "parent", "type", "through", "inside")}
        for key in sorted(leaving):
            if not overlap_is_over(self.memory, digest, key, self.now, self.seconds):
                kind, _, value = key.partition(":")
                kept[kind].append(value)
        if not any(kept.values()):
            return final
        both = msgspec.structs.replace(
            door,
            leaving_hosts=tuple(kept["host"]),
            leaving_path_hosts=tuple(kept["pathhost"]),
            leaving_parents=tuple(kept["parent"]),
            leaving_services=tuple(kept["inside"]),
        )
        rendered = self.renderer.render(service, both, selected)
        for name in (*kept["type"], *kept["through"]):
            ref = Ref(SERVICE, door.namespace, name)
            if ref in rendered.desired:
                rendered.desired[ref] = self._as_it_stands(rendered.desired[ref])
        return rendered

    def _as_it_stands(self, desired: Desired) -> Desired:
        """An object that keeps the spec that it has until the overlap is over."""
        mark, fact = self.memory.marks.get(key_of(desired.ref)), self.facts.get(desired.ref)
        body = mark.body if mark else fact.body if fact else b"{}"
        spec = ours_of(msgspec.json.decode(body), desired.watch)
        manifest = {**desired.manifest, "spec": spec}
        return msgspec.structs.replace(desired, manifest=manifest, digest=digest_of(manifest))

    def _difference(self, stood: Sequence[Claim], now: Sequence[Claim], lost: set[str]) -> set[str]:
        keys: set[str] = set()
        hosts = {(claim.host, claim.prefix) for claim in now}
        ways = {way for claim in now for way in claim.via}
        for claim in stood:
            if claim.where in lost:
                continue
            if (claim.host, claim.prefix) not in hosts and not self.is_taken(claim):
                keys.add(f"host:{claim.host}" if claim.prefix == "/" else f"pathhost:{claim.host}")
            keys |= {f"parent:{way}" for way in claim.via if way not in ways and way not in _ANY}
        return keys
