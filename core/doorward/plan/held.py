"""A door that is held: what stands is kept in the shape that the server returned for our last write."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from doorward.backends import Backends
from doorward.hosts.losses import claims_of
from doorward.hosts.ownership import Ownership
from doorward.model.action import OPEN
from doorward.model.door import Claim
from doorward.model.merge import merge
from doorward.model.reference import JsonObject, Ref
from doorward.plan.closing import Closing
from doorward.plan.correction import correction, fields
from doorward.plan.draining import forgotten
from doorward.plan.gate import backs_off, may_not_write_now
from doorward.plan.plan import Plan, Situation
from doorward.plan.write import Write, patch_of
from doorward.render.desired import controller_reference
from doorward.state.facts import Fact
from doorward.state.inference_service import InferenceService
from doorward.state.kinds import Kinds
from doorward.state.memory import LastApplied
from doorward.state.our_fields import MANAGED_BY
from doorward.state.transform import OWNER, ROUTED


class Kept(msgspec.Struct, frozen=True):
    """An object as our last write left it: what of it is ours, as a manifest to compare with."""

    ref: Ref
    manifest: JsonObject
    claims: tuple[Claim, ...]
    last: LastApplied


class Restoring:
    """Whether an object of a held door may be what it was: nobody else has its hosts by now."""

    def __init__(self, kinds: Kinds, ownership: Ownership) -> None:
        self.kinds = kinds
        self.ownership = ownership

    def may(self, kept: Kept) -> bool:
        return self.kinds.state(kept.ref.kind) == "listed" and not self.ownership.any_taken(kept.claims)


def kept_of(s: Situation, backends: Backends) -> Iterator[Kept]:
    """Every object that we know to have written for a service, whether or not it stands."""
    for key, last in s.memory.last_applied.items():
        kind, _, name = key.partition("/")
        manifest = _manifest(s.service, last)
        yield Kept(Ref(kind, s.service.namespace, name), manifest, claims_of(backends, kind, manifest), last)


def hold(s: Situation, kept: list[Kept], closing: Closing | None, restoring: Restoring) -> Plan:
    """Keep what stands, but for what is closed; put back what somebody changed or deleted."""
    plan = Plan(memory=forgotten(s.memory))
    by_ref = {each.ref: each for each in kept}
    for fact in s.ours:
        if closing and closing.leads_in(fact.ref.kind, fact.object()):
            closing.close(s, fact, plan)
        elif fact.ref in by_ref:
            _keep(s, fact, by_ref[fact.ref], closing, restoring, plan)
    present = {fact.ref for fact in s.ours}
    for each in kept:
        if each.ref not in present:
            _restore(s, each, closing, restoring, plan)
    return plan


def _keep(s: Situation, fact: Fact, kept: Kept, closing: Closing | None, restoring: Restoring, plan: Plan) -> None:
    if kept.last.body == fact.body or fact.deleting or may_not_write_now(s, fact.ref, plan):
        return
    manifest, digest = kept.manifest, kept.last.digest
    if closing and closing.leads_in(fact.ref.kind, manifest):  # somebody's edit closed it, and closed it is to be
        spec, digest = closing.narrowed(fact.ref, manifest), ""
        if not spec:
            return
        manifest = {**manifest, "spec": merge(manifest["spec"], spec)}
        kept = Kept(kept.ref, manifest, claims_of(closing.backends, fact.ref.kind, manifest), kept.last)
    observed = fact.object()
    patch = correction(manifest, observed, s.watches[fact.ref.kind])
    if not patch or not restoring.may(kept):
        return
    if not backs_off(s, fact.ref, observed["metadata"].get("otherManager", ""), plan):
        reason = f"drift of a held door: {', '.join(fields(patch))}"
        plan.add(patch_of(fact, patch, OPEN, reason, digest=digest, repair=True))


def _restore(s: Situation, kept: Kept, closing: Closing | None, restoring: Restoring, plan: Plan) -> None:
    """Make an object anew that somebody deleted."""
    ref, manifest = kept.ref, kept.manifest
    if s.reader.get(ref) is not None or may_not_write_now(s, ref, plan):
        return
    if (closing and closing.leads_in(ref.kind, manifest)) or not restoring.may(kept) or backs_off(s, ref, "", plan):
        return
    watch = s.watches[ref.kind]
    spec = {k: v for k, v in manifest["spec"].items() if watch.owned == "spec" or k in watch.fields}
    body = {"apiVersion": watch.resource.api_version(), "kind": watch.resource.name, **manifest, "spec": spec}
    reason = "drift of a held door: somebody deleted it"
    plan.add(Write(verb="create", ref=ref, order=OPEN, reason=reason, body=body, digest=kept.last.digest, repair=True))


def _manifest(service: InferenceService, last: LastApplied) -> JsonObject:
    obj = last.object()
    metadata = obj["metadata"]
    managed = {service.source.label, MANAGED_BY, OWNER, ROUTED, *metadata.get("managed", ())}
    kept: JsonObject = {
        part: {k: v for k, v in metadata.get(part, {}).items() if k in managed} for part in ("labels", "annotations")
    }
    kept["labels"] = {service.source.label: service.label, MANAGED_BY: "doorward", **kept["labels"]}
    kept["ownerReferences"] = [controller_reference(service)]
    name, namespace = metadata["name"], service.namespace
    return {"metadata": {"name": name, "namespace": namespace, **kept}, "spec": obj.get("spec") or {}}
