"""Which Gateway a route's parent is, with the defaults that the API fills in.

Source: gateway.networking.k8s.io/v1 ParentReference: ``group`` is Gateway API's own, ``kind`` is Gateway, ``namespace``
the route's; ``sectionName`` and ``port`` choose among the listeners of one Gateway.
"""

from __future__ import annotations

from doorward.model.door import ANY_GATEWAY
from doorward.model.reference import JsonObject

from doorward_gateway_api.kinds import GROUP

_LISTENER_SETS = ("ListenerSet", "XListenerSet")
"""They add listeners to a Gateway that the route doesn't name."""


def gateway_of(parent: JsonObject, namespace: str) -> str:
    """``NAMESPACE/NAME`` of the Gateway, for a route of ``namespace``; empty where the parent is none."""
    group, kind = parent.get("group"), parent.get("kind") or "Gateway"
    if kind in _LISTENER_SETS:
        return ANY_GATEWAY
    if kind != "Gateway" or group not in (None, GROUP):
        return ""
    return f"{parent.get('namespace') or namespace}/{parent.get('name')}"
