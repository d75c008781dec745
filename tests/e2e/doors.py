"""The five doors: how to ask for each, and what stands then."""

from __future__ import annotations

from secrets import token_hex
from typing import NamedTuple

from tests.e2e.world import World

RAW = {"ome.io/deployment-mode": "RawDeployment"}
VISIBILITY = "networking.knative.dev/visibility"

INGRESS = {"ingressDomain": "example.com", "ingressClassName": "nginx", "omeIngressGateway": "infra/ome"}
"""Key ``ingress`` of the settings under which the five stand beside each other."""


class Door(NamedTuple):
    """``objects``: kinds of what stands, the one that matters first; ``url``: of ``status.url``, for service NAME."""

    annotations: dict[str, str]
    labels: dict[str, str]
    objects: tuple[str, ...]
    url: str


OUTSIDE = "http://NAME.NAMESPACE.example.com"
INSIDE = "http://NAME.NAMESPACE.svc.cluster.local"

DOORS = {
    "istio": Door({}, {}, ("VirtualService", "Service"), OUTSIDE),
    "k8s_ingress": Door(RAW, {}, ("Ingress", "Service"), OUTSIDE),
    "gateway_api": Door({**RAW, "doorward.io/backend": "gateway_api"}, {}, ("HTTPRoute", "Service"), OUTSIDE),
    "loadbalancer": Door(
        {**RAW, "ome.io/disable-ingress": "true", "ome.io/service-type": "LoadBalancer"},
        {},
        ("Service",),
        "http://NAME.lb.test",
    ),
    "cluster_local": Door(RAW, {VISIBILITY: "cluster-local"}, ("Service",), INSIDE),
}

CLASS = {"nginx": {"ome.io/ingress-class": "nginx"}, "traefik": {"ome.io/ingress-class": "traefik"}}
ANNOTATIONS = {
    **{door: wanted.annotations for door, wanted in DOORS.items()},
    **{name: {**DOORS["k8s_ingress"].annotations, **annotation} for name, annotation in CLASS.items()},
}
"""What asks for each door, and for an Ingress of the one class or the other."""


async def opened(world: World, door: str) -> str:
    """A service of a name of its own whose door stands and works; its name."""
    name = f"s-{token_hex(3)}"
    await world.add(name, ANNOTATIONS[door])
    await world.view.until(lambda: world.reaches(outside(world, name, door)), what="the old door doesn't open")
    await world.stands(name)
    return name


def outside(world: World, name: str, door: str) -> str:
    """The URL of a door from outside."""
    return f"http://{name}.lb.test/" if door == "loadbalancer" else f"http://{name}.{world.namespace}.example.com/"
