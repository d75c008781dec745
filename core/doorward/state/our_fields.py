"""What of an object is ours, and whose it is otherwise.

Of every object ours are: the owner annotation, the labels and annotations that we set, keys of annotations that could
move traffic, the controller reference; and ``spec`` whole, or of kinds that others write too (Service) the fields that
their backend names.
"""

from __future__ import annotations

from doorward.hooks import Watch
from doorward.model.reference import JsonObject
from doorward.state.facts import Fact

MANAGED_BY = "app.kubernetes.io/managed-by"


def ours_of(obj: JsonObject, watch: Watch) -> JsonObject:
    """The part of an object's spec that is ours to compare."""
    spec: JsonObject = obj.get("spec") or {}
    if watch.owned == "spec":
        return spec
    kept = {key: spec[key] for key in watch.fields if spec.get(key) not in (None, "", [], {})}
    if "ports" in kept:
        kept["ports"] = [{k: v for k, v in port.items() if k != "nodePort"} for port in kept["ports"]]
    return kept


def owner_of(fact: Fact) -> str:
    """Whose an object is, for people."""
    metadata = fact.object()["metadata"]
    for reference in metadata.get("ownerReferences", ()):
        if reference.get("controller"):
            return f"controlled by {reference.get('kind')} {reference.get('name')}"
    manager = metadata.get("labels", {}).get(MANAGED_BY)
    return f"managed by {manager}" if manager else "which nobody controls"
