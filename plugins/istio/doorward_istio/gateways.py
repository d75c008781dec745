"""The names by which VirtualServices refer to Gateways.

Source: ``resolveGatewayName`` in istio/istio, pilot/pkg/model/config.go; ``mesh``, which stands for the sidecars, is
left alone by its caller, ``ResolveVirtualServiceShortnames`` in pilot/pkg/model/virtualservice.go.
"""

from __future__ import annotations

MESH = "mesh"


def qualified(gateway: str, namespace: str) -> str:
    """``NAMESPACE/NAME`` of a Gateway that a VirtualService of ``namespace`` names, as Istio reads it.

    ``NAME`` and ``./NAME`` are of its own namespace, ``NAME.NAMESPACE`` and whatever may follow of another.
    """
    where, slash, name = gateway.partition("/")
    if slash:
        return f"{namespace}/{name}" if where == "." else gateway
    name, dot, rest = gateway.partition(".")
    return f"{rest.partition('.')[0]}/{name}" if dot else f"{namespace}/{name}"
