"""The cluster around the engine: an API server in memory, its users, its controllers, and those who meddle."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import orjson

from doorward.backends import OME
from doorward.cluster.embedded import Store
from doorward.cluster.embedded.discovery import Kind
from doorward.cluster.protocol import ApiError
from doorward.model.reference import CONFIG_MAP, ENDPOINT_SLICE, INFERENCE_SERVICE, SERVICE, JsonObject, Resource
from doorward.model.settings import Settings
from doorward.runtime.offline import Clock
from doorward.settings.configuration import parse
from doorward.state.transform import OWNER, ROUTED
from doorward.testing.simulator import plain, requests, twin
from doorward.testing.simulator import scenario as s
from doorward.testing.simulator.poison import backends

VIRTUAL_SERVICE = "VirtualService.networking.istio.io"
INGRESS = "Ingress.networking.k8s.io"
HTTP_ROUTE = "HTTPRoute.gateway.networking.k8s.io"
DOORS = (VIRTUAL_SERVICE, INGRESS, HTTP_ROUTE, SERVICE)
"""The kinds that doors are made of."""
NOBODY = "00000000-dead-4000-8000-000000000000"
"""The UID of a service that never was."""
NOBODYS_CLASS = "squatted"
"""The class of squatters' Ingresses, which no door has."""
SETTINGS = ("ome", "inferenceservice-config")
PLACES = len(s.NAMESPACES) * len(s.NAMES)
_CONDITION = {"engine": "EngineReady", "router": "RouterReady", "decoder": "DecoderReady"}
_FULL = {"VirtualService": VIRTUAL_SERVICE, "Ingress": INGRESS, "HTTPRoute": HTTP_ROUTE, "Service": SERVICE}


class World:
    """The store, and everything that happens to it but for the engine's own writes."""

    def __init__(
        self,
        store: Store | None = None,
        *,
        twins: Collection[int] = (),
        labelled: Collection[int] = (),
        budget: int = 0,
    ) -> None:
        """``twins``: the services that are of another source, ``labelled``: that are Services, by their numbers.

        ``budget`` is how many doors an engine decides at a time, and writes may wait beside these; 0: all.
        """
        self.budget = budget or 1 << 30
        self.clock = Clock()
        self.twins = frozenset(map(s.place, twins))
        self.numbered = {n: (where, plain.called(name)) for n in labelled for where, name in (s.place(n),)}
        """Where plain Services are, by their numbers."""
        self.plain = frozenset(self.numbered.values())
        shares = {OME: len(twins) + len(labelled) < PLACES, twin.NAME: bool(twins), plain.NAME: bool(labelled)}
        self.backends = backends(tuple(name for name, has_some in shares.items() if has_some))
        self.resources = self.backends.resources
        served = [r for kind, r in self.resources.items() if "." in kind and not kind.endswith(".k8s.io")]
        served += [self.resources[HTTP_ROUTE], self.resources["Gateway.gateway.networking.k8s.io"]]
        self.store = store or Store(served, clock=self.clock, collecting=False)
        self._kinds: dict[str, Kind] = {}
        self.forbidden: set[str] = set()
        self.disturbed: dict[str, float] = {}
        """UIDs of services whose objects somebody meddled with, and when."""
        self.hostile: set[str] = set()
        """UIDs of services whose tenants forge."""
        self.forged: set[tuple[str, tuple[str, str]]] = set()
        """UIDs of objects, each with a host that a tenant put there."""
        self.made: set[str] = set()
        """UIDs of objects that tenants made, with our annotation."""
        self.good: list[Settings] = [Settings()]
        """All settings that ever were good, the defaults among them."""
        self.addresses = 0
        self.processes = 0
        self.terms = 1
        """How many have led."""

    # -- reading

    def entry(self, kind: str, namespace: str, name: str) -> JsonObject | None:
        """An object as it stands, not to be changed."""
        entry = self.store.entry(self.backends.watched_as(kind), (namespace, name))
        return entry.object if entry else None

    def all(self, kind: str) -> list[JsonObject]:
        return [entry.object for entry in self.store.entries(kind).values()]

    def ours(self) -> list[JsonObject]:
        """Objects that bear our annotation, in a fixed order."""
        objects = (obj for kind in DOORS for obj in self.all(kind) if owner(obj))
        return [obj for obj in objects if not self.is_squatters(obj)] if self.made else list(objects)

    def is_squatters(self, obj: JsonObject) -> bool:
        """Whether a tenant made an object for a service that isn't there, or isn't its own: nobody collects it."""
        if obj["metadata"]["uid"] not in self.made:
            return False
        return owner(obj) not in self.services() or self.is_abroad(obj)

    def is_forged(self, obj: JsonObject) -> bool:
        """Whether a tenant made an object, or put a host into it."""
        uid = obj["metadata"]["uid"]
        return uid in self.made or any(each == uid for each, _ in self.forged)

    def is_abroad(self, obj: JsonObject) -> bool:
        """Whether an object bears the UID of a service of another namespace, or of none that ever was."""
        service = self.services().get(owner(obj))
        elsewhere = service is not None and service["metadata"]["namespace"] != obj["metadata"]["namespace"]
        return elsewhere or owner(obj) == NOBODY

    def of(self, uid: str) -> list[JsonObject]:
        return [obj for obj in self.ours() if owner(obj) == uid]

    def by_owner(self) -> dict[str, list[JsonObject]]:
        """Objects that bear our annotation, by the UID in it."""
        owned: dict[str, list[JsonObject]] = {}
        for obj in self.ours():
            owned.setdefault(owner(obj), []).append(obj)
        return owned

    def kind(self, namespace: str, name: str) -> str:
        """The kind of the service of this name."""
        if (namespace, name) in self.plain:
            return SERVICE
        return twin.MODEL if (namespace, name) in self.twins else INFERENCE_SERVICE

    def place(self, number: int) -> tuple[str, str]:
        """Namespace and name of the service with this number."""
        return self.numbered.get(number) or s.place(number)

    def service(self, number: int) -> JsonObject | None:
        """The service with this number, as an InferenceService."""
        place = self.place(number)
        found = self.entry(self.kind(*place), *place)
        if found and place in self.plain:
            return self._translated(found)
        return twin.translated(found) if found and place in self.twins else found

    def _translated(self, obj: JsonObject) -> JsonObject:
        meta = obj["metadata"]
        return plain.translated(obj, self.entry(ENDPOINT_SLICE, meta["namespace"], meta["name"]))

    def services(self) -> dict[str, JsonObject]:
        """The services that exist, by UID, as InferenceServices."""
        found = {obj["metadata"]["uid"]: obj for obj in self.all(INFERENCE_SERVICE)}
        if self.twins:
            found.update((obj["metadata"]["uid"], twin.translated(obj)) for obj in self.all(twin.MODEL))
        standing = (obj for place in self.numbered.values() if (obj := self.entry(SERVICE, *place)))
        found.update((obj["metadata"]["uid"], self._translated(obj)) for obj in standing)
        return found

    # -- users

    def make(self, step: s.Make) -> None:
        namespace, name = self.place(step.service)
        if self.service(step.service) is not None:
            return
        if (namespace, name) in self.plain:
            made = plain.service(name, namespace, dict(step.annotations))
            self.store.create(self.resources[SERVICE], namespace, made, field_manager="user")
            self.ready(s.Ready(step.service, "engine", "True" if step.ready else "False"))
            return
        spec: JsonObject = {component: {} for component in step.components}
        obj = {
            "apiVersion": "ome.io/v1beta1",
            "kind": "InferenceService",
            "metadata": {"name": name, "namespace": namespace, "annotations": dict(step.annotations)},
            "spec": spec,
        }
        kind = self.kind(namespace, name)
        made = twin.model(obj) if kind == twin.MODEL else obj
        self.store.create(self.resources[kind], namespace, made, field_manager="user")
        self.operate()
        for component in step.components:
            self.ready(s.Ready(step.service, component, "True" if step.ready else "False"))

    def edit(self, step: s.Edit) -> None:
        namespace, name = self.place(step.service)
        if self.service(step.service) is None:
            return
        if step.key == "!visibility":
            body: JsonObject = {"metadata": {"labels": {"networking.knative.dev/visibility": step.value}}}
        elif step.key.startswith("!") and (namespace, name) in self.plain:
            body = {"metadata": {"labels": plain.labels(selected=step.value is not None)}}
        elif step.key.startswith("!"):
            value: JsonObject | None = None if step.value is None else {}
            body = {"spec": {step.key[1:]: value}}
            if (namespace, name) in self.twins:
                body = {"spec": {"parts": {twin.called(step.key[1:]): value}}}
        else:
            key = twin.key(step.key) if (namespace, name) in self.twins | self.plain else step.key
            body = {"metadata": {"annotations": {key: step.value}}}
        self.patch(self.kind(namespace, name), namespace, name, body)
        self.operate()

    def ready(self, step: s.Ready) -> None:
        namespace, name = self.place(step.service)
        if (namespace, name) in self.plain:
            if step.component == "engine":
                self._endpoints(namespace, name, ready=step.status == "True")
            return
        type_ = _CONDITION[step.component]
        if (namespace, name) in self.twins:
            type_ = f"{twin.called(step.component).title()}Ready"
        self._condition(namespace, name, type_, step.status)

    def _endpoints(self, namespace: str, name: str, *, ready: bool) -> None:
        service = self.entry(SERVICE, namespace, name)
        if service is None:
            return
        wanted = plain.endpoints(service, ready=ready)
        if self.entry(ENDPOINT_SLICE, namespace, name) is None:
            self.store.create(self.resources[ENDPOINT_SLICE], namespace, wanted, field_manager="user")
        else:
            body = {"metadata": {"ownerReferences": wanted["metadata"]["ownerReferences"]}}
            self.patch(ENDPOINT_SLICE, namespace, name, {**body, "endpoints": wanted["endpoints"]})

    def _condition(self, namespace: str, name: str, type_: str, status: str, **more: Any) -> None:
        kind = self.kind(namespace, name)
        obj = self.entry(kind, namespace, name)
        if obj is None:
            return
        conditions = [c for c in (obj.get("status") or {}).get("conditions") or () if c["type"] != type_]
        conditions.append({"type": type_, "status": status, **more})
        self.patch(kind, namespace, name, {"status": {"conditions": conditions}}, subresource="status")

    def remove(self, step: s.Remove) -> None:
        place = self.place(step.service)
        self.delete(self.kind(*place), *place)

    def configure(self, data: dict[str, str] | None) -> None:
        if data is None:
            self.delete(CONFIG_MAP, *SETTINGS)
            return
        parsed = parse(data)
        if parsed.settings is not None:
            self.good.append(parsed.settings)
        obj = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": SETTINGS[1], "namespace": SETTINGS[0]},
            "data": data,
        }
        if self.entry(CONFIG_MAP, *SETTINGS) is None:
            self.store.create(self.resources[CONFIG_MAP], SETTINGS[0], obj, field_manager="user")
        else:
            self.store.replace(self.resources[CONFIG_MAP], *SETTINGS, obj, field_manager="user")

    # -- controllers

    def operate(self) -> None:
        """The operator of the components: a Service each, which belongs to the InferenceService."""
        for service in self.services().values():
            meta = service["metadata"]
            for component in _CONDITION:
                if component not in service.get("spec", {}) or service["kind"] == "Service":
                    continue
                source = self.backends.sources[self.kind(meta["namespace"], meta["name"])]
                labels = {source.label: meta["name"], "component": source.parts[component].called}
                name = f"{meta['name']}-{component}"
                if self.entry(SERVICE, meta["namespace"], name) is not None:
                    continue
                reference = {"apiVersion": service["apiVersion"], "kind": service["kind"], "name": meta["name"]}
                obj = {
                    "apiVersion": "v1",
                    "kind": "Service",
                    "metadata": {
                        "name": name,
                        "namespace": meta["namespace"],
                        "labels": labels,
                        "ownerReferences": [{**reference, "uid": meta["uid"], "controller": True}],
                    },
                    "spec": {"selector": labels, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
                }
                self.store.create(self.resources[SERVICE], meta["namespace"], obj, field_manager="ome")

    def accept(self) -> None:
        """Gateways accept what attaches to them, load balancers get an address, components their Services."""
        self.operate()
        for obj in self.all(HTTP_ROUTE):
            generation = obj["metadata"]["generation"]
            conditions = [
                {
                    "type": type_,
                    "status": "True",
                    "reason": "Accepted",
                    "message": "",
                    "observedGeneration": generation,
                    "lastTransitionTime": "2026-01-01T00:00:00Z",
                }
                for type_ in ("Accepted", "ResolvedRefs")
            ]
            parents = [
                {"parentRef": ref, "controllerName": "sim.doorward.io/gateway", "conditions": conditions}
                for ref in obj["spec"].get("parentRefs") or ()
            ]
            if (obj.get("status") or {}).get("parents") != parents:
                self._status(HTTP_ROUTE, obj, {"parents": parents})
        for obj in self.all(SERVICE):
            balancer = obj["spec"].get("type") == "LoadBalancer"
            if balancer and not (obj.get("status") or {}).get("loadBalancer"):
                self.addresses += 1
                self._status(SERVICE, obj, {"loadBalancer": {"ingress": [{"ip": f"203.0.113.{self.addresses % 250}"}]}})

    def _status(self, kind: str, obj: JsonObject, status: JsonObject) -> None:
        meta = obj["metadata"]
        self.patch(
            kind, meta["namespace"], meta["name"], {"status": status}, subresource="status", manager="controller"
        )

    def collect(self) -> None:
        self.store.collect()

    # -- meddlers

    def meddle(self, step: s.Meddle) -> None:
        if step.how in ("status", "condition"):
            services = list(self.services().values())
            if services:
                meta = services[step.which % len(services)]["metadata"]
                is_plain = (meta["namespace"], meta["name"]) in self.plain
                if is_plain and step.how == "status":
                    self.patch(
                        SERVICE, meta["namespace"], meta["name"], {"status": {"conditions": []}}, subresource="status"
                    )
                elif step.how == "condition":
                    type_ = plain.CONDITION if is_plain else "IngressReady"
                    self._condition(meta["namespace"], meta["name"], type_, "False", reason="Meddled")
                else:
                    body = {"status": {"url": "http://meddled.example.com"}}
                    kind = self.kind(meta["namespace"], meta["name"])
                    self.patch(kind, meta["namespace"], meta["name"], body, subresource="status")
            return
        objects = self.ours()
        if not objects:
            return
        obj = objects[step.which % len(objects)]
        meta, kind = obj["metadata"], _FULL[obj["kind"]]
        self.disturbed[owner(obj)] = self.clock.now
        if step.how == "delete":
            self.delete(kind, meta["namespace"], meta["name"])
        elif step.how == "strip":
            self.patch(kind, meta["namespace"], meta["name"], {"metadata": {"labels": None}})
        else:
            self.patch(kind, meta["namespace"], meta["name"], {"spec": _meddled(kind)})

    def occupy(self, step: s.Occupy) -> None:
        namespace, name = self.place(step.service)
        kind = _FULL[step.kind]
        standing = self.entry(kind, namespace, name)
        if step.gone:
            if standing is not None and not owner(standing):
                self.delete(kind, namespace, name)
            return
        if standing is not None or not self.store.serves(kind):
            return
        obj = {
            "apiVersion": self.resources[kind].api_version(),
            "kind": step.kind,
            "metadata": {"name": name, "namespace": namespace},
            "spec": _foreign(kind, f"{name}.{namespace}.example.com"),
        }
        self.store.create(self.resources[kind], namespace, obj, field_manager="somebody")

    def forge(self, step: s.Forge) -> bool:
        """Whether there was anything to forge."""
        attacker, victim = self.service(step.service), self.service(step.victim)
        if attacker is None or victim is None:
            return False
        mine, theirs = attacker["metadata"], victim["metadata"]
        if mine["namespace"] == theirs["namespace"]:
            return False
        if step.how == "squat":
            host = f"{theirs['name']}.{theirs['namespace']}.example.com"
            spec = {**_foreign(INGRESS, host), "ingressClassName": NOBODYS_CLASS}
            return self._made(INGRESS, mine, f"squat-{theirs['name']}", NOBODY, spec)
        standing = [obj for obj in self.of(theirs["uid"]) if requests.claimed(obj)]
        if not standing:
            return False
        target = standing[0]
        kind, spec = _FULL[target["kind"]], orjson.loads(orjson.dumps(target["spec"]))
        if step.how == "owner":
            return self._made(kind, mine, f"forged-{theirs['name']}", mine["uid"], spec)
        if step.how == "abroad":
            return self._made(kind, mine, target["metadata"]["name"], theirs["uid"], spec)
        own = next((o for o in self.of(mine["uid"]) if o["kind"] == target["kind"]), None)
        if own is None:
            return False
        self.patch(kind, mine["namespace"], own["metadata"]["name"], {"spec": spec}, manager="doorward")
        self._forged(mine, own, requests.claimed(target) - requests.claimed(own))
        return True

    def _made(self, kind: str, mine: JsonObject, name: str, owner: str, spec: JsonObject) -> bool:
        """A tenant makes an object in its service's namespace; whether it could."""
        if not self.store.serves(kind) or self.entry(kind, mine["namespace"], name) is not None:
            return False
        obj = {
            "apiVersion": self.resources[kind].api_version(),
            "kind": kind.partition(".")[0],
            "metadata": {
                "name": name,
                "namespace": mine["namespace"],
                "annotations": {OWNER: owner, ROUTED: "engine,router,decoder"},
            },
            "spec": spec,
        }
        made = self.store.create(self.resources[kind], mine["namespace"], obj, field_manager="doorward")
        self.made.add(made["metadata"]["uid"])
        self._forged(mine, made, requests.claimed(made))
        return True

    def _forged(self, mine: JsonObject, obj: JsonObject, hosts: set[requests.Host]) -> None:
        self.hostile.add(mine["uid"])
        self.forged.update((obj["metadata"]["uid"], host) for host in hosts)

    def withdraw(self, kind: str, installed: bool) -> None:
        full = _FULL[kind]
        if installed:
            if full in self._kinds:
                self.store._kinds[full] = self._kinds.pop(full)
        elif self.store.serves(full):
            self._kinds[full] = self.store._kinds[full]
            for obj in self.all(full):
                if owner(obj):
                    self.disturbed[owner(obj)] = self.clock.now
                self.delete(full, obj["metadata"]["namespace"], obj["metadata"]["name"])
            self.store.withdraw(full)

    # -- writing

    def patch(
        self, kind: str, namespace: str, name: str, body: JsonObject, *, subresource: str = "", manager: str = "user"
    ) -> None:
        """Change an object whatever its resourceVersion, as careless clients do."""
        standing = self.entry(kind, namespace, name)
        if standing is None:
            return
        resource: Resource = self.resources[kind]
        version = self.store.served(resource)
        more = {"subresource": subresource, "field_manager": manager, "version": version}
        self.store.patch(resource, namespace, name, orjson.loads(orjson.dumps(body)), **more)  # type: ignore[arg-type]

    def delete(self, kind: str, namespace: str, name: str) -> None:
        try:
            self.store.delete(self.resources[kind], namespace, name)
        except ApiError as error:
            if error.status != 404:
                raise


def kinds() -> tuple[str, ...]:
    """Every kind that an engine may see, in the order in which steps count them, with OME's services alone."""
    return tuple(backends().resources)


def owner(obj: JsonObject) -> str:
    """The UID of the service that an object of ours belongs to."""
    return ((obj["metadata"].get("annotations") or {}).get(OWNER)) or ""


def _meddled(kind: str) -> JsonObject:
    match kind:
        case "Service":
            return {"selector": {"app": "meddled"}}
        case "Ingress.networking.k8s.io":
            return {"ingressClassName": "meddled"}
        case "HTTPRoute.gateway.networking.k8s.io":
            return {"hostnames": ["meddled.example.org"]}
    return {"hosts": ["meddled.example.org"]}


def _foreign(kind: str, host: str) -> JsonObject:
    match kind:
        case "Service":
            return {"selector": {"app": "foreign"}, "ports": [{"port": 80, "targetPort": 80}]}
        case "Ingress.networking.k8s.io":
            backend = {"service": {"name": "foreign", "port": {"number": 80}}}
            path = {"path": "/", "pathType": "Prefix", "backend": backend}
            return {"ingressClassName": "istio", "rules": [{"host": host, "http": {"paths": [path]}}]}
        case "HTTPRoute.gateway.networking.k8s.io":
            rules = [
                {"matches": [{"path": {"type": "PathPrefix", "value": "/"}}], "backendRefs": [{"name": "foreign"}]}
            ]
            return {"parentRefs": [{"namespace": "sim", "name": "gateway"}], "hostnames": [host], "rules": rules}
    http = [{"route": [{"destination": {"host": "foreign"}}]}]
    return {"hosts": [host], "gateways": ["knative-serving/knative-ingress-gateway"], "http": http}
