"""The kinds that this backend reads and writes."""

from __future__ import annotations

from doorward.model.reference import Resource

HTTP_ROUTE = Resource("HTTPRoute.gateway.networking.k8s.io", "httproutes", ("v1",))
GATEWAY = Resource("Gateway.gateway.networking.k8s.io", "gateways", ("v1",))
GATEWAY_CLASS = Resource("GatewayClass.gateway.networking.k8s.io", "gatewayclasses", ("v1",), namespaced=False)
NAMESPACE = Resource("Namespace", "namespaces", namespaced=False)
GROUP = HTTP_ROUTE.group
