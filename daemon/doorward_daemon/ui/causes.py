"""Why a door looks as it does: the annotation, the setting, or the part of the service that each element follows from.

The order in which these count is that of docs/hosts.md, Hosts and paths, and docs/doors.md, Backend.
"""

from __future__ import annotations

from typing import Any

import msgspec
from doorward.model.quoting import short
from doorward.model.settings import Settings, spelling
from doorward.state.inference_service import InferenceService

__all__ = ["Cause", "Causes"]


class Cause(msgspec.Struct, frozen=True):
    """One thing that an element follows from."""

    sort: str
    """``annotation``, ``label``, ``setting``, ``spec``, ``condition`` or ``rule``."""
    name: str
    value: str = ""


class Causes:
    """What the elements of one service's door follow from."""

    def __init__(self, service: InferenceService, settings: Settings | None) -> None:
        self._service = service
        self._settings = settings

    def primary(self) -> list[Cause]:
        """Of the primary host."""
        template = self.either("ome.io/ingress-domain-template", "domain_template")
        return [*template, *self.either("ome.io/ingress-domain", "ingress_domain")]

    def additional(self) -> list[Cause]:
        return self.either("ome.io/ingress-additional-domains", "additional_ingress_domains")

    def path(self) -> list[Cause]:
        """Of the path door."""
        template = self.either("ome.io/ingress-path-template", "path_template")
        return [*template, *self.either("ome.io/ingress-domain", "ingress_domain")]

    def inside(self) -> list[Cause]:
        """Of the door inside the cluster."""
        return self.setting("door_service")

    def gateway(self, kind: str) -> list[Cause]:
        """Of the place where an object of this kind is served."""
        bare = kind.partition(".")[0]
        if bare == "HTTPRoute":
            return self.setting("ome_ingress_gateway")
        if bare == "VirtualService":
            return [*self.setting("ingress_gateway"), *self.setting("local_gateway")]
        if bare == "Service":
            return self.annotation("ome.io/service-type")
        return self.either("ome.io/ingress-class", "ingress_class_name")

    def backend(self, name: str, mode: str) -> list[Cause]:
        """Of the backend: what the service says, else what follows from its mode and its class."""
        if told := self.annotation("doorward.io/backend"):
            return told
        causes = [Cause("rule", "backend", name)] if name else []
        causes += self.mode(mode)
        if self.has("ome.io/ingress-class"):
            causes += self.annotation("ome.io/ingress-class")
        if self._settings and self._settings.enable_gateway_api:
            causes += self.setting("enable_gateway_api")
        return causes

    def mode(self, mode: str) -> list[Cause]:
        for key in ("ome.io/deployment-mode", "ome.io/deploymentMode"):
            if self.has(key):
                return self.annotation(key)
        if mode == (self._settings.default_deployment_mode if self._settings else ""):
            return self.setting("default_deployment_mode")
        return [Cause("spec", "deployment mode", mode)] if mode else []

    def component(self, name: str) -> list[Cause]:
        """Of a component: where it comes from, and what tells that it is ready."""
        service = self._service
        called = service.called(name)
        told = service.component(name) is not None
        causes = [Cause("spec", f"spec.{called}")] if told else [Cause("spec", f"status.components.{called}")]
        if condition := service.condition(*service.source.parts[name].ready):
            detail = condition.get("message") or condition.get("reason") or ""
            value = f"{condition.get('status')}: {short(detail)}" if detail else str(condition.get("status"))
            causes.append(Cause("condition", str(condition.get("type")), value))
        return causes

    def route(self, path: str, component: str) -> list[Cause]:
        """Of a rule."""
        called = self._service.called(component) if component in self._service.source.parts else component
        what = "every request that no other component receives" if path == "/" else f"requests below {path}"
        return [Cause("rule", called, what)] if called else []

    def either(self, annotation: str, field: str) -> list[Cause]:
        """The annotation where the service has it, else the setting."""
        return self.annotation(annotation) or self.setting(field)

    def has(self, annotation: str) -> bool:
        return bool(self._service.annotation(annotation))

    def annotation(self, key: str) -> list[Cause]:
        value = self._service.annotation(key)
        return [Cause("annotation", self._service.source.words(key), short(value))] if value else []

    def setting(self, field: str) -> list[Cause]:
        value: Any = getattr(self._settings, field, None) if self._settings else None
        if value is None:
            return []
        text = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
        return [Cause("setting", spelling(field), short(text))]
