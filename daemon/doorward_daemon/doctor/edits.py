"""What to edit: a command, and behind it the field, what that says now, and what to write."""

from __future__ import annotations

from doorward.model.quoting import quoted
from doorward.model.reference import Ref
from doorward.model.settings import INGRESS_FIELDS, spelling
from doorward.settings.configuration import parse

from doorward_daemon.doctor.examination import Examination, Patient
from doorward_daemon.doctor.finding import edit_of_settings, kubectl

__all__ = ["of_annotation", "of_setting", "of_stranger", "with_present_value"]

_HOST_FIELDS = {
    "Ingress.networking.k8s.io": "spec.rules[].host",
    "HTTPRoute.gateway.networking.k8s.io": "spec.hostnames",
    "VirtualService.networking.istio.io": "spec.hosts",
}
"""Where objects that others make name their hosts."""


def of_annotation(patient: Patient, key: str, value: str, why: str) -> str:
    """To write another value into an annotation of the service, as its kind spells it."""
    command = kubectl(patient.ref.namespace, "annotate", patient.kubectl, "--overwrite", f"{key}={value}")
    return f"{with_present_value(command, patient, key)}: {why}"


def with_present_value(command: str, patient: Patient, key: str) -> str:
    """A command, and behind it what the annotation says now that it edits."""
    now = (patient.object.get("metadata") or {}).get("annotations", {}).get(key)
    return f"{command}  # {'not there yet' if now is None else f'now {quoted(now)}'}"


def of_setting(examination: Examination, name: str, why: str) -> str:
    """To write another value into a field of the ConfigMap."""
    origin = parse(examination.engine.configured.good or {}).origins.get(name)
    key, field = origin or ("ingress" if name in map(spelling, INGRESS_FIELDS) else "doorward", name)
    settings = examination.engine.settings
    value = quoted(settings.model_dump(by_alias=True).get(name)) if settings else "not known"
    now = f"now {value}" if origin else f"not there, which means {value}"
    return f"{edit_of_settings(examination.settings_namespace)}  # key {key}, field {field}, {now}: {why}"


def of_stranger(examination: Examination, ref: Ref, host: str) -> str:
    """To take a host, or a path of it, out of an object that isn't doorward's."""
    resource = examination.engine.backends.resources[ref.kind]
    command = kubectl(ref.namespace, "edit", f"{resource.plural}.{resource.group}".rstrip("."), ref.name)
    field = f"{_HOST_FIELDS[ref.kind]} has" if ref.kind in _HOST_FIELDS else "it names"
    return f"{command}  # {field} {host}: take it out, or the path that it serves there"
