"""A cluster with an engine that serves several sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from doorward.backends import Backends
from doorward.cluster.embedded import Store
from doorward.engine import Engine
from doorward.model.event import Record
from doorward.model.reference import JsonObject

from tests.engine.stage import Stage, component_service, definitions, inference_service, settings

OME = "InferenceService.ome.io"
KSERVE = "InferenceService.serving.kserve.io"
INGRESS = "Ingress.networking.k8s.io"
SERVICE = "Service"
RAW = {"serving.kserve.io/deploymentMode": "RawDeployment"}
BESIDE = settings(doorward="beside: [kserve]")


class Sources(Stage):
    """The engine before a store that serves the kinds of these sources, at rest."""

    def __init__(
        self,
        *objects: JsonObject,
        sources: tuple[str, ...] = ("ome", "kserve"),
        plugins: Mapping[str, object] | None = None,
        records: tuple[Record, ...] = (),
    ) -> None:
        super().__init__()
        backends = Backends({**installed(), **(plugins or {})}, sources=sources)
        known = {each["spec"]["names"]["kind"] + "." + each["spec"]["group"] for each in definitions()}
        more = [source.resource for kind, source in backends.sources.items() if kind not in known]
        self.store = Store([*definitions(), *more], clock=self.clock)
        self.engine = Engine(backends)
        self.engine.restore(records)
        for obj in objects:
            self.create(obj)
        self.start()
        self.settle()

    def told(self, kind: str, name: str = "m", namespace: str = "a", type_: str = "") -> JsonObject:
        """The condition that a service's door is reported in."""
        wanted = type_ or self.engine.backends.sources[kind].condition_type("IngressReady")
        conditions = (self.get(kind, namespace, name).get("status") or {}).get("conditions") or []
        return next((each for each in conditions if each["type"] == wanted), {})

    def hosts(self, namespace: str = "a") -> dict[str, list[str]]:
        """The hosts of each Ingress."""
        found = self.store.list(self.resource(INGRESS), namespace).items
        return {each["metadata"]["name"]: [rule["host"] for rule in each["spec"]["rules"]] for each in found}


def installed() -> dict[str, Any]:
    return {name: plugin for name, plugin in Backends().manager.list_name_plugin() if plugin is not None}


def kserve(
    name: str = "m",
    namespace: str = "a",
    *,
    spec: JsonObject | None = None,
    annotations: dict[str, str] | None = None,
    labels: dict[str, str] | None = None,
    status: JsonObject | None = None,
    ready: tuple[str, ...] = ("Predictor", "Transformer"),
) -> JsonObject:
    conditions = [{"type": f"{part}Ready", "status": "True"} for part in ready]
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "annotations": RAW if annotations is None else annotations,
            "labels": labels or {},
        },
        "spec": {"predictor": {"model": {"modelFormat": {"name": "sklearn"}}}} if spec is None else spec,
        "status": {"conditions": conditions, **(status or {})},
    }


def part(name: str, called: str = "predictor", namespace: str = "a") -> JsonObject:
    """A component's Service, as KServe makes it without Knative."""
    selector = {"app": f"isvc.{name}-{called}"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": f"{name}-{called}", "namespace": namespace},
        "spec": {"selector": selector, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
    }


def ome(name: str = "m", namespace: str = "a", **annotations: str) -> list[JsonObject]:
    notes = {"ome.io/deployment-mode": "RawDeployment", **annotations}
    service = inference_service(name, namespace, annotations=notes, ready=("engine",))
    return [service, component_service(name, "engine", namespace)]


def labelled(
    name: str = "m",
    namespace: str = "a",
    *,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    ports: list[JsonObject] | None = None,
) -> JsonObject:
    """A plain Service that asks for a door."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"doorward.io/door": "true"} if labels is None else labels,
            "annotations": annotations or {},
        },
        "spec": {"selector": {"app": name}, "ports": ports or [{"name": "http", "port": 80, "targetPort": 8080}]},
    }


def slice_of(name: str = "m", namespace: str = "a", *, ready: bool = True) -> JsonObject:
    """The EndpointSlice of a Service with one endpoint."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{name}-x",
            "namespace": namespace,
            "labels": {"kubernetes.io/service-name": name},
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.0.0.9"], "conditions": {"ready": ready}}],
        "ports": [{"name": "http", "port": 8080}],
    }
