"""The ``cluster_local`` backend: Service DOOR, through which every service is reached inside the cluster.

RawDeployment and MultiNode: a ClusterIP over the entry's pods.  Serverless: an ExternalName to Knative's local gateway,
where the VirtualService takes requests on.  It accompanies every door; where the Service is to be a LoadBalancer or a
NodePort, the ``loadbalancer`` backend writes it.
"""

from __future__ import annotations

from collections.abc import Sequence

from doorward.hooks import Read, Watch, hookimpl
from doorward.model.door import Door, Rendering

from doorward_cluster_local import service


@hookimpl
def watches() -> Sequence[Watch]:
    return (service.WATCH,)


@hookimpl
def reads_annotations() -> Sequence[str]:
    return ()


@hookimpl
def render(door: Door, read: Read) -> Rendering | None:  # noqa: ARG001
    """Every door whose Service DOOR is ours to write, whatever opens it."""
    return service.render(door) if door.backend == "cluster_local" or service.is_ours(door) else None
