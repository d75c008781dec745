"""Short ways to a scene: services with their components, a stage at rest, and what was said and written there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from doorward.backends import Backends
from doorward.engine import Engine
from doorward.model.action import Action
from doorward.model.event import Failed, Synced
from doorward.model.reference import EVENT, JsonObject, Resource

from tests.cases.evaluate import route
from tests.engine.stage import Stage, component_service, inference_service, settings

SERVICES = "InferenceService.ome.io"
VIRTUAL_SERVICE = "VirtualService.networking.istio.io"
INGRESS = "Ingress.networking.k8s.io"
HTTP_ROUTE = "HTTPRoute.gateway.networking.k8s.io"
RAW = {"ome.io/deployment-mode": "RawDeployment"}
OWNER = "doorward.io/owner"
COMPONENTS = ("engine", "router", "decoder")


class Scene(Stage):
    """A stage on which kinds may be missing or out of sight, and other backends installed."""

    def __init__(
        self,
        *objects: JsonObject,
        forbidden: Iterable[str] = (),
        absent: Iterable[str] = (),
        plugins: Backends | None = None,
        records: Iterable[Any] = (),
        start: bool = True,
        **engine: Any,
    ) -> None:
        super().__init__(**engine)
        self.forbidden = set(forbidden)
        if plugins is not None:
            self.engine = Engine(plugins, **engine)
        for kind in absent:
            self.store.withdraw(kind)
        self.engine.restore(records)
        for obj in objects:
            self.create(obj)
        if start:
            self.start()
            self.settle()

    def _list(self, resource: Resource, scope: str) -> None:
        if resource.kind in self.forbidden:
            why = f"{resource.plural} is forbidden"
            self.receive(Synced(at=self.clock(), kind=resource.kind, scope=scope, state="forbidden", message=why))
        else:
            super()._list(resource, scope)

    def again(self, *, journal: bool = True, ready: bool = True, **engine: Any) -> Scene:
        """A new process before the same cluster, with or without the journal of the old one; it has come to rest."""
        after = self.reborn(journal=journal, **engine)
        after.start()
        after.settle()
        assert after.engine.ready == ready, after.engine.problems
        return after

    def reborn(self, *, journal: bool = True, **engine: Any) -> Scene:
        """The same, before it starts."""
        after = Scene(start=False, plugins=self.engine.backends, forbidden=self.forbidden, **engine)
        after.store, after.clock = self.store, self.clock
        if journal:
            after.records = list(self.records)
            after.keep = after.records.extend
            after.engine.restore(after.records)
        return after

    def edit(self, name: str = "m", namespace: str = "a", **metadata: Mapping[str, str | None]) -> None:
        """Change annotations or labels of a service, and let the engine act."""
        self.patch(SERVICES, namespace, name, {"metadata": metadata})
        self.settle()

    def report(self, conditions: list[JsonObject] | None = None, name: str = "m", **status: Any) -> None:
        """Change the status of a service as OME does, and let the engine act."""
        if conditions is not None:
            status["conditions"] = conditions
        self.patch(SERVICES, "a", name, {"status": status}, subresource="status")
        self.settle()

    def ready(self, *components: str, status: str = "True", name: str = "m") -> None:
        """Set the conditions of these components, and leave all others as they are."""
        types = {f"{component.title()}Ready" for component in components}
        standing = self.service(name).get("status", {}).get("conditions", [])
        told = [c for c in standing if c["type"] not in types]
        self.report([*told, *({"type": type_, "status": status} for type_ in sorted(types))], name=name)

    def configure(self, ingress: JsonObject | None = None, **keys: str) -> None:
        """Write the ConfigMap anew, and let the engine act."""
        body = settings(ingress, **keys)
        standing = [o for o in self.objects() if o["kind"] == "ConfigMap"]
        if standing:
            data = {**dict.fromkeys(standing[0].get("data") or ()), **body["data"]}
            self.patch("ConfigMap", "ome", "inferenceservice-config", {"data": data})
        else:
            self.create(body)
        self.settle()

    def verdict(self, name: str = "m", type_: str = "IngressReady") -> tuple[str, str]:
        """Status and reason of the door's condition."""
        condition = self.condition(name, type_=type_)
        return condition.get("status", ""), condition.get("reason", "")

    def message(self, name: str = "m", type_: str = "IngressReady") -> str:
        return str(self.condition(name, type_=type_).get("message", ""))

    def url(self, name: str = "m") -> str:
        return str(self.service(name).get("status", {}).get("url", ""))

    def address(self, name: str = "m") -> str:
        return str(self.service(name).get("status", {}).get("address", {}).get("url", ""))

    def reaches(self, url: str, *, inside: bool = False) -> str:
        """The component Service that a request gets to; empty where nobody takes it."""
        standing = [o for o in self.objects() if o["kind"] in ("VirtualService", "Ingress", "HTTPRoute", "Service")]
        hit = route(standing, url, inside=inside)
        return str(hit[0]) if hit else ""

    def told(self, *, about: str = "m") -> list[tuple[str, str]]:
        """Reason and message of every Event about an object of this name."""
        found = self.store.list(self.resource(EVENT)).items
        return [(e["reason"], e["message"]) for e in found if e["involvedObject"]["name"] == about]

    def reasons(self, *, about: str = "m") -> list[str]:
        return [reason for reason, _ in self.told(about=about)]

    def since(self) -> Since:
        """From here on: what is written, and how many doors are decided."""
        return Since(self)

    def failures(self) -> list[Failed]:
        return [record.event for record in self.records if isinstance(record.event, Failed)]

    def versions(self) -> dict[str, str]:
        """The resourceVersion of every object but Events."""
        return {
            f"{o['kind']} {o['metadata'].get('namespace', '')}/{o['metadata']['name']}": o["metadata"][
                "resourceVersion"
            ]
            for o in self.objects()
            if o["kind"] != "Event"
        }

    def foreign(self) -> dict[str, JsonObject]:
        """Everything that isn't ours, InferenceServices without what we report on them."""
        found = {}
        for obj in self.objects():
            if OWNER in (obj["metadata"].get("annotations") or {}) or obj["kind"] == "Event":
                continue
            if obj["kind"] == "InferenceService":
                obj = {"spec": obj["spec"], "metadata": obj["metadata"]}
                obj["metadata"] = {k: v for k, v in obj["metadata"].items() if k in ("annotations", "labels", "uid")}
            found[f"{obj.get('kind', 'InferenceService')} {obj['metadata'].get('name', obj['metadata']['uid'])}"] = obj
        return found


class Since:
    """What has happened since a moment."""

    def __init__(self, scene: Scene) -> None:
        self._scene, self._start = scene, len(scene.performed)
        self._decided = scene.engine.decided

    @property
    def actions(self) -> list[Action]:
        return self._scene.performed[self._start :]

    @property
    def writes(self) -> list[str]:
        """``verb Kind/name`` of every action but looks."""
        return [f"{a.verb} {a.ref.kind.split('.')[0]}/{a.ref.name}" for a in self.actions if a.verb != "verify"]

    @property
    def decided(self) -> int:
        return self._scene.engine.decided - self._decided


def service(
    name: str = "m",
    *components: str,
    raw: bool = False,
    ready: bool = True,
    annotations: dict[str, str] | None = None,
    namespace: str = "a",
    **more: Any,
) -> list[JsonObject]:
    """An InferenceService of these components (an engine where none is named), ready or not, and their Services."""
    components = components or ("engine",)
    spec = more.pop("spec", {component: {} for component in components})
    annotations = {**(RAW if raw else {}), **(annotations or {})}
    made = inference_service(
        name, namespace, annotations=annotations, spec=spec, ready=components if ready else (), **more
    )
    return [made, *(component_service(name, component, namespace) for component in components)]


def fleet(*names: str, **more: Any) -> list[JsonObject]:
    """InferenceServices of these names in RawDeployment mode, and their Services."""
    return [each for name in names for each in service(name, raw=True, **more)]


def opened(name: str = "m", *components: str, raw: bool = True, **more: Any) -> Scene:
    """One service whose door stands."""
    scene = Scene(settings(), *service(name, *components, raw=raw, **more))
    assert scene.verdict(name)[0] == "True", scene.condition(name)
    return scene


def bytes_of(actions: Iterable[Action]) -> bytes:
    return msgspec.json.encode(list(actions))


def condition(type_: str, status: str = "True", **more: Any) -> JsonObject:
    return {"type": type_, "status": status, **more}


def accept_route(at: Scene, name: str, controller: str) -> None:
    """The Gateway's controller takes an HTTPRoute."""
    route = at.get(HTTP_ROUTE, "a", name)
    conditions = [
        {
            "type": type_,
            "status": "True",
            "reason": type_,
            "message": "",
            "observedGeneration": route["metadata"]["generation"],
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        for type_ in ("Accepted", "ResolvedRefs")
    ]
    (parent,) = route["spec"]["parentRefs"]
    parents = [{"parentRef": parent, "controllerName": controller, "conditions": conditions}]
    at.patch(HTTP_ROUTE, "a", name, {"status": {"parents": parents}}, subresource="status")
    at.settle()
