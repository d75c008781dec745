"""A journal of some life, with a clock of its own, for the commands that read journals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from doorward.backends import Backends
from doorward.cluster.embedded import Store
from doorward.engine import Engine
from doorward.journal import SqliteJournal
from doorward.model.reference import JsonObject
from doorward.runtime.offline import Clock, Offline

from tests.engine.stage import Stage, backends, component_service, definitions, inference_service, settings

SERVICE, INGRESS = "InferenceService.ome.io", "Ingress.networking.k8s.io"
RAW = {"ome.io/deployment-mode": "RawDeployment"}
BEGAN = 1_767_225_600.0
"""2026-01-01T00:00:00Z."""


class Lived(Stage):
    """A cluster whose records are kept in a file."""

    def __init__(self, path: Path, *, snapshot: bool = False, backends_: Backends | None = None) -> None:
        super().__init__()
        self.path = path
        if backends_ is not None:
            store = Store(definitions(), clock=self.clock)
            Offline.__init__(self, Engine(backends_), store, Clock(BEGAN), self.records.extend)
        self._kept = 0
        self.create(settings({}))
        self.start()
        self.settle()

    def open(self, *names: str, **annotations: str) -> None:
        for name in names:
            self.create(component_service(name, "engine"))
            self.create(inference_service(name, annotations={**RAW, **annotations}, ready=("engine",)))
        self.rest()

    def annotate(self, name: str, **annotations: str | None) -> None:
        notes = {key.replace("__", "/").replace("_", "-"): value for key, value in annotations.items()}
        self.patch(SERVICE, "a", name, {"metadata": {"annotations": notes}})
        self.rest()

    def configure(self, ingress: str) -> None:
        self.patch("ConfigMap", "ome", "inferenceservice-config", {"data": {"ingress": ingress}})
        self.rest()

    def restart(self) -> None:
        """Another process takes over, from a snapshot."""
        self.keep_records(snapshot=True)
        records = [*self.records]
        self.engine = Engine(backends())
        self.engine.restore(records)
        self.start()
        self.rest()

    def keep_records(self, *, snapshot: bool = False) -> Path:
        journal = SqliteJournal(self.path)
        journal.append(self.records[self._kept :])
        self._kept = len(self.records)
        if snapshot:
            journal.snapshot(self.engine.snapshot(), self.engine.number)
        journal.close()
        return self.path


def changed(obj: JsonObject, **metadata: Any) -> JsonObject:
    return {**obj, "metadata": {**obj["metadata"], **metadata}}
