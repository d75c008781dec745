"""The ``loadbalancer`` backend: a Service of type LoadBalancer or NodePort.

It is the outside door where ingress is switched off, and stands beside the ingress where it isn't.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from doorward.hooks import Read, Watch, hookimpl
from doorward.model.door import Door, Rendering, Standing
from doorward.model.reference import JsonObject, Ref
from doorward.model.settings import Settings

from doorward_loadbalancer import service


@hookimpl
def watches() -> Sequence[Watch]:
    return (service.WATCH,)


@hookimpl
def reads_annotations() -> Sequence[str]:
    return ()


@hookimpl(trylast=True)
def select(door: Door, settings: Settings) -> str | None:  # noqa: ARG001
    """A door that no ingress may open, for a Service of its own."""
    return "loadbalancer" if door.service_type and not door.ingress else None


@hookimpl
def render(door: Door, read: Read) -> Rendering | None:  # noqa: ARG001
    """A door that this backend opens, or that is to have such a Service beside its ingress."""
    accompanies = bool(door.service_type) and door.exposure != "cluster-local"
    return service.render(door) if door.backend == "loadbalancer" or accompanies else None


@hookimpl
def status(door: Door, observed: Mapping[Ref, JsonObject]) -> Standing | None:
    # Beside an ingress, it is the ingress that makes the door ready.
    return service.standing(door, observed) if door.backend == "loadbalancer" else None
