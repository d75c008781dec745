"""What a controller left in an API server, and that it is the same whoever wrote it."""

from __future__ import annotations

from typing import Any

from doorward.cluster.kube import KubeCluster

from benchmarks.cluster.population import INFERENCE_SERVICES, INGRESSES, SERVICES, everything

Json = dict[str, Any]
Outcome = dict[str, Json]

SERVERS_OWN = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields")
ASSIGNED = ("clusterIP", "clusterIPs")


async def outcome(cluster: KubeCluster) -> Outcome:
    """Each Ingress and Service, and each InferenceService's status, without what the server makes up each time."""
    found: Outcome = {}
    for resource in (INGRESSES, SERVICES, INFERENCE_SERVICES):
        for obj in await everything(cluster, resource):
            metadata = obj["metadata"]
            name = f"{obj['kind']} {metadata['namespace']}/{metadata['name']}"
            found[name] = obj["status"] if resource is INFERENCE_SERVICES else obj
            _normalise(obj)
    return found


def _normalise(obj: Json) -> None:
    for key in SERVERS_OWN:
        obj["metadata"].pop(key, None)
    for key in ASSIGNED:
        obj["spec"].pop(key, None)
    for condition in (obj.get("status") or {}).get("conditions") or ():
        condition.pop("lastTransitionTime", None)


def assert_same(ours: Outcome, theirs: Outcome, whose: str) -> None:
    """Raises AssertionError with the first object that differs, and how."""
    for name in sorted({*ours, *theirs}):
        if ours.get(name) != theirs.get(name):
            raise AssertionError(f"{name}: doorward wrote\n{ours.get(name)}\nand {whose} wrote\n{theirs.get(name)}")
