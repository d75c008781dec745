"""What to edit: a command, and behind it the field, what that says now, and what to write."""

from __future__ import annotations

from typing import Protocol

from doorward.engine import Engine
from doorward.model.quoting import quoted
from doorward.model.reference import JsonObject, Ref
from doorward.model.settings import INGRESS_FIELDS, spelling
from doorward.model.source import Source
from doorward.settings.configuration import parse

from doorward_daemon.doctor.finding import edit_of_settings, kubectl

__all__ = [
    "Service",
    "annotations_of",
    "called",
    "command",
    "of_annotation",
    "of_setting",
    "of_stranger",
    "with_present_value",
]

_HOST_FIELDS = {
    "Ingress.networking.k8s.io": "spec.rules[].host",
    "HTTPRoute.gateway.networking.k8s.io": "spec.hostnames",
    "VirtualService.networking.istio.io": "spec.hosts",
}
"""Where objects that others make name their hosts."""


class Service(Protocol):
    """Whose annotations and fields are edited."""

    @property
    def ref(self) -> Ref: ...

    @property
    def source(self) -> Source: ...

    @property
    def object(self) -> JsonObject:
        """As the API server has it."""
        ...


def command(service: Service, verb: str, *words: str) -> str:
    """A command line of kubectl about a service: several kinds are called InferenceService."""
    return kubectl(service.ref.namespace, verb, called(service), *words)


def called(service: Service) -> str:
    """``PLURAL.GROUP NAME``, as kubectl takes it."""
    kind = service.source.resource
    return f"{kind.plural}.{kind.group}".rstrip(".") + f" {service.ref.name}"


def annotations_of(service: Service) -> JsonObject:
    found: JsonObject = (service.object.get("metadata") or {}).get("annotations") or {}
    return found


def of_annotation(service: Service, key: str, value: str, why: str) -> str:
    """To write another value into an annotation of the service, as its kind spells it."""
    line = command(service, "annotate", "--overwrite", f"{key}={value}")
    return f"{with_present_value(line, service, key)}: {why}"


def with_present_value(line: str, service: Service, key: str) -> str:
    """A command, and behind it what the annotation says now that it edits."""
    now = annotations_of(service).get(key)
    return f"{line}  # {'not there yet' if now is None else f'now {quoted(now)}'}"


def of_setting(engine: Engine, namespace: str, name: str, why: str) -> str:
    """To write another value into a field of the ConfigMap, which is in this namespace."""
    origin = parse(engine.configured.good or {}).origins.get(name)
    key, field = origin or ("ingress" if name in map(spelling, INGRESS_FIELDS) else "doorward", name)
    settings = engine.settings
    value = quoted(settings.model_dump(by_alias=True).get(name)) if settings else "not known"
    now = f"now {value}" if origin else f"not there, which means {value}"
    return f"{edit_of_settings(namespace)}  # key {key}, field {field}, {now}: {why}"


def of_stranger(engine: Engine, ref: Ref, host: str) -> str:
    """To take a host, or a path of it, out of an object that isn't doorward's."""
    resource = engine.backends.resources[ref.kind]
    line = kubectl(ref.namespace, "edit", f"{resource.plural}.{resource.group}".rstrip("."), ref.name)
    field = f"{_HOST_FIELDS[ref.kind]} has" if ref.kind in _HOST_FIELDS else "it names"
    return f"{line}  # {field} {host}: take it out, or the path that it serves there"
