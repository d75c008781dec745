"""A cluster in memory with an engine before it, for tests of whole doors."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import orjson
import yaml
from doorward.backends import Backends
from doorward.cluster.embedded import Store
from doorward.engine import Engine
from doorward.model.event import Record
from doorward.model.reference import JsonObject, Ref, Resource, kind_of
from doorward.runtime.offline import Clock, Offline

CRDS = Path(__file__).parent.parent / "crds"


@cache
def backends() -> Backends:
    return Backends()


@cache
def definitions() -> tuple[JsonObject, ...]:
    files = [f for f in sorted(CRDS.glob("*/*.yaml")) if f.name != "inferenceservices-full.yaml"]
    return tuple(doc for f in files for doc in yaml.load_all(f.read_text(), yaml.CSafeLoader) if doc)


class Stage(Offline):
    """The engine before a store that serves every kind of the CRDs, with short ways to change things."""

    def __init__(self, **engine: Any) -> None:
        clock = Clock()
        self.records: list[Record] = []
        store = Store(definitions(), clock=clock)
        super().__init__(Engine(backends(), **engine), store, clock, self.records.extend)

    def resource(self, kind: str) -> Resource:
        known = self.engine.backends.resources.get(kind)
        others = {"Namespace": "namespaces", "IngressClass": "ingressclasses", "Secret": "secrets"}
        return known or Resource(kind, others[kind.split(".")[0]])

    def create(self, obj: JsonObject) -> JsonObject:
        resource = self.resource(kind_of(obj))
        created = self.store.create(resource, obj["metadata"].get("namespace", ""), obj)
        if obj.get("status"):
            body = {"status": obj["status"]}
            namespace, name = obj["metadata"].get("namespace", ""), obj["metadata"]["name"]
            return self.store.patch(resource, namespace, name, body, subresource="status")
        return created

    def get(self, kind: str, namespace: str, name: str) -> JsonObject:
        return self.store.get(self.resource(kind), namespace, name)

    def patch(self, kind: str, namespace: str, name: str, body: JsonObject, **more: Any) -> JsonObject:
        return self.store.patch(self.resource(kind), namespace, name, body, **more)

    def delete(self, kind: str, namespace: str, name: str) -> None:
        self.store.delete(self.resource(kind), namespace, name)

    def objects(self) -> list[JsonObject]:
        """Everything that the store holds and the engine can see or write."""
        found = []
        for kind in self.engine.backends.resources:
            if self.store.serves(kind):
                found += self.store.list(self.resource(kind)).items
        return found

    def service(self, name: str = "m", namespace: str = "a") -> JsonObject:
        return self.get("InferenceService.ome.io", namespace, name)

    def condition(self, name: str = "m", namespace: str = "a", type_: str = "IngressReady") -> JsonObject:
        conditions = self.service(name, namespace).get("status", {}).get("conditions", [])
        return next((c for c in conditions if c["type"] == type_), {})

    def ours(self) -> set[str]:
        found = set()
        for obj in self.objects():
            if "doorward.io/owner" in (obj["metadata"].get("annotations") or {}):
                found.add(f"{obj['kind']}/{obj['metadata']['name']}")
        return found


def inference_service(
    name: str = "m",
    namespace: str = "a",
    *,
    annotations: dict[str, str] | None = None,
    labels: dict[str, str] | None = None,
    spec: JsonObject | None = None,
    status: JsonObject | None = None,
    ready: tuple[str, ...] = (),
) -> JsonObject:
    titles = {"engine": "EngineReady", "router": "RouterReady", "decoder": "DecoderReady"}
    conditions = [{"type": titles[c], "status": "True"} for c in ready]
    status = {**(status or {}), **({"conditions": conditions} if conditions else {})}
    return {
        "apiVersion": "ome.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": name, "namespace": namespace, "annotations": annotations or {}, "labels": labels or {}},
        "spec": {"engine": {}} if spec is None else spec,
        **({"status": status} if status else {}),
    }


def component_service(service: str, component: str, namespace: str = "a") -> JsonObject:
    labels = {"ome.io/inferenceservice": service, "component": component}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": f"{service}-{component}"[:63], "namespace": namespace, "labels": labels},
        "spec": {"selector": labels, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
    }


def settings(ingress: JsonObject | None = None, **keys: str) -> JsonObject:
    data = {**({"ingress": orjson.dumps(ingress).decode()} if ingress is not None else {}), **keys}
    metadata = {"name": "inferenceservice-config", "namespace": "ome"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


__all__ = ["Ref", "Stage", "component_service", "inference_service", "settings"]
