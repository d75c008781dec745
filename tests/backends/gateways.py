"""Gateways of Gateway API, their classes and what belongs to them, as a backend may find them."""

from __future__ import annotations

from typing import Any

ALL = {"namespaces": {"from": "All"}}
API = "gateway.networking.k8s.io/v1"


def gateway(*listeners: dict[str, Any], class_name: str = "shared", **status: Any) -> dict[str, Any]:
    """Gateway ``ingress/ome``; a listener is called after its protocol unless it has a name."""
    named = [{"name": each["protocol"].lower(), **each} for each in listeners]
    return {
        "apiVersion": API,
        "kind": "Gateway",
        "metadata": {"name": "ome", "namespace": "ingress"},
        "spec": {"gatewayClassName": class_name, "listeners": named},
        **({"status": status} if status else {}),
    }


def gateway_class(
    controller: str = "example.com/gateway", features: Any = None, name: str = "shared"
) -> dict[str, Any]:
    listed = [{"name": feature} for feature in features] if features is not None else None
    return {
        "apiVersion": API,
        "kind": "GatewayClass",
        "metadata": {"name": name},
        "spec": {"controllerName": controller},
        **({"status": {"supportedFeatures": listed}} if listed is not None else {}),
    }


def http(**more: Any) -> dict[str, Any]:
    return {"protocol": "HTTP", "port": 80, "allowedRoutes": ALL, **more}


def https(secret: str = "tls", **more: Any) -> dict[str, Any]:
    tls = {"mode": "Terminate", "certificateRefs": [{"group": "", "kind": "Secret", "name": secret}]}
    return {"protocol": "HTTPS", "port": 443, "allowedRoutes": ALL, "tls": tls, **more}


def namespace(**labels: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a", "labels": labels}}


def certificate(name: str, space: str, reason: str = "Expired", status: str = "False") -> dict[str, Any]:
    told = {"type": "Ready", "status": status, "reason": reason, "message": "Certificate expired on Mon, 02 Nov 2026"}
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"name": name, "namespace": space},
        "spec": {"secretName": name},
        "status": {"conditions": [told]},
    }


def istio_gateway(*servers: dict[str, Any]) -> dict[str, Any]:
    """Istio's Gateway of setting ``ingressGateway``, as it is without one."""
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "knative-ingress-gateway", "namespace": "knative-serving"},
        "spec": {"selector": {"istio": "ingressgateway"}, "servers": list(servers)},
    }
