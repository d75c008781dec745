"""A second source: services in another shape, which ask for the same doors; the oracle reads them translated back.

InferenceService (ome.io)            Model (models.example)
annotations  ome.io/…                doorward.io/…
spec         engine router decoder   parts.main parts.front parts.side
conditions   EngineReady …           MainReady …
"""

from __future__ import annotations

from doorward.hooks import Part, Source, hookimpl
from doorward.model.reference import JsonObject, Resource

NAME = "twin"
MODEL = "Model.models.example"
LABEL = "models.example/model"
_CALLED = {"engine": "main", "router": "front", "decoder": "side"}
_ROLES = {called: role for role, called in _CALLED.items()}


class Twin:
    """The plugin."""

    @hookimpl
    def source(self) -> Source:
        return SOURCE


def _read(obj: JsonObject) -> JsonObject:
    parts, name = obj["spec"].get("parts") or {}, obj["metadata"]["name"]
    return {"spec": {role: {"service": f"{name}-{role}"} for role, called in _CALLED.items() if called in parts}}


SOURCE = Source(
    resource=Resource(MODEL, "models", ("v1",)),
    parts={role: Part(called=called, ready=(f"{called.title()}Ready",)) for role, called in _CALLED.items()},
    label=LABEL,
    read=_read,
)


def called(component: str) -> str:
    return _CALLED[component]


def key(annotation: str) -> str:
    """An annotation as models have it."""
    return annotation.replace("ome.io/", "doorward.io/") if annotation.startswith("ome.io/") else annotation


def model(service: JsonObject) -> JsonObject:
    """A service that asks for the same door as an InferenceService."""
    metadata = service["metadata"]
    notes = {key(name): value for name, value in (metadata.get("annotations") or {}).items()}
    parts = {_CALLED[component]: each for component, each in service["spec"].items()}
    resource = SOURCE.resource
    return {
        "apiVersion": resource.api_version(),
        "kind": resource.name,
        "metadata": {**metadata, "annotations": notes},
        "spec": {"parts": parts},
    }


def translated(obj: JsonObject) -> JsonObject:
    """A model in the words of OME."""
    metadata, status = obj["metadata"], obj.get("status") or {}
    conditions = [
        {**each, "type": f"{_ROLES[part].title()}Ready" if (part := _part(each["type"])) else each["type"]}
        for each in status.get("conditions") or ()
    ]
    parts = (obj.get("spec") or {}).get("parts") or {}
    return {
        **obj,
        "metadata": {**metadata, "annotations": notes(metadata.get("annotations") or {})},
        "spec": {_ROLES[name]: each for name, each in parts.items()},
        "status": {**status, **({"conditions": conditions} if conditions else {})},
    }


def notes(annotations: dict[str, str]) -> dict[str, str]:
    """Annotations in the words of OME."""
    found: dict[str, str] = {}
    for name, value in annotations.items():
        own = name.removeprefix("doorward.io/")
        found[name if own in ("backend", "auth", "auth-secret") or own == name else f"ome.io/{own}"] = value
    return found


def _part(type_: str) -> str:
    """The part that a condition tells of; empty for any other."""
    name = type_.removesuffix("Ready").lower()
    return name if type_.endswith("Ready") and name in _ROLES else ""
