"""Whether a Service that a source selects is a part of another service's door: then it is no service itself.

It bears the label of another source, as components and their doors do, or is owned by a service of another source, or
has the name of a component of one.  A door of its own would lead past that service's, and past its guard.
"""

from __future__ import annotations

from collections.abc import Mapping

from doorward.model.reference import Ref
from doorward.model.refusal import Refusal
from doorward.model.source import Source
from doorward.state.reading import Reader


def refuse_part(service: Ref, sources: Mapping[str, Source], reader: Reader) -> Refusal | None:
    """Why a service has no door of its own, where it is a part of another's; None for any that is none."""
    source = sources[service.kind]
    if not source.is_of_services:
        return None
    for kind, other in sources.items():
        if kind != service.kind and (whose := _part_of(service, source, other, reader)):
            message = (
                f"{service} is a part of {other.resource.name} {service.namespace}/{whose}, which has the door: it "
                "gets none of its own; don't select it"
            )
            return Refusal("PartOfAnother", message)
    return None


def _part_of(service: Ref, source: Source, other: Source, reader: Reader) -> str:
    """The name of the other source's service that a Service is a part of; empty where it is of none."""
    fact = reader.get(service._replace(kind=source.resource.kind))
    metadata = fact.object()["metadata"] if fact else {}
    if name := metadata.get("labels", {}).get(other.label):
        return str(name)
    for owner in metadata.get("ownerReferences", ()):
        if isinstance(owner, dict) and (owner.get("apiVersion"), owner.get("kind")) in other.owners:
            return str(owner.get("name"))
    for role, part in other.parts.items():
        name = service.name.removesuffix(f"-{part.called}")
        found = reader.get(Ref(other.kind, service.namespace, name)) if name != service.name else None
        if found and found.object()["spec"].get(role) is not None:
            return name
    return ""
