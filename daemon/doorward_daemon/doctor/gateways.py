"""What a door hangs on: its IngressClass, or its Gateway."""

from __future__ import annotations

from collections.abc import Iterable

from doorward.model.quoting import quoted
from doorward.model.reference import JsonObject, Resource

from doorward_daemon.classes import LISTED, MISSING, missing_classes
from doorward_daemon.doctor.edits import of_annotation, of_setting
from doorward_daemon.doctor.examination import Examination, Patient
from doorward_daemon.doctor.finding import Finding, kubectl

__all__ = ["of_service"]

_GATEWAY_SETTINGS = ("ingressGateway", "localGateway", "omeIngressGateway")
"""Settings that name a Gateway, Istio's or that of the Gateway API."""
_WRITE = "write the name of one that is listed"
CLASS = "ome.io/ingress-class"
"""As the engine calls it, whatever a kind has in its place."""
GATEWAYS = Resource("Gateway.gateway.networking.k8s.io", "gateways", ("v1", "v1beta1"))
ISTIO_GATEWAYS = Resource("Gateway.networking.istio.io", "gateways", ("v1", "v1beta1", "v1alpha3"))


async def of_service(examination: Examination, patient: Patient) -> list[Finding]:
    """The class or the Gateways that the door's objects name, and that aren't there."""
    found = _of_classes(examination, patient)
    for ref, obj in patient.objects:
        for resource, namespace, name, field in _named(ref.kind, ref.namespace, obj):
            if await _is_there(examination, resource, namespace, name):
                continue
            called = f"{namespace}/{name}"
            found.append(
                Finding(
                    about=patient.name,
                    reason=f"{resource.name}Missing",
                    cause=f"there is no {resource.name} {called}: nobody serves what names it; add it or name another",
                    evidence=(f"{ref}: {field} is {called}",),
                    remedy=(
                        kubectl("", "get", f"{resource.plural}.{resource.group}", "-A"),
                        *_edits_of_gateways(examination, called),
                    ),
                )
            )
    return list(dict.fromkeys(found))


def _of_classes(examination: Examination, patient: Patient) -> list[Finding]:
    found = []
    for missing in missing_classes(examination.engine, patient.objects):
        evidence, edit = _asked_for(examination, patient, missing.name)
        found.append(
            Finding(
                about=patient.name,
                reason=MISSING,
                cause=missing.message,
                evidence=(f"{missing.ingress}: spec.ingressClassName is {missing.name}", *evidence),
                remedy=(LISTED, edit),
            )
        )
    return found


def _edits_of_gateways(examination: Examination, called: str) -> tuple[str, ...]:
    """Of the settings that name it, else of the one that most likely does."""
    settings = examination.engine.settings
    told = settings.model_dump(by_alias=True) if settings else {}
    names = [name for name in _GATEWAY_SETTINGS if told.get(name) == called]
    engine, namespace = examination.engine, examination.settings_namespace
    return tuple(of_setting(engine, namespace, name, _WRITE) for name in names or _GATEWAY_SETTINGS[:1])


def _asked_for(examination: Examination, patient: Patient, called: str) -> tuple[tuple[str, ...], str]:
    """Where the class comes from that stands in an object, as evidence, and what to edit for another one."""
    source = examination.engine.backends.sources[patient.ref.kind]
    own = source.named(patient.object["metadata"].get("annotations") or {}).get(CLASS, "")
    key = source.words(CLASS)
    held: tuple[str, ...] = ()
    if patient.door is None:
        held = (f"the door is held as it was ({patient.reason}), and takes another class once that is solved",)
    if not own:
        return held, of_setting(examination.engine, examination.settings_namespace, "ingressClassName", _WRITE)
    said = "says so" if own == called else f"asks for {quoted(own)}"
    return (f"annotation {key} {said}", *held), of_annotation(patient, key, "NAME", _WRITE)


async def _is_there(examination: Examination, resource: Resource, namespace: str, name: str) -> bool:
    """Whether it is, or nobody can tell here: a kind that isn't served is another finding's business."""
    version = await examination.cluster.served(resource)
    if version is None:
        return True
    return await examination.get(resource, namespace, name) is not None


def _named(kind: str, namespace: str, obj: JsonObject) -> Iterable[tuple[Resource, str, str, str]]:
    """Kind, namespace, name and field of the Gateways that an object names."""
    spec = obj.get("spec") or {}
    if kind.endswith("Route.gateway.networking.k8s.io"):
        for parent in spec.get("parentRefs") or ():
            if parent.get("kind", "Gateway") == "Gateway":
                yield GATEWAYS, parent.get("namespace", namespace), parent["name"], "spec.parentRefs"
    if kind == "VirtualService.networking.istio.io":
        for gateway in spec.get("gateways") or ():
            where, slash, name = gateway.rpartition("/")
            if gateway != "mesh":
                yield ISTIO_GATEWAYS, where if slash else namespace, name, "spec.gateways"
