"""The merge patch that mends what is ours of an object."""

from __future__ import annotations

from doorward.hooks import Watch
from doorward.model.patch import changed_paths, merge_diff
from doorward.model.reference import JsonObject
from doorward.state.facts import Fact
from doorward.state.our_fields import ours_of


def correction(desired: JsonObject, observed: JsonObject, watch: Watch) -> JsonObject:
    """The merge patch, without preconditions, that mends what is ours of an observed object; empty: nothing to do.

    ``desired`` is a manifest of ours, or what the server returned for one.
    """
    patch: JsonObject = {}
    metadata = _metadata_patch(desired["metadata"], observed["metadata"], watch)
    if metadata:
        patch["metadata"] = metadata
    target, current = ours_of(desired, watch), ours_of(observed, watch)
    if target != current:
        spec = merge_diff(current, target)
        if spec.get("ports"):
            spec["ports"] = _keep_node_ports(spec["ports"], observed["spec"].get("ports", ()))
        patch["spec"] = spec
    return patch


def fields(patch: JsonObject) -> tuple[str, ...]:
    return changed_paths({key: value for key, value in patch.items() if key != "metadata"}) + changed_paths(
        {"metadata": {k: v for k, v in patch.get("metadata", {}).items() if k not in ("uid", "resourceVersion")}}
        if patch.get("metadata")
        else {}
    )


def preconditioned(patch: JsonObject, fact: Fact) -> JsonObject:
    """A merge patch that fails unless the object is still the one that was looked at."""
    metadata = {**patch.get("metadata", {}), "uid": fact.uid, "resourceVersion": str(fact.version)}
    return {**patch, "metadata": metadata}


def _metadata_patch(desired: JsonObject, observed: JsonObject, watch: Watch) -> JsonObject:
    patch: JsonObject = {}
    managed = observed.get("managed", ())
    for part, guarded in (("labels", ()), ("annotations", watch.guarded)):
        want, have = desired.get(part, {}), observed.get(part, {})
        changes = {key: value for key, value in want.items() if have.get(key) != value}
        for key in have:
            if key not in want and (key in managed or (guarded and key.startswith(guarded))):
                changes[key] = None
        if changes:
            patch[part] = changes
    mine = desired.get("ownerReferences", [])
    others = observed.get("ownerReferences", [])
    for reference in mine:
        controls = bool(reference.get("controller"))
        if not any(o.get("uid") == reference["uid"] and bool(o.get("controller")) == controls for o in others):
            others = [*(o for o in others if o.get("uid") != reference["uid"]), reference]
            patch["ownerReferences"] = others
    return patch


def _keep_node_ports(ports: list[JsonObject], observed: list[JsonObject]) -> list[JsonObject]:
    """Ports with the node ports that the server allocated: a list is replaced whole, and they should stay."""
    allocated = {(p.get("port"), p.get("protocol", "TCP")): p["nodePort"] for p in observed if p.get("nodePort")}
    kept = []
    for port in ports:
        node_port = allocated.get((port.get("port"), port.get("protocol", "TCP")))
        kept.append({**port, "nodePort": node_port} if node_port and "nodePort" not in port else port)
    return kept
