"""The ``gateway_api`` backend: HTTPRoutes attached to the cluster's Gateway."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from doorward.hooks import Watch, hookimpl
from doorward.model.certificates import CERTIFICATE
from doorward.model.door import Claim, Door, Rendering, Standing
from doorward.model.reference import JsonObject, Ref
from doorward.model.settings import Settings

from doorward_gateway_api import acceptance, claimed, gateway_class, http_route, listeners
from doorward_gateway_api.kinds import GATEWAY, GATEWAY_CLASS, HTTP_ROUTE, NAMESPACE


@hookimpl
def watches() -> Sequence[Watch]:
    return (
        Watch(
            resource=HTTP_ROUTE,
            verbs=("list", "watch", "create", "patch", "delete"),
            owned="spec",
            guarded=("external-dns.alpha.kubernetes.io/",),
            adoptable=True,
        ),
        *(Watch(resource=read) for read in (GATEWAY, GATEWAY_CLASS, NAMESPACE, CERTIFICATE)),
    )


@hookimpl(trylast=True)
def select(door: Door, settings: Settings) -> str | None:
    """Every door that isn't Serverless, where Gateway API is enabled."""
    return "gateway_api" if door.ingress and not door.serverless and settings.enable_gateway_api else None


@hookimpl
def supports(door: Door) -> str | None:
    return http_route.supports(door)


@hookimpl
def needs(door: Door) -> Sequence[Ref]:
    if not door.settings.ome_ingress_gateway:
        return http_route.needs(door)
    return (listeners.gateway_ref(door), listeners.namespace_ref(door), *http_route.needs(door))


@hookimpl
def needs_further(door: Door, needed: Mapping[Ref, JsonObject]) -> Sequence[Ref]:
    """The Gateway's class, and the Certificates of its listeners."""
    gateway = needed.get(listeners.gateway_ref(door))
    if gateway is None:
        return ()
    known = listeners.listeners_of(door, needed)
    certificates = [ref for listener in known.taking for ref in listener.certificates] if known else []
    return (gateway_class.ref_of(gateway), *(certificates if door.scheme == "https" else ()))


@hookimpl
def render(door: Door, needed: Mapping[Ref, JsonObject]) -> Rendering:
    return http_route.render(door, needed)


@hookimpl
def status(door: Door, observed: Mapping[Ref, JsonObject]) -> Standing:
    return acceptance.standing(door, observed)


@hookimpl
def claims(manifest: JsonObject) -> Sequence[Claim] | None:
    return claimed.claims(manifest)


@hookimpl
def narrow(manifest: JsonObject, hosts: Sequence[str]) -> JsonObject | None:
    return claimed.narrowed(manifest, hosts)
