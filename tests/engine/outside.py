"""A DNS zone beside the cluster, kept by the example's backend, with faults and short ways to change things."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any

from doorward.backends import Backends
from doorward.cluster.embedded import Store
from doorward.engine import Engine
from doorward.hooks import Action, ApiError, hookimpl
from doorward.model.reference import JsonObject, Ref
from doorward.runtime.offline import Clock, Offline

from tests.engine.stage import Stage, component_service, definitions, inference_service
from tests.examples import load

RECORDS = "Records.dns.example.com"
FINALIZER = f"external.doorward.io/{RECORDS}"
DNS = {"ome.io/deployment-mode": "RawDeployment", "ome.io/ingress-class": "dns"}
NGINX = {**DNS, "ome.io/ingress-class": "nginx"}


class Zone:
    """The backend of the example, which can be told to fail."""

    def __init__(self) -> None:
        self.module: ModuleType = load("dns_backend/dns_backend.py")
        self.actions: list[Action] = []
        self.refusals: list[Exception] = []
        """Raised by the next writes, in place of doing them."""
        self.lost: list[Exception] = []
        """Raised by the next writes once they are done."""
        self.unseen: list[Exception] = []
        """Raised by the next observations."""
        self.lingering = False
        """Whether deletions are taken note of, and what is deleted stands for a while."""
        self.idle = False
        """Whether deletions do nothing, and say nothing of it."""
        for name in ("watches", "select", "render"):
            setattr(self, name, getattr(self.module, name))

    @hookimpl
    async def observe(self, kind: str) -> Any:
        if self.unseen:
            raise self.unseen.pop(0)
        return await self.module.observe(kind)

    @hookimpl
    async def apply(self, action: Action) -> JsonObject | None:
        self.actions.append(action)
        if self.refusals and action.verb != "verify":
            raise self.refusals.pop(0)
        if self.lingering and action.verb == "delete":
            self.edit({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}})
        if (self.lingering or self.idle) and action.verb == "delete":
            return self.objects[action.ref]
        answer: JsonObject | None = await self.module.apply(action)
        if self.lost and action.verb != "verify":
            raise self.lost.pop(0)
        return answer

    @property
    def objects(self) -> dict[Ref, JsonObject]:
        return self.module.ZONE.objects  # type: ignore[no-any-return]

    def hosts(self, name: str = "m") -> list[str]:
        """The hosts of a service's records; none where it has no records."""
        obj = self.objects.get(Ref(RECORDS, "a", name))
        return obj["spec"]["hosts"] if obj else []

    def edit(self, body: JsonObject, name: str = "m") -> None:
        """Somebody's change of the zone, behind doorward's back."""
        zone, ref = self.module.ZONE, Ref(RECORDS, "a", name)
        zone.serial += 1
        version = {"metadata": {"resourceVersion": str(zone.serial)}}
        zone.objects[ref] = self.module.merge(self.module.merge(zone.objects[ref], body), version)

    def verbs(self) -> list[str]:
        return [action.verb for action in self.actions]


def with_zone(zone: Zone) -> Backends:
    return Backends({**{e.name: e.load() for e in entry_points(group="doorward")}, "dns": zone})


class Outside(Stage):
    """A stage with a zone beside it; ``after`` another one: a new process before the same cluster and zone."""

    def __init__(self, after: Outside | None = None, backends: Backends | None = None) -> None:
        clock = after.clock if after else Clock()
        store = after.store if after else Store(definitions(), clock=clock)
        self.zone: Zone = after.zone if after else Zone()
        self.records = list(after.records) if after else []
        engine = Engine(backends or with_zone(self.zone), use_defaults=True)
        engine.restore(self.records)
        Offline.__init__(self, engine, store, clock, self.records.extend, external=True)

    def open(self, name: str = "m", annotations: dict[str, str] = DNS, **more: Any) -> None:
        self.create(component_service(name, "engine"))
        self.create(inference_service(name, annotations=annotations, ready=("engine",), **more))
        self.start()
        self.settle()

    def finalizers(self, name: str = "m") -> list[str]:
        return self.service(name)["metadata"].get("finalizers", [])  # type: ignore[no-any-return]

    def there(self, name: str = "m") -> bool:
        try:
            self.service(name)
        except ApiError:
            return False
        return True

    def drop(self, name: str = "m") -> None:
        """Somebody deletes the service."""
        self.delete("InferenceService.ome.io", "a", name)

    def annotate(self, annotations: Mapping[str, str | None], name: str = "m") -> None:
        self.patch("InferenceService.ome.io", "a", name, {"metadata": {"annotations": annotations}})
