"""A door's guard on Envoy Gateway: a SecurityPolicy per HTTPRoute, by which the authorization service is asked.

Which controller a Gateway has, nobody can tell before it answers.  So a guarded HTTPRoute leads nowhere at first: its
Gateway answers 500, whatever is asked.  Only when Envoy Gateway says that it has accepted the policy on every Gateway
of the route does the route lead on.  A Gateway of another controller never says so, and its doors stay shut.

The address names the door, so that no other one's guard is ever asked, whatever host and path a request makes up.

Source: envoyproxy/gateway, api/v1alpha1/ext_auth_types.go (``path`` is put before the request's; Authorization is
always handed over; ``headersToBackend`` override what the client sent; ``failOpen``), and
internal/gatewayapi/securitypolicy.go, ``processSecurityPolicyForRoute`` (no status without the route; Accepted per
ancestor; Overridden by a policy of a rule).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from doorward.model.door import Door, manifest
from doorward.model.reference import JsonObject, Ref, Resource

from doorward_gateway_api.parents import GROUP, gateway_of

SECURITY_POLICY = Resource("SecurityPolicy.gateway.envoyproxy.io", "securitypolicies", ("v1alpha1",))
PENDING, REFUSED = "GuardPending", "AuthUnsupported"

_CONTROLLERS = "gateway.envoyproxy.io/"
_HEADERS = ["x-api-key"]


class Proof(NamedTuple):
    """What Envoy Gateway says of the guard of one HTTPRoute."""

    state: Literal["accepted", "pending", "refused"]
    message: str = ""


def policy(door: Door, route: str, standing: JsonObject | None) -> JsonObject:
    """The guard of an HTTPRoute, under its name.

    The route that stands owns it too: when the service is deleted, garbage collection takes an object only after the
    last of its owners, and so the guard after the route.
    """
    settings = door.settings
    where, _, port = settings.auth_service.partition(":")
    namespace, _, service = where.partition("/")
    backend = {"group": "", "kind": "Service", "namespace": namespace, "name": service, "port": int(port)}
    http = {
        "backendRefs": [backend],
        "path": f"/door/envoy/{door.namespace}/{door.name}",
        "headersToBackend": [settings.client_header],
    }
    spec = {
        "targetRefs": [{"group": GROUP, "kind": "HTTPRoute", "name": route}],
        "extAuth": {"headersToExtAuth": _HEADERS, "failOpen": False, "http": http},
    }
    owners = []
    if standing and (uid := standing["metadata"].get("uid")):
        owners = [{"apiVersion": f"{GROUP}/v1", "kind": "HTTPRoute", "name": route, "uid": uid}]
    return manifest(SECURITY_POLICY.api_version(), SECURITY_POLICY.name, route, spec, ownerReferences=owners)


def proof(door: Door, route: str, objects: Mapping[Ref, JsonObject]) -> Proof:
    """Whether Envoy Gateway has accepted the guard of an HTTPRoute on each of its Gateways."""
    standing = objects.get(door.ref(SECURITY_POLICY.kind, route), {})
    ancestors = [a for a in (standing.get("status") or {}).get("ancestors") or () if _is_envoys(a)]
    for gateway in dict.fromkeys((door.settings.ome_ingress_gateway, *door.leaving_parents)):
        answers = [a for a in ancestors if gateway_of(a.get("ancestorRef") or {}, door.namespace) == gateway]
        conditions = [c for a in answers for c in a.get("conditions") or ()]
        told = f"Gateway {gateway}, SecurityPolicy {route}"
        for condition in conditions:
            type_, status = condition.get("type"), condition.get("status")
            if (type_, status) in (("Accepted", "False"), ("Overridden", "True")):
                why = ": ".join(filter(None, (condition.get("reason"), condition.get("message"))))
                return Proof("refused", f"{told}, the guard of HTTPRoute {route}: {type_} is {status}: {why}")
        if not any(c.get("type") == "Accepted" and c.get("status") == "True" for c in conditions):
            hint = "Envoy Gateway is the controller that doorward can have ask for a key"
            return Proof("pending", f"{told}: not accepted yet, and the door leads nowhere until it is; {hint}")
    return Proof("accepted")


def _is_envoys(ancestor: JsonObject) -> bool:
    return str(ancestor.get("controllerName", "")).startswith(_CONTROLLERS)
