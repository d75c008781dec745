"""From a component's ready condition to the first answer through the door, with its parts, over real proxies.

::

    condition is True --(doorward)--> the route is written --(istiod, Envoy)--> the first 200

Services become ready one after the other.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles
from time import monotonic
from typing import NamedTuple

from benchmarks.figure import Figure, Scale, tell
from tests.dataplane.binaries import Missing, find
from tests.dataplane.istio import INGRESS, Istio
from tests.dataplane.models import Models, models_in
from tests.dataplane.plane import DataPlane, data_plane
from tests.dataplane.ways import WAYS, Way
from tests.e2e.place import Place, place
from tests.e2e.world import World, condition

KINDS = {
    "virtualservice": "VirtualService",
    "ingress": "Ingress",
    "serverless-ingress": "Ingress",
    "httproute": "HTTPRoute",
}
PAUSE = 0.002
"""Seconds between two tries of a request."""


class Opened(NamedTuple):
    """Seconds from the condition to the write, and from the write to the first answer."""

    write: float
    proxy: float


def measure(scale: Scale) -> list[Figure]:
    """Milliseconds, by what they are of, over some services."""
    count = scale.of(100, 20)
    try:
        parts = find(tell)
    except Missing as missing:
        raise SystemExit(str(missing)) from None
    with (
        tempfile.TemporaryDirectory() as folder,
        data_plane(parts, Path(folder), Istio(hasty=False)) as plane,
        place(plane.kubeconfig, INGRESS) as made,
    ):
        figures = asyncio.run(_measure(plane, made, count))
    return [Figure(name=f"door, {name}", measured=each, unit="ms") for name, each in figures.items()]


async def _measure(plane: DataPlane, made: Place, count: int) -> dict[str, float]:
    ways = list(KINDS)
    services = [(f"m-{number}", ways[number % len(ways)]) for number in range(count)]
    async with models_in(plane, made) as models:
        for name, way in services:
            status = {"conditions": [condition("EngineReady", "False")]}
            # Pods that are ready would open the door of a service that has no condition yet.
            await World.add(models, name, WAYS[way].annotations, deployed=True, status=status)
            await models.deploy(name, knative=WAYS[way].serverless)
        for name, _ in services:
            await models.reports(name, "EngineNotReady")
        tell(f"{count} services are there, and become ready one by one")
        times = [await _open(models, name, way) for name, way in services]
    parts = {
        "whole": [opened.write + opened.proxy for opened in times],
        "condition to write": [opened.write for opened in times],
        "write to proxy": [opened.proxy for opened in times],
    }
    return {
        f"{part}, {which}": 1000 * figure(spans)
        for part, spans in parts.items()
        for which, figure in (("median", median), ("99th percentile", _percentile))
    }


async def _open(models: Models, name: str, way: str) -> Opened:
    began = monotonic()
    await models.ready(name)
    written = asyncio.create_task(_written(models, name, KINDS[way]))
    await _answered(models, name, WAYS[way])
    answered = monotonic()
    wrote = await written
    return Opened(wrote - began, answered - wrote)


async def _written(models: Models, name: str, kind: str) -> float:
    """When the door's route came back from the API server."""
    await models.view.until(lambda: models.view.get(kind, name))
    return next(change.at for change in models.view.changes if change.key == (kind, models.namespace, name))


async def _answered(models: Models, name: str, way: Way) -> None:
    host = f"{name}.{models.namespace}.example.com"
    while (await models.client.ask(host, "/", port=way.port)).status != 200:  # noqa: ASYNC110 - a proxy tells nobody
        await asyncio.sleep(PAUSE)


def _percentile(spans: Sequence[float]) -> float:
    return quantiles(spans, n=100, method="inclusive")[98]
