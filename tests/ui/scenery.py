"""Doors of every sort before the embedded cluster, and the page that shows them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
from doorward.backends import Backends
from doorward.journal import MemoryJournal
from doorward.model.reference import JsonObject, Ref
from doorward.runtime.shell import Shell
from doorward_daemon.health import serving
from doorward_daemon.metrics import Metrics
from doorward_daemon.readiness import readiness
from doorward_daemon.ui import Page
from doorward_daemon.ui.doors import Row

from tests.engine.stage import component_service, inference_service
from tests.patience import PATIENCE
from tests.shell.running import RAW, Running

KIND = "InferenceService.ome.io"
HOSTILE = "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>"


def many(running: Running, count: int) -> None:
    """Doors that are ready, by hundreds of a namespace."""
    for number in range(count):
        namespace, name = f"team-{number // 100:02}", f"model-{number:04}"
        running.create(component_service(name, "engine", namespace))
        running.create(inference_service(name, namespace, annotations=RAW, ready=("engine",)))


def every_sort(running: Running) -> None:
    """A handful: with every component, with many hosts, waiting, refused, hostile, of another backend."""
    running.settings(
        {
            "ingressDomain": "models.example.com",
            "ingressClassName": "nginx",
            "additionalIngressDomains": ["models.example.org"],
            "pathTemplate": "/serve/{{.Namespace}}/{{.Name}}",
        },
        doorward="overlapSeconds: 0",
    )
    running.create(_ready("llama-3-70b", "chat", RAW, "engine", "router", "decoder"))
    for part in ("engine", "router", "decoder"):
        running.create(component_service("llama-3-70b", part, "chat"))
    domains = ",".join(f"region-{number:02}.example.net" for number in range(30))
    _one(running, "qwen-many-hosts", "chat", {**RAW, "ome.io/ingress-additional-domains": domains})
    _one(running, "mistral", "chat", {"ome.io/ingress-class": "istio"})
    _one(running, "balanced", "edge", {**RAW, "ome.io/service-type": "LoadBalancer", "ome.io/disable-ingress": "true"})
    _one(running, "inside-only", "edge", {**RAW, "ome.io/disable-ingress": "true"})
    running.create(component_service("warming-up", "engine", "edge"))
    running.create(_waiting("warming-up", "edge", "pulling image, 7 of 31 GiB"))
    _one(running, "wrong-mode", "edge", {"ome.io/deployment-mode": "Raw"})
    _one(running, "wrong-host", "edge", {**RAW, "ome.io/ingress-domain": "Not A Domain"})
    _one(running, "hostile", "edge", {**RAW, "ome.io/ingress-domain": HOSTILE, "note": HOSTILE}, {"label": "x"})


def _one(
    running: Running, name: str, namespace: str, annotations: dict[str, str], labels: dict[str, str] | None = None
) -> None:
    running.create(component_service(name, "engine", namespace))
    running.create(inference_service(name, namespace, annotations=annotations, labels=labels, ready=("engine",)))


def _ready(name: str, namespace: str, annotations: dict[str, str], *parts: str) -> JsonObject:
    spec = {part: {} for part in parts}
    return inference_service(name, namespace, annotations=annotations, spec=spec, ready=parts)


def _waiting(name: str, namespace: str, message: str) -> JsonObject:
    condition = {"type": "EngineReady", "status": "False", "reason": "Loading", "message": message}
    return inference_service(name, namespace, annotations=RAW, status={"conditions": [condition]})


@dataclass
class Shown:
    """A page that is served."""

    running: Running
    shell: Shell
    page: Page
    url: str

    def fill(self, row: Row, count: int) -> None:
        """Have the list hold so many doors, without a cluster that has them."""
        doors = self.page.doors
        for number in range(count):
            ref = Ref(row.kind, f"team-{number // 100:02}", f"model-{number:04}")
            doors.put(ref, msgspec.structs.replace(row, namespace=ref.namespace, name=ref.name))

    def put(self, rows: Iterable[Row]) -> None:
        """Have the list hold these, without a cluster that has them."""
        for row in rows:
            self.page.doors.put(Ref(row.kind, row.namespace, row.name), row)


@asynccontextmanager
async def served(
    running: Running, *, journal: bool = False, backends: Backends | None = None, **more: Any
) -> AsyncIterator[Shown]:
    """A shell that runs, and the URL of its page."""
    kept = MemoryJournal() if journal else None
    shell = running.shell(kept, backends=backends)
    options = {"settings_namespace": "ome", "loopback": True, "readiness": lambda: readiness(shell), **more}
    page = Page(shell, kept, **options)
    shell.listeners += page.listeners
    async with serving(shell, Metrics(shell), "127.0.0.1:0", page=page.application()) as url, shell:
        yield Shown(running, shell, page, f"{url}/ui/")


@asynccontextmanager
async def settled() -> AsyncIterator[Shown]:
    """Doors of every sort, each as it stays."""
    running = Running()
    every_sort(running)
    async with served(running) as shown:
        await shown.shell.once(PATIENCE)
        yield shown
