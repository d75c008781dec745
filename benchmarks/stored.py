"""What services cost the API server, whoever opens their doors, for the page on scale."""

from __future__ import annotations

import orjson

from benchmarks.cluster.population import INFERENCE_SERVICES, INGRESSES, SERVICES, everything, in_cluster
from benchmarks.cluster.scene import Scene
from benchmarks.figure import Figure, Scale


def measure(scene: Scene, _: Scale) -> list[Figure]:
    """Of each service, its components' Services and its door: the bytes of all objects as the server gives them."""
    with scene.servers.copy(scene.converged) as (kubeconfig, _folder):
        sizes = {
            kind.plural: in_cluster(kubeconfig, lambda cluster, kind=kind: everything(cluster, kind))
            for kind in (INFERENCE_SERVICES, SERVICES, INGRESSES)
        }
    parts = {f"{kind} (bytes)": sum(len(orjson.dumps(each)) for each in all_) for kind, all_ in sizes.items()}
    a_service = {kind: total / scene.count for kind, total in parts.items()}
    name = "an open door's objects in the API server, bytes a service"
    return [Figure(name=name, measured=sum(a_service.values()), unit="bytes", parts=a_service)]
