"""What the elements of a picture follow from: the causes of the parts of a door (:mod:`doorward.door.causes`).

Each comes with what the service or the settings say there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from doorward.door.components import component_cause
from doorward.model.quoting import short
from doorward.model.reference import SERVICE

from doorward_daemon.ui.scene import Scene

__all__ = ["Cause", "Causes"]

_GATEWAYS = {
    "HTTPRoute": ("omeIngressGateway",),
    "VirtualService": ("ingressGateway", "localGateway"),
}
"""The settings that name the gateways of a kind."""


class Cause(msgspec.Struct, frozen=True):
    """One thing that an element follows from."""

    sort: str
    """``annotation``, ``label``, ``setting``, ``spec``, ``mode``, ``plugin``, ``condition`` or ``rule``."""
    name: str
    value: str = ""


class Causes:
    """What the elements of one service's door follow from."""

    def __init__(self, scene: Scene) -> None:
        self._service, self._parts = scene.service, scene.parts
        self._settings: dict[str, Any] = scene.settings.model_dump(by_alias=True) if scene.settings else {}

    def part(self, name: str, value: str = "") -> list[Cause]:
        """Of a part of the door, and of one that has this value where there are several."""
        found = (part for part in self._parts if part.name == name and value in ("", part.value))
        part = next(found, None)
        return list(self._told(part.causes)) if part else []

    def backend(self, name: str) -> list[Cause]:
        """Of what a backend wrote: why that one opens the door; of one that doesn't, or not any more, its name."""
        chosen = any(part.name == "backend" and part.value == name for part in self._parts)
        return self.part("backend") if chosen else [Cause("plugin", name)] if name else []

    def gateway(self, kind: str, via: str) -> list[Cause]:
        """Of the place where an object of this kind is served: the settings that name it, or the class."""
        bare = kind.partition(".")[0]
        if kind == SERVICE:
            return self.part("Service type")
        if bare not in _GATEWAYS:
            return self.part("class", via)
        return list(self._told(f"setting {name}" for name in _GATEWAYS[bare] if self._settings.get(name) == via))

    def component(self, name: str) -> list[Cause]:
        """Of a component: where it comes from, and what tells that it is ready."""
        service = self._service
        causes = list(self._told([component_cause(service, name)]))
        if condition := service.condition(*service.source.parts[name].ready):
            detail = condition.get("message") or condition.get("reason") or ""
            value = f"{condition.get('status')}: {short(detail)}" if detail else str(condition.get("status"))
            causes.append(Cause("condition", str(condition.get("type")), value))
        return causes

    def route(self, path: str, component: str) -> list[Cause]:
        """Of a rule: what it says."""
        called = self._service.called(component) if component in self._service.source.parts else component
        what = "every request that no other component receives" if path == "/" else f"requests below {path}"
        return [Cause("rule", called, what)] if called else []

    def _told(self, causes: Iterable[str]) -> Iterator[Cause]:
        """Each with its value; the mode with what it follows from itself."""
        service = self._service
        for cause in filter(None, causes):
            sort, _, name = cause.partition(" ")
            if not name:
                yield Cause("spec", service.source.words(cause))
            elif sort == "setting":
                yield Cause(sort, name, short(_text(self._settings.get(name))))
            elif sort in ("annotation", "label"):
                told = service.metadata.annotations if sort == "annotation" else service.metadata.labels
                yield Cause(sort, service.source.words(name), short(told.get(name, "").strip()))
            else:
                yield Cause(sort, name)
                if sort == "mode":
                    yield from self.part("mode")


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {each}" for key, each in value.items())
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else "" if value is None else str(value)
