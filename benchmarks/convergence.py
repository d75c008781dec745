"""A real API server: services converging under the engine, against the same writes from the same client without one."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import orjson
from doorward.backends import Backends
from doorward.cluster.kube import KubeCluster
from doorward.cluster.protocol import ApiError
from doorward.engine import Engine
from doorward.model.action import Action
from doorward.model.event import Observed, Started, Synced
from doorward.model.reference import INFERENCE_SERVICE, SERVICE, Resource, kind_of
from doorward.runtime.performing import Outcome, failed, perform, succeeded
from doorward.runtime.shell import Shell

from benchmarks.fleet import fleet
from tests.controlplane import providers
from tests.controlplane.definitions import default_files, install

Json = dict[str, Any]

CONCURRENCY = 16
NAMESPACE = Resource("Namespace", "namespaces", namespaced=False)


def measure(count: int = 500, rounds: int = 3) -> dict[str, float]:
    """Throughput of ``count`` services' convergence as a share of the bare writes' (1: the engine costs nothing)."""
    with tempfile.TemporaryDirectory() as folder:
        start = providers.find(lambda line: print(f"  {line}", file=sys.stderr), own=True)
        if start is None:
            raise SystemExit("no API server to measure against: see tests/controlplane")
        with start(Path(folder) / "api-server") as server:
            install(server.kubeconfig, default_files())
            return asyncio.run(_measure(server.kubeconfig, count, rounds))


async def _measure(kubeconfig: Path, count: int, rounds: int) -> dict[str, float]:
    cluster = KubeCluster.from_kubeconfig(kubeconfig)
    backends = Backends()
    ratios = []
    try:
        for number in range(rounds):
            await _populate(cluster, backends, f"bare-{number}", count)
            await _populate(cluster, backends, f"engine-{number}", count)
            bare, writes = await _bare(cluster, backends, f"bare-{number}")
            whole = await _converge(cluster, backends, f"engine-{number}")
            ratios.append(bare / whole)
            print(f"  {count} services: {writes} bare writes {bare:.2f} s, converging {whole:.2f} s", file=sys.stderr)
    finally:
        await cluster.close()
    return {f"convergence of {count} services / the same bare writes": median(ratios)}


async def _populate(cluster: KubeCluster, backends: Backends, namespace: str, count: int) -> None:
    await cluster.create(NAMESPACE, "", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})

    async def put(document: bytes) -> None:
        obj = orjson.loads(document)
        for key in ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"):
            obj["metadata"].pop(key, None)
        obj["metadata"]["namespace"] = namespace
        obj["spec"].pop("clusterIP", None)
        obj["spec"].pop("clusterIPs", None)
        status = obj.pop("status", None)
        resource = backends.resources[kind_of(obj)]
        made = await cluster.create(resource, namespace, obj)
        if resource.kind == INFERENCE_SERVICE:
            name = made["metadata"]["name"]
            await cluster.patch(resource, namespace, name, {"status": status}, subresource="status")

    await _each(put, fleet(count))


async def _each(work: Any, items: Iterable[Any]) -> None:
    """Do something for each item, so many at a time as the shell does."""
    queue = iter(items)

    async def worker() -> None:
        for item in queue:
            await work(item)

    await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))


async def _bare(cluster: KubeCluster, backends: Backends, namespace: str) -> tuple[float, int]:
    """The writes that an engine asks for, worked out beforehand, made by the client alone; seconds and how many."""
    engine = Engine(backends, namespaces=(namespace,), use_defaults=True)
    engine.receive(Started(at=0.0))
    for kind, scopes in engine.scopes.items():
        keys = set()
        if kind in (INFERENCE_SERVICE, SERVICE):
            for item in (await cluster.list(backends.resources[kind], namespace)).items:
                keys.add((namespace, item["metadata"]["name"]))
                engine.receive(Observed(at=0.0, kind=kind, object=item))
        for scope in scopes:
            version = await cluster.served(backends.resources[kind]) or ""
            engine.receive(Synced(at=0.0, kind=kind, scope=scope, keys=frozenset(keys), version=version))
    seconds, writes = 0.0, 0
    while actions := engine.actions():
        began = perf_counter()
        outcomes = await _perform_all(cluster, backends, actions)
        seconds += perf_counter() - began
        writes += len(actions)
        for outcome in outcomes:
            engine.receive(outcome)
    return seconds, writes


async def _perform_all(cluster: KubeCluster, backends: Backends, actions: Sequence[Action]) -> list[Outcome]:
    outcomes: list[Outcome] = []

    async def one(action: Action) -> None:
        try:
            answer = await perform(cluster, action, backends.resources[action.ref.kind])
        except ApiError as error:
            outcomes.append(failed(action, error, 0.0))
        else:
            outcomes.append(succeeded(action, answer, 0.0))

    await _each(one, actions)
    return outcomes


async def _converge(cluster: KubeCluster, backends: Backends, namespace: str) -> float:
    """Seconds from nothing listed to every door open and every status written."""
    engine = Engine(backends, namespaces=(namespace,), use_defaults=True, budget=200)
    shell = Shell(engine, cluster, concurrency=CONCURRENCY)
    began = perf_counter()
    async with shell:
        await shell.once(timeout=600)
        return perf_counter() - began
