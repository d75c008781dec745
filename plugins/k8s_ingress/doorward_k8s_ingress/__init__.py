"""The ``k8s_ingress`` backend: an Ingress per door, of whatever class."""

from __future__ import annotations

from collections.abc import Sequence

from doorward.hooks import Read, Watch, hookimpl
from doorward.model.authorization_policy import AUTHORIZATION_POLICY
from doorward.model.certificates import CERTIFICATE
from doorward.model.door import Claim, Door, Rendering
from doorward.model.forward_auth import MIDDLEWARE
from doorward.model.reference import JsonObject
from doorward.model.settings import Settings

from doorward_k8s_ingress import claimed, ingress, tls
from doorward_k8s_ingress.controllers import GUARDED
from doorward_k8s_ingress.naming import INGRESS


@hookimpl
def watches() -> Sequence[Watch]:
    return (
        Watch(
            resource=INGRESS,
            verbs=("list", "watch", "create", "patch", "delete"),
            owned="spec",
            guarded=GUARDED,
            adoptable=True,
        ),
        Watch(
            resource=MIDDLEWARE,
            verbs=("list", "watch", "create", "patch", "delete"),
            owned="spec",
            guards=True,
        ),
        *(Watch(resource=read) for read in (ingress.INGRESS_CLASS, CERTIFICATE, AUTHORIZATION_POLICY)),
    )


@hookimpl
def reads_annotations() -> Sequence[str]:
    return (tls.SECRET,)


@hookimpl(trylast=True)
def select(door: Door, settings: Settings) -> str | None:
    """A Serverless door of another ingress class than istio, and every other door, unless Gateway API is enabled."""
    if not door.ingress:
        return None
    if door.serverless:
        asked = door.annotations.get("ome.io/ingress-class", "").strip() or "istio"
        mine = asked != "istio"
    else:
        mine = not settings.enable_gateway_api
    return "k8s_ingress" if mine else None


@hookimpl
def render(door: Door, read: Read) -> Rendering | None:
    return ingress.render(door, read) if door.backend == "k8s_ingress" else None


@hookimpl
def claims(manifest: JsonObject) -> Sequence[Claim] | None:
    return claimed.claims(manifest)


@hookimpl
def narrow(manifest: JsonObject, hosts: Sequence[str]) -> JsonObject | None:
    return claimed.narrowed(manifest, hosts)
