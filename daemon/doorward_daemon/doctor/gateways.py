"""What a door hangs on: its IngressClass, or its Gateway."""

from __future__ import annotations

from collections.abc import Iterable

from doorward.engine import SETTINGS_NAME
from doorward.model.reference import JsonObject, Resource

from doorward_daemon.doctor.examination import Examination, Patient
from doorward_daemon.doctor.finding import Finding, kubectl

__all__ = ["of_service"]

INGRESS_CLASSES = Resource("IngressClass.networking.k8s.io", "ingressclasses", namespaced=False)
CLASS = "ome.io/ingress-class"
"""As the engine calls it, whatever a kind has in its place."""
GATEWAYS = Resource("Gateway.gateway.networking.k8s.io", "gateways", ("v1", "v1beta1"))
ISTIO_GATEWAYS = Resource("Gateway.networking.istio.io", "gateways", ("v1", "v1beta1", "v1alpha3"))


async def of_service(examination: Examination, patient: Patient) -> list[Finding]:
    """The class or the Gateways that the door's objects name, and that aren't there."""
    found = []
    for ref, obj in patient.objects:
        for resource, namespace, name, field in _named(ref.kind, ref.namespace, obj):
            if await _is_there(examination, resource, namespace, name):
                continue
            called = f"{namespace}/{name}" if namespace else name
            kind = f"{resource.plural}.{resource.group}"
            listed = kubectl("", "get", kind, *(("-A",) if resource.namespaced else ()))
            annotation = _annotation(examination, patient, name) if resource == INGRESS_CLASSES else ""
            evidence = (f"{ref}: {field} is {called}", *((f"annotation {annotation} says so",) if annotation else ()))
            if annotation:
                where = patient.ref.namespace
                change = kubectl(where, "annotate", patient.kubectl, "--overwrite", f"{annotation}=NAME")
            else:
                change = kubectl(examination.settings_namespace, "edit", "configmap", SETTINGS_NAME)
            found.append(
                Finding(
                    about=patient.name,
                    reason=f"{resource.name}Missing",
                    cause=f"there is no {resource.name} {called}: nobody serves what names it; add it or name another",
                    evidence=evidence,
                    remedy=(listed, change),
                )
            )
    return list(dict.fromkeys(found))


def _annotation(examination: Examination, patient: Patient, name: str) -> str:
    """The service's annotation that names this class, as its kind spells it; empty where a setting does."""
    source = examination.engine.backends.sources[patient.ref.kind]
    own = source.named(patient.object["metadata"].get("annotations") or {})
    return source.words(CLASS) if own.get(CLASS) == name else ""


async def _is_there(examination: Examination, resource: Resource, namespace: str, name: str) -> bool:
    """Whether it is, or nobody can tell here: a kind that isn't served is another finding's business."""
    version = await examination.cluster.served(resource)
    if version is None:
        return True
    return await examination.get(resource, namespace, name) is not None


def _named(kind: str, namespace: str, obj: JsonObject) -> Iterable[tuple[Resource, str, str, str]]:
    """Kind, namespace, name and field of what an object hangs on."""
    spec = obj.get("spec") or {}
    if kind == "Ingress.networking.k8s.io" and (name := spec.get("ingressClassName")):
        yield INGRESS_CLASSES, "", name, "spec.ingressClassName"
    if kind.endswith("Route.gateway.networking.k8s.io"):
        for parent in spec.get("parentRefs") or ():
            if parent.get("kind", "Gateway") == "Gateway":
                yield GATEWAYS, parent.get("namespace", namespace), parent["name"], "spec.parentRefs"
    if kind == "VirtualService.networking.istio.io":
        for gateway in spec.get("gateways") or ():
            where, slash, name = gateway.rpartition("/")
            if gateway != "mesh":
                yield ISTIO_GATEWAYS, where if slash else namespace, name, "spec.gateways"
