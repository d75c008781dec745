"""A door's guard on a Gateway, by which the authorization service is asked: of Envoy Gateway, of Traefik, or of Istio.

    Istio           the AuthorizationPolicy of setting authPolicy, if it is for this Gateway: the administrator's
    Traefik         if the Gateway's class says that it is: a Middleware, ours, that every rule names in a filter
    Envoy Gateway   else: a SecurityPolicy per HTTPRoute, ours

A rule with a filter that its Gateway doesn't know, or that names nothing, is answered with an error: so says Gateway
API, and so does Traefik.  A route with Traefik's filter leads on at once.

Else a policy is an object beside the route, and which controller a Gateway has, nobody can tell before it answers.  So
such an HTTPRoute leads nowhere at first: its Gateway answers 500, whatever is asked.  Only when Envoy Gateway says that
it has accepted the policy on every Gateway of the route, or Istio that it has accepted the route, does the route lead
on.  A Gateway of another controller never says so, and its doors stay shut.

The address in a SecurityPolicy names the door, so that no other one's guard is ever asked, whatever host and path a
request makes up.

Source: envoyproxy/gateway, api/v1alpha1/ext_auth_types.go (``path`` is put before the request's; Authorization is
always handed over; ``headersToBackend`` override what the client sent; ``failOpen``), and
internal/gatewayapi/securitypolicy.go, ``processSecurityPolicyForRoute`` (no status without the route; Accepted per
ancestor; Overridden by a policy of a rule).  kubernetes-sigs/gateway-api, apis/v1/httproute_types.go (``ExtensionRef``:
a reference that can't be resolved is never skipped); traefik/traefik, pkg/provider/kubernetes/gateway/httproute.go
(``loadMiddlewares``: an error is a 500) and kubernetes.go (``controllerName``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from doorward.hooks import Read
from doorward.model import authorization_policy, forward_auth
from doorward.model.auth_service import AuthService
from doorward.model.door import Door, manifest
from doorward.model.forward_auth import MIDDLEWARE
from doorward.model.reference import JsonObject, Ref, Resource

from doorward_gateway_api.kinds import GATEWAY, GATEWAY_CLASS, GROUP
from doorward_gateway_api.parents import gateway_of

SECURITY_POLICY = Resource("SecurityPolicy.gateway.envoyproxy.io", "securitypolicies", ("v1alpha1",))
HTTP_ROUTE_KIND = "HTTPRoute.gateway.networking.k8s.io"
PENDING, REFUSED = "GuardPending", "AuthUnsupported"

_ENVOY_GATEWAY, _ISTIO, _TRAEFIK = "gateway.envoyproxy.io/", "istio.io/", "traefik.io/gateway-controller"
_HEADERS = ["x-api-key"]


class Proof(NamedTuple):
    """What Envoy Gateway says of the guard of one HTTPRoute."""

    state: Literal["accepted", "pending", "refused"]
    message: str = ""


def _policy(door: Door, read: Read) -> JsonObject | None:
    """The AuthorizationPolicy that a guarded door may go by."""
    named = door.settings.auth_policy if door.guard else ""
    return read(authorization_policy.ref_of(named)) if named else None


def is_istios(door: Door, read: Read) -> bool:
    """Whether every Gateway of the door is one that setting authPolicy's policy is for."""
    found = _policy(door, read)
    return found is not None and all(authorization_policy.targets(found, gateway) for gateway in _gateways(door))


def is_traefiks(door: Door, read: Read) -> bool:
    """Whether the class of every Gateway of the door is Traefik's."""
    return all(_controller(gateway, read) == _TRAEFIK for gateway in _gateways(door))


def _controller(gateway: str, read: Read) -> str:
    namespace, _, name = gateway.partition("/")
    class_name = ((read(Ref(GATEWAY.kind, namespace, name)) or {}).get("spec") or {}).get("gatewayClassName")
    found = read(Ref(GATEWAY_CLASS.kind, "", class_name)) if class_name else None
    return str((found or {}).get("spec", {}).get("controllerName", ""))


def filters(door: Door) -> list[JsonObject]:
    """What has Traefik ask before anything else is done with a request."""
    named = {"group": MIDDLEWARE.group, "kind": MIDDLEWARE.name, "name": forward_auth.name_of(door)}
    return [{"type": "ExtensionRef", "extensionRef": named}]


def problem(door: Door, read: Read) -> str:
    """Why the AuthorizationPolicy of the door's Gateways guards nothing; empty where it does."""
    found = _policy(door, read)
    assert found is not None
    why = authorization_policy.problem(found, door.outside_hosts)
    ref = authorization_policy.ref_of(door.settings.auth_policy)
    return f"{ref} doesn't guard its Gateway: {why}" if why else ""


def policy(door: Door, route: str, standing: JsonObject | None) -> JsonObject:
    """The guard of an HTTPRoute, under its name.

    The route that stands owns it too: when the service is deleted, garbage collection takes an object only after the
    last of its owners, and so the guard after the route.
    """
    settings = door.settings
    asked = AuthService.of(settings)
    backend = {
        "group": "",
        "kind": "Service",
        "namespace": asked.namespace,
        "name": asked.name,
        "port": int(asked.port),
    }
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


def leads_on(door: Door, route: str, read: Read) -> bool:
    """Whether an HTTPRoute may: its door has no guard, or one that is known to stand."""
    if door.guard is None:
        return True
    if not is_istios(door, read):
        return is_traefiks(door, read) or proof(door, route, read).state == "accepted"
    status = (read(door.ref(HTTP_ROUTE_KIND, route)) or {}).get("status") or {}
    accepted = {
        gateway_of(parent.get("parentRef") or {}, door.namespace)
        for parent in status.get("parents") or ()
        if str(parent.get("controllerName", "")).startswith(_ISTIO)
        and any((c.get("type"), c.get("status")) == ("Accepted", "True") for c in parent.get("conditions") or ())
    }
    return accepted >= set(_gateways(door))


def told(door: Door, route: str, observed: Mapping[Ref, JsonObject]) -> Proof:
    """How the guard of an HTTPRoute stands, by what is ours alone."""
    if door.ref(SECURITY_POLICY.kind, route) in observed:
        return proof(door, route, observed.get)
    rules = observed.get(door.ref(HTTP_ROUTE_KIND, route), {}).get("spec", {}).get("rules") or ()
    if any(rule.get("backendRefs") for rule in rules):
        return Proof("accepted")
    what = f"Gateway {door.settings.ome_ingress_gateway} hasn't accepted HTTPRoute {route}"
    return Proof("pending", f"{what} as one of Istio's, whose AuthorizationPolicy guards it; the door leads nowhere")


def _gateways(door: Door) -> tuple[str, ...]:
    return tuple(dict.fromkeys((door.settings.ome_ingress_gateway, *door.draining_parents)))


def proof(door: Door, route: str, read: Read) -> Proof:
    """Whether Envoy Gateway has accepted the guard of an HTTPRoute on each of its Gateways."""
    standing = read(door.ref(SECURITY_POLICY.kind, route)) or {}
    ancestors = [a for a in (standing.get("status") or {}).get("ancestors") or () if _is_envoys(a)]
    for gateway in _gateways(door):
        answers = [a for a in ancestors if gateway_of(a.get("ancestorRef") or {}, door.namespace) == gateway]
        conditions = [c for a in answers for c in a.get("conditions") or ()]
        who = f"Gateway {gateway}, SecurityPolicy {route}"
        for condition in conditions:
            type_, status = condition.get("type"), condition.get("status")
            if (type_, status) in (("Accepted", "False"), ("Overridden", "True")):
                why = ": ".join(filter(None, (condition.get("reason"), condition.get("message"))))
                return Proof("refused", f"{who}, the guard of HTTPRoute {route}: {type_} is {status}: {why}")
        if not any(c.get("type") == "Accepted" and c.get("status") == "True" for c in conditions):
            hint = "Envoy Gateway accepts it; an Istio gateway needs setting authPolicy; beside Traefik no other asks"
            return Proof("pending", f"{who}: not accepted, and the door leads nowhere until it is. {hint}")
    return Proof("accepted")


def _is_envoys(ancestor: JsonObject) -> bool:
    return str(ancestor.get("controllerName", "")).startswith(_ENVOY_GATEWAY)
