"""The five doors: how to ask for each, and what stands then."""

from __future__ import annotations

from typing import NamedTuple

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
        "http://203.0.113.7",
    ),
    "cluster_local": Door(RAW, {VISIBILITY: "cluster-local"}, ("Service",), INSIDE),
}
