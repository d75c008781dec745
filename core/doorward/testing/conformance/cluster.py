"""A cluster in memory with the engine before it, where services ask for doors of one backend."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson

from doorward.cluster.embedded import Store
from doorward.cluster.embedded.discovery import BUILT_IN, kinds
from doorward.door.exposure import BACKEND
from doorward.engine import Engine
from doorward.model.action import Action
from doorward.model.event import AnyEvent, Refused
from doorward.model.reference import INFERENCE_SERVICE, SERVICE, JsonObject, kind_of
from doorward.runtime.offline import Clock, Offline
from doorward.runtime.performing import Outcome
from doorward.state.transform import OWNER
from doorward.testing.conformance.breach import Breach
from doorward.testing.conformance.evaluator import Answer
from doorward.testing.conformance.subject import Subject, component_service

MODE = "ome.io/deployment-mode"
NAMESPACE, NAME = "a", "m"
_ALLOTTED = ("clusterIP", "clusterIPs", "nodePort", "healthCheckNodePort")
_TITLES = {"engine": "EngineReady", "router": "RouterReady", "decoder": "DecoderReady"}


class Cluster(Offline):
    """Where doors live: what users do, what the backend's controller answers, and who is reached."""

    def __init__(self, subject: Subject, *, external: bool = False) -> None:
        self.subject = subject
        self.changed: Callable[[Action], None] = lambda _: None
        """Told after each write of the engine's."""
        self._answered: dict[str, JsonObject] = {}
        """What the controller answered last, by the UID of the object."""
        self._outcome: AnyEvent | None = None
        """Of the last write."""
        clock, resources = Clock(), subject.backends.resources
        defined = kinds(subject.evaluator.definitions)
        bare = [each for kind, each in resources.items() if kind not in defined and kind not in BUILT_IN]
        store = Store([*subject.evaluator.definitions, *bare], clock=clock)
        super().__init__(Engine(subject.backends), store, clock, external=external)
        self.config(subject.evaluator.config)
        for obj in subject.evaluator.surroundings:
            self.create(obj)

    # -- users

    def config(self, ingress: Any = None, **keys: str) -> None:
        """Write the settings anew."""
        data = {**({"ingress": orjson.dumps(dict(ingress)).decode()} if ingress else {}), **keys}
        resource, place = self.engine.backends.resources["ConfigMap"], ("ome", "inferenceservice-config")
        if self.store.entry("ConfigMap", place):
            self.store.patch(resource, *place, {"data": data})
            return
        metadata = {"name": place[1], "namespace": place[0]}
        self.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})

    def deploy(self, name: str = NAME, components: Iterable[str] = ("engine",), **annotations: str) -> None:
        """A service of this backend with these components, which are ready; ``annotations``: beside the usual ones."""
        components = tuple(components)
        for component in components:
            self.component(name, component)
        self.create(manifest_of(self.subject, NAMESPACE, name, components, annotations))

    def usual(self) -> dict[str, str]:
        """The annotations by which a service gets this backend."""
        return _usual(self.subject)

    def component(self, name: str, component: str) -> None:
        obj = component_service(NAMESPACE, name, component)
        if not self.store.entry(SERVICE, (NAMESPACE, obj["metadata"]["name"])):
            for each in (obj, *self.subject.evaluator.beside(obj)):
                self.create(each)

    def annotate(self, annotations: Mapping[str, str | None], name: str = NAME) -> None:
        self.edit({"metadata": {"annotations": dict(annotations)}}, name)

    def edit(self, body: JsonObject, name: str = NAME, **more: Any) -> None:
        self.store.patch(self.engine.backends.resources[INFERENCE_SERVICE], NAMESPACE, name, body, **more)

    def has(self, components: Iterable[str], name: str = NAME) -> None:
        """The service has exactly these components from now on."""
        components = tuple(components)
        for component in components:
            self.component(name, component)
        self.edit({"spec": {each: {} if each in components else None for each in _TITLES}}, name)
        self.edit({"status": _ready(components)}, name, subresource="status")

    def remove(self, name: str = NAME) -> None:
        self.store.delete(self.engine.backends.resources[INFERENCE_SERVICE], NAMESPACE, name)

    def create(self, obj: JsonObject) -> None:
        kind, namespace = kind_of(obj), obj["metadata"].get("namespace", "")
        resource = self.engine.backends.resources[kind]
        self.store.create(resource, namespace, obj)
        if status := obj.get("status"):
            name = obj["metadata"]["name"]
            self.store.patch(resource, namespace, name, {"status": status}, subresource="status")

    # -- time goes on

    def open(self) -> None:
        """Begin, and go on until nothing moves."""
        self.start()
        self.go_on()

    def go_on(self, seconds: float = 0) -> None:
        """Let the engine and the backend's controller work until nothing moves, and then so much time go by."""
        self.settle()
        while self._take_up():
            self.settle()
        if seconds:
            self.advance(seconds)
            while self._take_up():
                self.advance(seconds)

    def settle(self, limit: int = 1_000) -> None:
        """Raises Breach where it goes on for ever, with what was tried last."""
        try:
            super().settle(limit)
        except RuntimeError as error:
            last = next(action for action in reversed(self.performed))
            answer = f": {self._outcome.message}" if isinstance(self._outcome, Refused) else ""
            what = f"{last.verb} of {last.ref} ({last.reason}): {type(self._outcome).__name__}{answer}"
            raise Breach(f"the engine doesn't come to rest; the last of {limit} turns was {what}", last.body) from error

    def perform(self, action: Action) -> Outcome:
        outcome: AnyEvent = super().perform(action)
        self._outcome = outcome
        if action.verb in ("create", "patch", "delete"):
            self.changed(action)
        return outcome  # type: ignore[return-value]

    def _take_up(self) -> bool:
        """What the controller answers to objects that it hasn't seen as they are; False where that is nothing."""
        told = False
        for obj in self.of(None):
            status = self.subject.status(obj) if kind_of(obj) in self.subject.kinds else None
            uid = obj["metadata"]["uid"]
            # Compared with what it answered before, not with what stands: a server adds defaults to that.
            if status is not None and status != self._answered.get(uid):
                self._answered[uid] = status
                resource, metadata = self.engine.backends.resources[kind_of(obj)], obj["metadata"]
                body = {"status": status}
                self.store.patch(resource, metadata["namespace"], metadata["name"], body, subresource="status")
                told = True
        return told

    # -- what stands

    def service(self, name: str = NAME) -> JsonObject:
        return self.store.get(self.engine.backends.resources[INFERENCE_SERVICE], NAMESPACE, name)

    def condition(self, name: str = NAME) -> JsonObject:
        """IngressReady of a service; empty where there is none."""
        conditions = self.service(name).get("status", {}).get("conditions", ())
        return next((each for each in conditions if each["type"] == "IngressReady"), {})

    def of(self, name: str | None = NAME) -> list[JsonObject]:
        """The objects of a service; None: of all services."""
        uid = self.service(name)["metadata"]["uid"] if name else None
        written = [kind for kind, watch in self.engine.backends.watches.items() if watch.owned != "nothing"]
        objects = (
            entry.object for kind in written if self.store.serves(kind) for entry in self.store.entries(kind).values()
        )
        owners = ((obj, (obj["metadata"].get("annotations") or {}).get(OWNER)) for obj in objects)
        return [obj for obj, owner in owners if owner and (uid is None or owner == uid)]

    def ours(self, name: str = NAME) -> list[JsonObject]:
        """Those of the kinds that the backend writes."""
        return [obj for obj in self.of(name) if kind_of(obj) in self.subject.kinds]

    def ask(self, url: str, name: str = NAME) -> Answer | None:
        return self.subject.route(self.of(name), url)

    def shape(self, name: str = NAME) -> dict[str, JsonObject]:
        """What stands for a service, without what differs from one run to another."""
        return {f"{kind_of(obj)} {obj['metadata']['name']}": _shape(obj) for obj in self.of(name)}


def manifest_of(
    subject: Subject,
    namespace: str,
    name: str = NAME,
    components: Sequence[str] = ("engine",),
    annotations: Mapping[str, str] = {},
) -> JsonObject:
    """A service of this backend whose components are ready."""
    return {
        "apiVersion": "ome.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": name, "namespace": namespace, "annotations": {**_usual(subject), **annotations}},
        "spec": {component: {} for component in components},
        "status": _ready(components),
    }


def _usual(subject: Subject) -> dict[str, str]:
    chosen = subject.evaluator.annotations or {BACKEND: subject.name}
    return {MODE: subject.evaluator.modes[0], **chosen}


def _shape(obj: JsonObject) -> JsonObject:
    notes = {key: value for key, value in (obj["metadata"].get("annotations") or {}).items() if key != OWNER}
    return {"annotations": notes, "labels": obj["metadata"].get("labels") or {}, "spec": asked(obj.get("spec") or {})}


def asked(value: Any) -> Any:
    """A value without what a server allots, which is another for each object."""
    if isinstance(value, dict):
        return {key: asked(each) for key, each in value.items() if key not in _ALLOTTED}
    return [asked(each) for each in value] if isinstance(value, list) else value


def _ready(components: Iterable[str]) -> JsonObject:
    return {"conditions": [{"type": _TITLES[component], "status": "True"} for component in components]}
