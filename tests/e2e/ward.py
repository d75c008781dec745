"""A place with a daemon, where faults are planted, and a doctor who looks at one service of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from doorward.model.reference import JsonObject, Resource
from doorward_daemon.doctor.checks import Wanted
from doorward_daemon.doctor.consultation import Consultation, Told, look_into

from tests.e2e.world import SINCE, World, component_service

PODS = Resource("Pod", "pods")
SLICES = Resource("EndpointSlice.discovery.k8s.io", "endpointslices")
CLASSES = Resource("IngressClass.networking.k8s.io", "ingressclasses", namespaced=False)
CLASS = "doctored"
"""An IngressClass that is there."""
RAW = {"ome.io/deployment-mode": "RawDeployment", "ome.io/ingress-class": CLASS}
ADDRESS = "192.0.2.7"


async def resolved(host: str) -> frozenset[str]:
    """Every host leads to the gateway."""
    return frozenset({ADDRESS})


async def shaken(address: str, host: str) -> str:
    """Every certificate is right."""
    return ""


async def doctor(world: World, *names: str, wanted: Wanted | None = None, **asked: Any) -> Told:
    """What the doctor says of these services, or of all."""
    consultation = Consultation(
        names=names, namespaces=tuple(world.namespaces), settings_namespace=world.namespaces[0], **asked
    )
    wanted = wanted or Wanted(named=bool(names), look_up=resolved, shake=shaken)
    return await look_into(world.cluster, consultation, wanted)


async def reasons(world: World, *names: str, **more: Any) -> list[str]:
    return sorted(finding.reason for finding in (await doctor(world, *names, **more)).findings)


async def pod(world: World, name: str, component: str = "engine", port: int = 8080) -> None:
    """A pod that the component's Service selects."""
    labels = component_service(name, component)["metadata"]["labels"]
    container = {"name": "main", "image": "none", "ports": [{"name": "http", "containerPort": port}]}
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"{name}-{component}", "labels": labels},
        "spec": {"containers": [container], "automountServiceAccountToken": False},
    }
    await world.cluster.create(PODS, world.namespace, body)


async def endpoint(world: World, name: str, component: str = "engine") -> None:
    """A ready endpoint of the component's Service."""
    body: JsonObject = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{name}-{component}-1",
            "labels": {"kubernetes.io/service-name": f"{name}-{component}"},
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.0.0.7"], "conditions": {"ready": True}}],
        "ports": [{"name": "http", "port": 8080}],
    }
    await world.cluster.create(SLICES, world.namespace, body)


async def healthy(world: World, name: str, annotations: Mapping[str, str] = RAW) -> None:
    """A service with all that it takes, whose door stands."""
    await world.add(name, dict(annotations))
    await pod(world, name)
    await endpoint(world, name)
    await world.stands(name)


def ready(component: str = "Engine", status: str = "True") -> JsonObject:
    return {"type": f"{component}Ready", "status": status, "lastTransitionTime": SINCE}


Plant = Callable[[World, str], Awaitable[None]]
"""Makes a service of this name with one fault."""
