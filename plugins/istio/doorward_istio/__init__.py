"""The ``istio`` backend: a VirtualService per door.

A Serverless door needs one whatever opens it: requests for Service DOOR, and those that an Ingress sends there, reach
Knative's local gateway, and the VirtualService takes them on to the component by path.
"""

from __future__ import annotations

from collections.abc import Sequence

from doorward.hooks import Read, Watch, hookimpl
from doorward.model.authorization_policy import AUTHORIZATION_POLICY
from doorward.model.certificates import CERTIFICATE
from doorward.model.door import Claim, Door, Rendering
from doorward.model.reference import JsonObject
from doorward.model.settings import Settings
from msgspec.structs import replace

from doorward_istio import claimed, guard, virtual_service
from doorward_istio.servers import GATEWAY
from doorward_istio.virtual_service import VIRTUAL_SERVICE

DISABLED = (
    "VirtualServices are disabled for this service "
    "(annotation ome.io/ingress-disable-istio-virtualhost, or setting disableIstioVirtualHost)"
)


@hookimpl
def watches() -> Sequence[Watch]:
    return (
        Watch(
            resource=VIRTUAL_SERVICE,
            verbs=("list", "watch", "create", "patch", "delete"),
            owned="spec",
            guarded=("external-dns.alpha.kubernetes.io/",),
            adoptable=True,
        ),
        Watch(resource=GATEWAY),
        Watch(resource=AUTHORIZATION_POLICY),
        Watch(resource=CERTIFICATE),
    )


@hookimpl
def reads_annotations() -> Sequence[str]:
    return ()


@hookimpl(trylast=True)
def select(door: Door, settings: Settings) -> str | None:  # noqa: ARG001
    """Every Serverless door, unless the service asks for another ingress class."""
    asked = door.annotations.get("ome.io/ingress-class", "").strip() or "istio"
    mine = door.serverless and door.virtual_services and door.ingress and asked == "istio"
    return "istio" if mine else None


@hookimpl
def render(door: Door, read: Read) -> Rendering | None:
    """A door that this backend opens, or that is Serverless."""
    if door.backend == "istio" and not door.virtual_services:
        return Rendering(refused=DISABLED)
    accompanies = door.serverless and door.virtual_services and door.in_cluster != "none"
    if door.backend != "istio" and not accompanies:
        return None
    if door.guard and (why := guard.problem(door, read)):
        return Rendering(unguarded=why)
    return replace(virtual_service.render(door, read), guarded=door.guard is not None)


@hookimpl
def claims(manifest: JsonObject) -> Sequence[Claim] | None:
    return claimed.claims(manifest)


@hookimpl
def narrow(manifest: JsonObject, hosts: Sequence[str]) -> JsonObject | None:
    return claimed.narrowed(manifest, hosts)
