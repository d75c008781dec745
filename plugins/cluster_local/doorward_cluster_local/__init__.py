"""The ``cluster_local`` backend: Service DOOR, through which every service is reached inside the cluster.

RawDeployment and MultiNode: a ClusterIP over the entry's pods.  Serverless: an ExternalName to Knative's local gateway,
where the VirtualService takes requests on.  It accompanies every door; where the Service is to be a LoadBalancer or a
NodePort, the ``loadbalancer`` backend writes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from doorward.hooks import Watch, hookimpl
from doorward.model.door import Door, Rendering
from doorward.model.reference import JsonObject, Ref

from doorward_cluster_local import service


@hookimpl
def watches() -> Sequence[Watch]:
    return (service.WATCH,)


@hookimpl
def accompanies(door: Door) -> bool:
    return service.is_ours(door) and door.backend != "cluster_local"


@hookimpl
def render(door: Door, needed: Mapping[Ref, JsonObject]) -> Rendering:  # noqa: ARG001
    return service.render(door)
