"""The ``gateway_api`` backend: HTTPRoutes attached to the cluster's Gateway."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from doorward.hooks import Read, Watch, hookimpl
from doorward.model.authorization_policy import AUTHORIZATION_POLICY
from doorward.model.certificates import CERTIFICATE
from doorward.model.door import Claim, Door, Rendering, Standing
from doorward.model.forward_auth import MIDDLEWARE
from doorward.model.reference import JsonObject, Ref
from doorward.model.settings import Settings

from doorward_gateway_api import acceptance, claimed, guard, http_route
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
        Watch(
            resource=guard.SECURITY_POLICY,
            verbs=("list", "watch", "create", "patch", "delete"),
            owned="spec",
            guards=True,
        ),
        Watch(
            resource=MIDDLEWARE,
            verbs=("list", "watch", "create", "patch", "delete"),
            owned="spec",
            guards=True,
        ),
        *(Watch(resource=read) for read in (GATEWAY, GATEWAY_CLASS, NAMESPACE, CERTIFICATE, AUTHORIZATION_POLICY)),
    )


@hookimpl
def reads_annotations() -> Sequence[str]:
    return ()


@hookimpl(trylast=True)
def select(door: Door, settings: Settings) -> str | None:
    """Every door that isn't Serverless, where Gateway API is enabled."""
    return "gateway_api" if door.ingress and not door.serverless and settings.enable_gateway_api else None


@hookimpl
def render(door: Door, read: Read) -> Rendering | None:
    if door.backend != "gateway_api":
        return None
    if why := http_route.refused(door):
        return Rendering(refused=why)
    return http_route.render(door, read)


@hookimpl
def status(door: Door, observed: Mapping[Ref, JsonObject]) -> Standing:
    return acceptance.standing(door, observed)


@hookimpl
def claims(manifest: JsonObject) -> Sequence[Claim] | None:
    return claimed.claims(manifest)


@hookimpl
def narrow(manifest: JsonObject, hosts: Sequence[str]) -> JsonObject | None:
    return claimed.narrowed(manifest, hosts)
