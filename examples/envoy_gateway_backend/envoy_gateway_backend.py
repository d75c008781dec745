"""A doorward backend for Envoy Gateway, built on doorward's own for Gateway API by that one's hooks.

HTTPRoutes and, where a door is guarded, a SecurityPolicy for each are those of ``gateway_api``, and so are what it
claims, narrows, and takes for accepted.  Beside them stands a BackendTrafficPolicy, which says what an HTTPRoute can't:
how long a stream may be silent, since a model may think for long before its first token, and what counts for requests
where setting ``disableHTTPRouteTimeout`` leaves a rule's own timeout out.  It adds to the policy of the Gateway, and
puts none of its settings out of force.  It needs Envoy Gateway v1.8, the first that knows ``streamIdleTimeout`` there.

Source: envoyproxy/gateway, api/v1alpha1/timeout_types.go and backendtrafficpolicy_types.go (``mergeType``, only for
routes), internal/xds/translator/route.go (``getEffectiveRequestTimeout``: a rule's own timeout comes first;
``idleTimeout``: without one of the route, that of a ClientTrafficPolicy cuts streams).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import doorward_gateway_api as gateway_api
import msgspec
from doorward import JsonObject, Ref, Resource
from doorward.hooks import Door, Read, Rendering, Standing, Watch, hookimpl, manifest

BACKEND_TRAFFIC_POLICY = Resource("BackendTrafficPolicy.gateway.envoyproxy.io", "backendtrafficpolicies", ("v1alpha1",))
WRITTEN = ("list", "watch", "create", "patch", "delete")
LONGEST = 99_999


@hookimpl
def watches() -> Sequence[Watch]:
    """A kind that several backends write is described alike by all of them."""
    return (*gateway_api.watches(), Watch(resource=BACKEND_TRAFFIC_POLICY, verbs=WRITTEN, owned="spec"))


@hookimpl
def render(door: Door, read: Read) -> Rendering | None:
    if door.backend != "envoy_gateway":
        return None
    rendering = gateway_api.render(_for_gateway_api(door), read)
    if rendering is None or rendering.refused or not rendering.objects:
        return rendering
    routes = [obj["metadata"]["name"] for obj in rendering.objects if obj["kind"] == "HTTPRoute"]
    return msgspec.structs.replace(rendering, objects=(*rendering.objects, _policy(door, routes)))


def _for_gateway_api(door: Door) -> Door:
    """It answers for doors of its own alone."""
    return msgspec.structs.replace(door, backend="gateway_api")


def _policy(door: Door, routes: Sequence[str]) -> JsonObject:
    """The policy of all HTTPRoutes of a door: as long as the slowest component may take."""
    limits = [target.timeout or door.settings.request_timeout_seconds or 0 for target in door.targets]
    longest = max(limits) if all(0 < limit <= LONGEST for limit in limits) else 0
    spec = {
        "targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": route} for route in routes],
        "mergeType": "StrategicMerge",
        "timeout": {"http": {"requestTimeout": f"{longest}s", "streamIdleTimeout": f"{longest}s"}},
    }
    return manifest(BACKEND_TRAFFIC_POLICY.api_version(), BACKEND_TRAFFIC_POLICY.name, door.name, spec)


@hookimpl
def status(door: Door, observed: Mapping[Ref, JsonObject]) -> Standing:
    return gateway_api.status(_for_gateway_api(door), observed)
