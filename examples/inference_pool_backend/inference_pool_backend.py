"""A doorward backend whose HTTPRoutes lead to InferencePools, so that an endpoint picker chooses the model server.

It is built on doorward's own backend for Gateway API, by that one's hooks, and puts pools in the place of Services.  A
component's pool has the name of its Service; that of the entry may be named by annotation
``inference-pool.example.com/name`` of the service.  A component without a pool is reached by its Service, until there
is one: ``read`` tells when it appears.  A pool has one API group where the API is stable, another where only
``v1alpha2`` is served: a kind in two groups is two kinds, so both are asked for.

Source: kubernetes-sigs/gateway-api-inference-extension, api/v1/inferencepool_types.go, apix/v1alpha2/
inferencepool_types.go up to v1.2; kubernetes-sigs/gateway-api, apis/v1/object_reference_types.go
(``BackendObjectReference``: only a Service needs a port).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import doorward_gateway_api as gateway_api
import msgspec
from doorward import JsonObject, Ref, Resource
from doorward.hooks import Door, Read, Rendering, Standing, Target, Warning, Watch, hookimpl, short

POOL = Resource("InferencePool.inference.networking.k8s.io", "inferencepools")
EARLIER_POOL = Resource("InferencePool.inference.networking.x-k8s.io", "inferencepools", ("v1alpha2",))
ANNOTATION = "inference-pool.example.com/name"


@hookimpl
def watches() -> Sequence[Watch]:
    return (*gateway_api.watches(), Watch(resource=POOL), Watch(resource=EARLIER_POOL))


@hookimpl
def reads_annotations() -> Sequence[str]:
    return (ANNOTATION,)


@hookimpl
def render(door: Door, read: Read) -> Rendering | None:
    if door.backend != "inference_pool":
        return None
    rendering = gateway_api.render(_for_gateway_api(door), read)
    if rendering is None or rendering.refused:
        return rendering
    pools = {target.service: pool for target in door.targets if (pool := _pool(door, target, read))}
    objects = tuple(_led_to(pools, obj) if obj["kind"] == "HTTPRoute" else obj for obj in rendering.objects)
    return msgspec.structs.replace(rendering, objects=objects, warnings=(*rendering.warnings, *_missing(door, pools)))


def _for_gateway_api(door: Door) -> Door:
    """It answers for doors of its own alone."""
    return msgspec.structs.replace(door, backend="gateway_api")


def _named(door: Door, target: Target) -> str:
    """The pool that the service names for a component; empty where it names none."""
    return door.annotations.get(ANNOTATION, "") if target.component == door.entry else ""


def _pool(door: Door, target: Target, read: Read) -> Ref | None:
    """The pool of a component, if there is one; what a tenant names is never rendered unless it is there."""
    name = _named(door, target) or target.service
    refs = (door.ref(resource.kind, name) for resource in (POOL, EARLIER_POOL))
    return next((ref for ref in refs if read(ref)), None)


def _led_to(pools: Mapping[str, Ref], route: JsonObject) -> JsonObject:
    """An HTTPRoute with pools in the place of Services that have one; what speaks gRPC has a port of its own."""
    for rule in route["spec"]["rules"]:
        if any("headers" in match for match in rule.get("matches", ())):
            continue
        for ref in rule.get("backendRefs", ()):
            if pool := pools.get(ref["name"]):
                ref |= {"group": pool.kind.partition(".")[2], "kind": POOL.name, "name": pool.name}
                del ref["port"]
    return route


def _missing(door: Door, pools: Mapping[str, Ref]) -> Sequence[Warning]:
    entry = door.entry_target()
    if not (name := _named(door, entry)) or entry.service in pools:
        return ()
    what = f"there is no InferencePool {short(name)} in this namespace; requests go to Service {entry.service}"
    return (Warning("NoInferencePool", what, condition=True),)


@hookimpl
def status(door: Door, observed: Mapping[Ref, JsonObject]) -> Standing:
    return gateway_api.status(_for_gateway_api(door), observed)
