"""Doors of every kind for tests of change: how to ask for one, and how the rest of the cluster answers."""

from __future__ import annotations

from typing import Any

from doorward.model.reference import JsonObject, kind_of

from tests.cases.evaluate import route
from tests.engine.stage import Stage, component_service, inference_service, settings

GATEWAY = {"enableGatewayAPI": False, "omeIngressGateway": "infra/ome"}

RAW = {"ome.io/deployment-mode": "RawDeployment"}
DOORS: dict[str, dict[str, str]] = {
    "istio": {"ome.io/deployment-mode": "Serverless"},
    "istio, raw": {**RAW, "doorward.io/backend": "istio"},
    "nginx": {**RAW, "ome.io/ingress-class": "nginx"},
    "traefik": {**RAW, "ome.io/ingress-class": "traefik"},
    "nginx, serverless": {"ome.io/deployment-mode": "Serverless", "ome.io/ingress-class": "nginx"},
    "gateway_api": {**RAW, "doorward.io/backend": "gateway_api"},
    "loadbalancer": {**RAW, "ome.io/disable-ingress": "true", "ome.io/service-type": "LoadBalancer"},
    "loadbalancer, serverless": {
        "ome.io/deployment-mode": "Serverless",
        "ome.io/disable-ingress": "true",
        "ome.io/service-type": "LoadBalancer",
    },
}
"""Annotations that ask for each of the doors between which a service can switch."""


def opened(door: str, *, parts: tuple[str, ...] = ("engine",), name: str = "m", **more: Any) -> Stage:
    """A stage on which a service has this door, open and accepted."""
    stage = Stage()
    stage.create(settings(GATEWAY, **more))
    add(stage, door, parts=parts, name=name)
    stage.start()
    settle(stage)
    assert stage.condition(name)["status"] == "True", stage.condition(name)
    return stage


def add(stage: Stage, door: str, *, parts: tuple[str, ...] = ("engine",), name: str = "m", **more: str) -> None:
    spec = {part: {} for part in parts}
    stage.create(inference_service(name, annotations={**DOORS[door], **more}, spec=spec, ready=parts))
    for part in parts:
        stage.create(component_service(name, part))


def ask(stage: Stage, door: str, name: str = "m", **more: str | None) -> None:
    """Change a service's annotations so that they ask for this door."""
    standing = stage.service(name)["metadata"].get("annotations", {})
    annotations: dict[str, str | None] = dict.fromkeys(standing)
    annotations.update(DOORS[door])
    annotations.update(more)
    stage.patch("InferenceService.ome.io", "a", name, {"metadata": {"annotations": annotations}})


def settle(stage: Stage) -> None:
    """Let the engine and the rest of the cluster answer each other until nothing moves; no time goes by."""
    stage.settle()
    while answer(stage):
        stage.settle()


def answer(stage: Stage) -> bool:
    """Gateways accept, load balancers get addresses; False where nothing was open."""
    return accept_routes(stage) | give_addresses(stage)


def accept_routes(stage: Stage) -> bool:
    did = False
    for obj in stage.objects():
        if obj["kind"] != "HTTPRoute":
            continue
        metadata = obj["metadata"]
        status = {"parents": [_accepted(parent, metadata["generation"]) for parent in obj["spec"]["parentRefs"]]}
        if obj.get("status") != status:
            body = {"status": status}
            stage.patch(kind_of(obj), metadata["namespace"], metadata["name"], body, subresource="status")
            did = True
    return did


def give_addresses(stage: Stage, ip: str = "203.0.113.7") -> bool:
    did = False
    for obj in stage.objects():
        if obj["kind"] == "Service" and obj["spec"].get("type") == "LoadBalancer":
            status = {"loadBalancer": {"ingress": [{"ip": ip}]}}
            if obj.get("status", {}).get("loadBalancer", {}).get("ingress", [{}])[0].get("ip") != ip:
                metadata = obj["metadata"]
                stage.patch(
                    "Service", metadata["namespace"], metadata["name"], {"status": status}, subresource="status"
                )
                did = True
    return did


def _accepted(parent: JsonObject, generation: int) -> JsonObject:
    def condition(type_: str) -> JsonObject:
        return {
            "type": type_,
            "status": "True",
            "reason": type_,
            "message": "",
            "observedGeneration": generation,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }

    conditions = [condition("Accepted"), condition("ResolvedRefs")]
    return {"parentRef": parent, "controllerName": "example.com/gateway", "conditions": conditions}


def reaches(stage: Stage, url: str, *, inside: bool = False) -> str | None:
    """The component Service that a request would reach by what stands now."""
    standing = [o for o in stage.objects() if o["kind"] in ("VirtualService", "Ingress", "HTTPRoute", "Service")]
    hit = route(standing, url, inside=inside)
    return hit[0] if hit else None


def arrives(stage: Stage, url: str) -> tuple[str, str] | None:
    """The component Service that a request from outside would reach, and the path that it would see."""
    return route(stage.objects(), url)  # type: ignore[no-any-return]


def versions(stage: Stage) -> dict[str, str]:
    """The resourceVersion of everything, to see that nothing was written."""
    return {
        f"{kind_of(o)} {o['metadata'].get('namespace', '')}/{o['metadata']['name']}": o["metadata"]["resourceVersion"]
        for o in stage.objects()
    }
