"""What to do about each reason of a condition or an Event, as commands (docs/status.md, For you to solve)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from doorward.model.settings import Settings

from doorward_daemon.doctor.edits import with_present_value
from doorward_daemon.doctor.examination import Patient

__all__ = ["REMEDIES", "remedy"]

_LOOK = "kubectl -n {namespace} describe {service}"
_COMPONENTS = (
    "kubectl -n {namespace} get pods,services,endpointslices -l {label}={name}",
    "kubectl -n {namespace} get {service} -o jsonpath='{{.status.conditions}}'",
)
_GATEWAY = "kubectl -n {gateway_namespace} describe gateways.gateway.networking.k8s.io {gateway}"
_SETTINGS = "kubectl -n {settings} edit configmap inferenceservice-config"
_ANNOTATE = "kubectl -n {namespace} annotate {service} --overwrite "
_RIGHTS = "kubectl apply -f deploy/doorward.yaml"
_EDITED = re.compile(r" --overwrite ([^\s=]+)=")
_BACKENDS = "pip list | grep doorward"

REMEDIES: Mapping[str, tuple[str, ...]] = {
    "EngineNotReady": _COMPONENTS,
    "RouterNotReady": _COMPONENTS,
    "DecoderNotReady": _COMPONENTS,
    "EngineRequired": (
        'kubectl -n {namespace} patch {service} --type merge --patch \'{{"spec": {{"{engine}": {{}}}}}}\'',
    ),
    "IngressDisabled": (_ANNOTATE + "ome.io/ingress-disable-creation=false",),
    "ClusterLocal": ("kubectl -n {namespace} get {service} --show-labels", _SETTINGS),
    "RouteNotAccepted": (_GATEWAY,),
    "NoListener": (_GATEWAY, "kubectl -n {gateway_namespace} edit gateways.gateway.networking.k8s.io {gateway}"),
    "NoTLSListener": (_GATEWAY, _ANNOTATE + "ome.io/ingress-url-scheme=http"),
    "LoadBalancerPending": (
        "kubectl -n {namespace} describe services -l {label}={name}",
        "kubectl -n {namespace} get events --field-selector involvedObject.kind=Service",
    ),
    "WaitingForCollection": ("kubectl -n kube-system get pods -l component=kube-controller-manager", _LOOK),
    "GuardPending": (_LOOK,),
    "InvalidDeploymentMode": (_ANNOTATE + "ome.io/deployment-mode=RawDeployment",),
    "InvalidIngressClass": (
        "kubectl get ingressclasses.networking.k8s.io",
        _ANNOTATE + "ome.io/ingress-class=NAME",
    ),
    "InvalidHost": ("kubectl -n {namespace} edit {service}", _SETTINGS),
    "InvalidPath": ("kubectl -n {namespace} edit {service}", _SETTINGS),
    "InvalidSpec": ("kubectl -n {namespace} edit {service}",),
    "InvalidPort": ("kubectl -n {namespace} get {service}", _ANNOTATE + "doorward.io/port=NAME"),
    "PartOfAnother": ("kubectl -n {namespace} label {service} doorward.io/door-",),
    "OpenedByAnother": (_SETTINGS,),
    "AuthUnsupported": (_ANNOTATE + "doorward.io/auth=none", _SETTINGS),
    "AuthSecretInvalid": ("kubectl -n {namespace} get secrets", _LOOK),
    "UnknownBackend": (_BACKENDS, "kubectl -n {namespace} annotate {service} doorward.io/backend-"),
    "BackendUnsupported": ("kubectl -n {namespace} edit {service}", _SETTINGS),
    "KindNotServed": ("kubectl api-resources", _SETTINGS),
    "KindForbidden": (_RIGHTS,),
    "DomainNotAllowed": ("kubectl -n {namespace} edit {service}", _SETTINGS),
    "HostConflict": ("kubectl -n {namespace} edit {service}",),
    "HostShared": ("kubectl -n {namespace} edit {service}",),
    "UnknownAnnotation": ("kubectl -n {namespace} edit {service}",),
    "NotSticking": ("kubectl get mutatingwebhookconfigurations",),
    "WriteRefused": (
        "kubectl get validatingwebhookconfigurations,validatingadmissionpolicies",
        "kubectl -n {namespace} get resourcequotas",
        _RIGHTS,
    ),
    "CertificateExpired": (
        "kubectl -n {namespace} get certificates.cert-manager.io",
        "kubectl -n {namespace} describe certificates.cert-manager.io",
    ),
    "NoCertificate": (_ANNOTATE + "doorward.io/tls-secret=NAME", _SETTINGS),
    "Contested": ("kubectl -n {namespace} get {service} -o yaml --show-managed-fields",),
    "StatusContested": ("kubectl -n {namespace} get {service} -o yaml --show-managed-fields", _SETTINGS),
    "OutOfSight": ("doorward run --namespace {namespace} --namespace NAMESPACE",),
    "AnnotationHeldBack": ("kubectl -n {namespace} edit {service}", _SETTINGS),
}
"""``{{`` and ``}}`` stand for braces, annotations are OME's; a reason that isn't here is looked at."""


def remedy(reason: str, patient: Patient, settings_namespace: str, settings: Settings | None) -> tuple[str, ...]:
    """Commands that help with a reason, for this service, with annotations as its kind spells them."""
    where, _, gateway = (settings.ome_ingress_gateway if settings else "").partition("/")
    told = {
        "namespace": patient.ref.namespace,
        "name": patient.ref.name,
        "service": patient.kubectl,
        "label": patient.source.label,
        "engine": patient.source.parts["engine"].called,
        "settings": settings_namespace,
        "gateway_namespace": where or "NAMESPACE",
        "gateway": gateway or "NAME",
    }
    commands = (template.format(**told) for template in REMEDIES.get(reason, (_LOOK,)))
    return tuple(_with_present_value(patient.source.words(command), patient) for command in commands)


def _with_present_value(command: str, patient: Patient) -> str:
    edited = _EDITED.search(command)
    return with_present_value(command, patient, edited[1]) if edited else command
