"""Whether a service is to be reached from outside, and what it says about that (docs/doors.md, Exposure)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, cast

from doorward.door.addresses import inside_cause, stays_in_cluster
from doorward.door.components import GRPC
from doorward.door.guarding import AUTH, AUTH_SECRET, Unguarded, asks_for_a_guard, guard_cause, guard_of
from doorward.model.door import Exposure, Warning
from doorward.model.quoting import quoted
from doorward.model.refusal import Refusal
from doorward.model.settings import Settings
from doorward.state.inference_service import InferenceService

BACKEND = "doorward.io/backend"
SERVICE_TYPE = "ome.io/service-type"
DISABLE_CREATION = "ome.io/ingress-disable-creation"
DISABLE_INGRESS = "ome.io/disable-ingress"
INGRESS_CLASS = "ome.io/ingress-class"
LOAD_BALANCER_IP = "ome.io/load-balancer-ip"
DISABLE_VIRTUAL_SERVICE = "ome.io/ingress-disable-istio-virtualhost"
VISIBILITY = ("networking.knative.dev/visibility", "networking.ome.io/visibility")
_FLAGS = (DISABLE_CREATION, DISABLE_INGRESS, DISABLE_VIRTUAL_SERVICE, GRPC)


def exposure_of(service: InferenceService, settings: Settings, hostless: Collection[str]) -> Exposure:
    """Whether the service is to be reached from outside, through ingress or a Service of its own.

    ``hostless``: the backends that need no host.
    """
    return exposure_and_cause(service, settings, hostless)[0]


def exposure_and_cause(
    service: InferenceService, settings: Settings, hostless: Collection[str]
) -> tuple[Exposure, str]:
    """The same, and what tells it; empty where nothing says otherwise."""
    labels = service.metadata.labels
    for key in VISIBILITY:
        if labels.get(key) == "cluster-local":
            return "cluster-local", f"label {key}"
    if service.spec.left:
        return "disabled", ""
    if opened_by_another(service, settings):
        return "disabled", "setting beside"
    cause = f"annotation {SERVICE_TYPE}"
    if not service_type(service):
        is_off, cause = ingress_switch(service, settings)
        if is_off:
            return "disabled", cause
        if lacks_hosts(service, settings, hostless):
            return "cluster-local", inside_cause(settings)
    try:
        guard_of(service, settings)
    except Unguarded:
        return "unguarded", guard_cause(service, settings)
    return "outside", cause


def opened_by_another(service: InferenceService, settings: Settings) -> Refusal | None:
    """Why doorward opens nothing: the kind's own controller opens doors, as far as anybody has said."""
    controller = service.source.controller
    if not controller or controller in settings.beside:
        return None
    message = (
        f"{controller}'s own controller opens doors for every {service.source.resource.name}: switch that off, then "
        f"name {controller} in setting beside; until then doorward opens none"
    )
    return Refusal("OpenedByAnother", message)


def ingress_is_off(service: InferenceService, settings: Settings) -> bool:
    """Any of the switches; an explicit false on the service beats the cluster's."""
    return ingress_switch(service, settings)[0]


def ingress_switch(service: InferenceService, settings: Settings) -> tuple[bool, str]:
    """The same, and the switch that tells it."""
    own = {key: flag for key in (DISABLE_CREATION, DISABLE_INGRESS) if (flag := service.flag(key)) is not None}
    if own:
        return any(own.values()), f"annotation {max(own, key=own.__getitem__)}"
    return settings.disable_ingress_creation, "setting disableIngressCreation"


def lacks_hosts(service: InferenceService, settings: Settings, hostless: Collection[str]) -> bool:
    """Whether an ingress would have no host to serve, by the settings alone; some backends need none."""
    return service.annotation(BACKEND) not in hostless and stays_in_cluster(service, settings)


def service_type(service: InferenceService) -> Literal["", "LoadBalancer", "NodePort"]:
    value = service.annotation(SERVICE_TYPE)
    return cast(Literal["LoadBalancer", "NodePort"], value) if value in ("LoadBalancer", "NodePort") else ""


def misread(service: InferenceService, settings: Settings, exposure: Exposure) -> list[Warning]:
    """What the service says about closing or guarding its door, and is not taken as it may have been meant."""
    warnings = []
    annotations, labels = service.metadata.annotations, service.metadata.labels
    for key in _FLAGS:
        if key in annotations and service.flag(key) is None:
            message = f'{quoted(annotations[key])} is neither "true" nor "false"; it counts as not there'
            warnings.append(Warning("InvalidFlag", f"annotation {key}: {message}"))
    for key in VISIBILITY:
        if exposure == "outside" and key in labels:
            message = f"{quoted(labels[key])} isn't cluster-local, and the door stays open; write cluster-local"
            warnings.append(Warning("UnknownVisibility", f"label {key}: {message} to close it, or remove the label"))
    if exposure in ("cluster-local", "disabled") and AUTH in annotations and service.annotation(AUTH).lower() != "none":
        message = f"annotation {AUTH}: {quoted(service.annotation(AUTH))} guards nothing, there being no outside door"
        warnings.append(Warning("AuthUnsupported", f"{message}; the door inside the cluster has no guard"))
    if AUTH_SECRET in annotations and AUTH not in annotations and not asks_for_a_guard(service, settings):
        opens = ", and the outside door is open to everybody" if exposure == "outside" else ""
        warnings.append(Warning("AuthSecretUnused", f"annotation {AUTH_SECRET} guards nothing without {AUTH}{opens}"))
    return warnings


def flag_of(service: InferenceService, annotation: str, setting: bool) -> bool:
    own = service.flag(annotation)
    return setting if own is None else own
