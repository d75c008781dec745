"""A user edits a service, which asks for one more host; how long until its Ingress has that host."""

from __future__ import annotations

import asyncio
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec
from doorward.cluster.kube import KubeCluster

from benchmarks.cluster.onlooker import Key, Onlooker, key_of, looking_on, stands
from benchmarks.cluster.population import INFERENCE_SERVICES, INGRESSES, everything
from benchmarks.cluster.process import Command, running
from benchmarks.cluster.requests import ROUND_TRIPS, requests
from benchmarks.cluster.server import Servers
from benchmarks.figure import percentile, tell

Json = dict[str, Any]

ADDITIONAL = "alt.example.com"
EDIT = {"metadata": {"annotations": {"ome.io/ingress-additional-domains": ADDITIONAL}}}
WARM = 5
"""Edits that aren't counted: a controller that has answered these has begun.  Then it is waited for until it is idle.

One that puts an edit before the rest of its start is asked while it still looks at two thousand services."""
PACE = 0.1
"""Seconds between two edits while others converge."""


class Edits(msgspec.Struct, frozen=True):
    seconds: list[float]
    """For each, from the request of the edit until who looks on sees the Ingress."""
    round_trips: float
    """Requests of the controller for one edit."""


def idle_edits(servers: Servers, state: Path, command: Command, count: int) -> Edits:
    """Edits one after the other, before an API server on which everything has converged."""
    with servers.copy(state) as (kubeconfig, folder):
        made = asyncio.run(_idle(kubeconfig, folder, command, count))
    p99, median = percentile(made.seconds), percentile(made.seconds, 0.5)
    tell(
        f"{command.name}, {count} edits, idle: {1e3 * median:.0f} ms, p99 {1e3 * p99:.0f} ms, "
        f"{made.round_trips:.2f} round trips"
    )
    return made


async def _idle(kubeconfig: Path, folder: Path, command: Command, count: int) -> Edits:
    cluster = KubeCluster.from_kubeconfig(kubeconfig)
    try:
        keys = [key_of(each) for each in await everything(cluster, INFERENCE_SERVICES)][: WARM + count]
        async with (
            looking_on(cluster, INGRESSES, _has_the_host) as ingresses,
            looking_on(cluster, INFERENCE_SERVICES, _tells_of_it) as services,
            running(command, kubeconfig, folder / "controller.log") as process,
        ):
            for key in keys[:WARM]:
                await _edited(cluster, ingresses, key)
                await services.time_of(key)
            await process.rested()
            before = await requests(kubeconfig, ROUND_TRIPS)
            seconds = []
            for key in keys[WARM:]:
                seconds.append(await _edited(cluster, ingresses, key))
                await services.time_of(key)
            made = await requests(kubeconfig, ROUND_TRIPS) - before - len(seconds)
        return Edits(seconds, made / len(seconds))
    finally:
        await cluster.close()


def busy_edits(servers: Servers, state: Path, command: Command, namespace: str) -> list[float]:
    """Edits of the services of one namespace, whose doors stand, at a steady pace while those of the others open."""
    with servers.copy(state) as (kubeconfig, folder):
        seconds = asyncio.run(_busy(kubeconfig, folder, command, namespace))
    p99, median = percentile(seconds), percentile(seconds, 0.5)
    tell(f"{command.name}, {len(seconds)} edits while others open: {1e3 * median:.0f} ms, p99 {1e3 * p99:.0f} ms")
    return seconds


async def _busy(kubeconfig: Path, folder: Path, command: Command, namespace: str) -> list[float]:
    cluster = KubeCluster.from_kubeconfig(kubeconfig)
    try:
        keys = [key_of(each) for each in await everything(cluster, INFERENCE_SERVICES)]
        edited = [key for key in keys if key[0] == namespace]
        others = len(keys) - len(edited)

        def others_stand(service: Json) -> bool:
            return service["metadata"]["namespace"] != namespace and stands(service)

        async with (
            looking_on(cluster, INGRESSES, _has_the_host) as ingresses,
            looking_on(cluster, INFERENCE_SERVICES, others_stand) as services,
            looking_on(cluster, INGRESSES, lambda each: each["metadata"]["namespace"] != namespace) as written,
            running(command, kubeconfig, folder / "controller.log") as process,
        ):
            await written.until(1, process.usage)
            edits = []
            for key in edited:
                if len(services.at) >= others:
                    break
                edits.append(asyncio.create_task(_edited(cluster, ingresses, key)))
                await asyncio.sleep(PACE)
            return await asyncio.gather(*edits)
    finally:
        await cluster.close()


async def _edited(cluster: KubeCluster, ingresses: Onlooker, key: Key) -> float:
    began = perf_counter()
    await cluster.patch(INFERENCE_SERVICES, *key, EDIT)
    return await ingresses.time_of(key) - began


def _has_the_host(ingress: Json) -> bool:
    return any(rule.get("host", "").endswith(ADDITIONAL) for rule in ingress["spec"].get("rules") or ())


def _tells_of_it(service: Json) -> bool:
    told = (service.get("status") or {}).get("annotations") or {}
    return ADDITIONAL in told.get("doorward.io/hosts", "")
