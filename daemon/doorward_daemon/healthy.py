"""The rest of a healthy cluster, for rendering: what deployers, gateways, clouds and keepers of keys do by themselves.

Facts that were given are never changed: a condition, a Service, a route's status or an address that is there counts.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping

from doorward.cluster.embedded import Store
from doorward.model import names
from doorward.model.reference import ENDPOINT_SLICE, SECRET, SECRETS, SERVICE, JsonObject, Ref, Resource, kind_of
from doorward.model.source import Source
from doorward.state.transform import transform

__all__ = ["Healthy"]

ADDRESSES = "203.0.113."
"""TEST-NET-3 (RFC 5737): where simulated load balancers are reached."""
CONTROLLER = "doorward.io/simulated"
ENVOY_GATEWAY = "gateway.envoyproxy.io/gatewayclass-controller"
HTTP_ROUTE = "HTTPRoute.gateway.networking.k8s.io"
CLIENTS = {"simulated": "c2ltdWxhdGVk", "auth": b64encode(b"simulated:$2b$04$" + b"." * 53).decode()}
"""The data of a Secret by which somebody could come in."""
SINCE = "2026-01-01T00:00:00Z"


class Healthy:
    """Plays what is missing into a store."""

    def __init__(self, store: Store, resources: Mapping[str, Resource]) -> None:
        self._store = store
        self._resources = resources
        self._addresses = 0

    def deploy(self, services: Iterable[JsonObject], source: Source) -> None:
        """Have every component of these services of one source ready, with a Service."""
        known = self._store.list(self._resources[SERVICE]).items
        for service in services:
            if source.is_of_services:
                self._have_endpoint(service["metadata"])
                continue
            shape = service if source.read is None else transform(source.resource.kind, service, source)
            components, brought = _components(shape, source)
            for component in components:
                wanted = _component_service(shape, component, source)
                if not _has_service(wanted, known):
                    self._create(wanted)
            status = _ready(service.get("status") or {}, components, brought, source)
            self._write_status(service, status)

    def _have_endpoint(self, service: JsonObject) -> None:
        """Have a Service lead somewhere."""
        labels = {"kubernetes.io/service-name": service["name"]}
        slices = self._store.list(self._resources[ENDPOINT_SLICE], service["namespace"]).items
        if any(labels.items() <= (each["metadata"].get("labels") or {}).items() for each in slices):
            return
        metadata = {"name": f"{service['name']}-simulated", "namespace": service["namespace"], "labels": labels}
        self._create(
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": metadata,
                "addressType": "IPv4",
                "endpoints": [{"addresses": [f"{ADDRESSES}1"], "conditions": {"ready": True}}],
            }
        )

    def fill(self, secrets: Iterable[Ref]) -> bool:
        """Have each of these Secrets, with a client; False where all were given."""
        filled = False
        for ref in sorted(secrets):
            if not self._store.list(SECRETS, ref.namespace, field_selector=f"metadata.name={ref.name}").items:
                metadata = {"name": ref.name, "namespace": ref.namespace}
                secret = {"apiVersion": "v1", "kind": SECRET, "metadata": metadata, "data": CLIENTS}
                self._store.create(SECRETS, ref.namespace, secret)
                filled = True
        return filled

    def answer(self, objects: Iterable[JsonObject]) -> bool:
        """Accept routes and give addresses; False where nothing waits for either."""
        answered = False
        for obj in objects:
            answer = self._answer(obj)
            if answer:
                self._write_status(obj, answer)
                answered = True
        return answered

    def _answer(self, obj: JsonObject) -> JsonObject:
        """What a controller would say of an object that it hasn't answered yet."""
        status, spec = obj.get("status") or {}, obj.get("spec") or {}
        if obj["kind"] == "HTTPRoute" and spec.get("parentRefs"):
            answer = [_accepted(obj, parent) for parent in spec["parentRefs"]]
            given = status.get("parents") or []
            mine = all(parent.get("controllerName") == CONTROLLER for parent in given)
            return {"parents": answer} if mine and given != answer else {}
        if obj["kind"] == "SecurityPolicy" and not status.get("ancestors"):
            return {"ancestors": [_attached(obj, ref) for ref in self._gateways(obj)]}
        balanced = obj["kind"] == "Service" and spec.get("type") == "LoadBalancer"
        if balanced and not (status.get("loadBalancer") or {}).get("ingress"):
            self._addresses = self._addresses % 254 + 1
            return {"loadBalancer": {"ingress": [{"ip": f"{ADDRESSES}{self._addresses}"}]}}
        return {}

    def _gateways(self, policy: JsonObject) -> list[JsonObject]:
        """The parents of the HTTPRoutes that a policy is for."""
        namespace = policy["metadata"]["namespace"]
        names = {target["name"] for target in policy["spec"].get("targetRefs") or ()}
        routes = self._store.list(self._resources[HTTP_ROUTE], namespace).items
        return [p for r in routes if r["metadata"]["name"] in names for p in r["spec"].get("parentRefs") or ()]

    def _create(self, obj: JsonObject) -> None:
        self._store.create(self._resources[kind_of(obj)], obj["metadata"]["namespace"], obj)

    def _write_status(self, obj: JsonObject, status: JsonObject) -> None:
        metadata = obj["metadata"]
        resource = self._resources[kind_of(obj)]
        self._store.patch(resource, metadata["namespace"], metadata["name"], {"status": status}, subresource="status")


def _components(service: JsonObject, source: Source) -> tuple[list[str], list[str]]:
    """The components that will be deployed, and those of them that the serving runtime brings."""
    spec, status = service.get("spec") or {}, service.get("status") or {}
    brought = [c for c in source.parts if c in (status.get("components") or {}) and c not in spec]
    if "engine" not in spec and "engine" not in brought:
        brought = ["engine", *brought]
    if not (spec.get("model") or spec.get("runtime")):
        brought = []
    return [c for c in source.parts if c in spec or c in brought], brought


def _has_service(wanted: JsonObject, known: Iterable[JsonObject]) -> bool:
    metadata = wanted["metadata"]
    for each in known:
        if each["metadata"]["namespace"] == metadata["namespace"]:
            labels = each["metadata"].get("labels") or {}
            if each["metadata"]["name"] == metadata["name"] or metadata["labels"].items() <= labels.items():
                return True
    return False


def _component_service(service: JsonObject, component: str, source: Source) -> JsonObject:
    metadata, called = service["metadata"], source.parts[component].called
    labels = {source.label: names.cut(metadata["name"]), "component": called}
    told = (service["spec"].get(component) or {}).get("service") if source.read else ""
    name = told or names.service_name(f"{metadata['name']}-{called}", metadata["namespace"], metadata["name"])
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": metadata["namespace"], "labels": labels},
        "spec": {"selector": labels, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
    }


def _ready(status: JsonObject, components: list[str], brought: list[str], source: Source) -> JsonObject:
    conditions = list(status.get("conditions") or ())
    told = {condition.get("type") for condition in conditions}
    for component in components:
        types = source.parts[component].ready
        if not told & set(types):
            conditions.append({"type": types[0], "status": "True", "lastTransitionTime": SINCE})
    result: JsonObject = {"conditions": conditions}
    if brought:
        result["components"] = {c: {} for c in brought} | (status.get("components") or {})
    return result


def _attached(policy: JsonObject, gateway: JsonObject) -> JsonObject:
    condition = {
        "type": "Accepted",
        "status": "True",
        "reason": "Accepted",
        "message": "",
        "observedGeneration": policy["metadata"].get("generation", 1),
        "lastTransitionTime": SINCE,
    }
    return {"ancestorRef": gateway, "controllerName": ENVOY_GATEWAY, "conditions": [condition]}


def _accepted(route: JsonObject, parent: JsonObject) -> JsonObject:
    return {
        "parentRef": parent,
        "controllerName": CONTROLLER,
        "conditions": [
            {
                "type": type_,
                "status": "True",
                "reason": type_,
                "message": "",
                "observedGeneration": route["metadata"].get("generation", 1),
                "lastTransitionTime": SINCE,
            }
            for type_ in ("Accepted", "ResolvedRefs")
        ],
    }
