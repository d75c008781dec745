"""The engine alone: cold, over a whole fleet, against orjson decoding its inputs and encoding its outputs."""

from __future__ import annotations

import gc
import sys
from statistics import median
from time import process_time
from typing import Any

import msgspec
import orjson
from doorward.backends import Backends
from doorward.engine import Engine
from doorward.model.action import Action
from doorward.model.event import Applied, Elapsed, Observed, Started, Synced

from benchmarks.fleet import fleet

Json = dict[str, Any]

KINDS = {"InferenceService": "InferenceService.ome.io", "Service": "Service"}


class Converged(msgspec.Struct):
    """An engine after it has opened every door, and how that went."""

    engine: Engine
    seconds: float
    outputs: list[Json]
    version: int


def converge(documents: list[bytes], backends: Backends) -> Converged:
    """Feed a fleet to a new engine and answer its writes as a server would, until it is still."""
    inputs = [orjson.loads(document) for document in documents]
    outputs: list[Json] = []
    version = 10_000_000
    start = process_time()
    engine = Engine(backends, use_defaults=True)
    engine.receive(Started(at=0.0))
    for obj in inputs:
        engine.receive(Observed(at=0.0, kind=KINDS[obj["kind"]], object=obj))
    keys: dict[str, set[tuple[str, str]]] = {kind: set() for kind in engine.scopes}
    for obj in inputs:
        keys[KINDS[obj["kind"]]].add((obj["metadata"]["namespace"], obj["metadata"]["name"]))
    for kind, scopes in engine.scopes.items():
        for scope in scopes:
            listed = frozenset(keys[kind])
            engine.receive(Synced(at=0.0, kind=kind, scope=scope, resource_version=9_000_000, keys=listed))
    while True:
        actions = engine.actions()
        for action in actions:
            version += 1
            outputs.append(action.body or {})
            engine.receive(Applied(at=0.0, action=action.id, object=_answer(action, version, engine)))
        if not actions:
            if engine.wait() != 0.0:
                break
            engine.receive(Elapsed(at=0.0))
    return Converged(engine, process_time() - start, outputs, version)


def _answer(action: Action, version: int, engine: Engine) -> Json | None:
    """What the server would return: the object as written, with its own metadata."""
    if action.verb == "event":
        return None
    if action.verb == "create":
        body = action.body or {}
        server = {"uid": f"{version:036d}", "resourceVersion": str(version), "generation": 1}
        return {**body, "metadata": {**body["metadata"], **server}}
    fact = engine._state.facts.get(action.ref)
    assert fact is not None
    known = fact.object()
    known["metadata"]["resourceVersion"] = str(version)
    if action.verb == "status":
        known["status"] = {**known.get("status", {}), **(action.body or {})["status"]}
    return known


def codec_seconds(documents: list[bytes], outputs: list[Json]) -> float:
    """orjson decoding the inputs and encoding the outputs."""
    start = process_time()
    for document in documents:
        orjson.loads(document)
    for output in outputs:
        orjson.dumps(output)
    return process_time() - start


def one_event_seconds(converged: Converged, rounds: int = 300) -> float:
    """The median cost of one event that changes one door: an edit of its annotations, and the write that follows."""
    engine = converged.engine
    samples = []
    services = engine.services()
    step = max(1, len(services) // rounds)
    for obj in services[::step][:rounds]:
        converged.version += 1
        obj["metadata"]["annotations"]["ome.io/ingress-additional-domains"] = "alt.example.com"
        obj["metadata"]["resourceVersion"] = str(converged.version)
        start = process_time()
        engine.receive(Observed(at=1.0, kind="InferenceService.ome.io", object=obj))
        actions = engine.actions()
        samples.append(process_time() - start)
        for action in actions:
            converged.version += 1
            engine.receive(Applied(at=1.0, action=action.id, object=_answer(action, converged.version, engine)))
    return median(samples)


def bytes_a_service(count: int, backends: Backends) -> float:
    """What the engine holds for each service, in bytes of resident memory of objects that Python counts."""
    import tracemalloc

    documents = fleet(count)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    engine = _only_engine(documents, backends)
    gc.collect()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert engine.idle
    return (after - before) / count


def _only_engine(documents: list[bytes], backends: Backends) -> Engine:
    converged = converge(documents, backends)
    converged.outputs.clear()
    return converged.engine


def as_the_daemon_does() -> None:
    """Let Python's collector look less often: what the engine allocates it mostly keeps."""
    gc.set_threshold(100_000, 20, 100)


def measure(small: int = 2_000, large: int = 20_000, rounds: int = 3) -> dict[str, float]:
    """The figures of the engine alone, by name; medians over the rounds, each round measuring both sides."""
    as_the_daemon_does()
    backends = Backends()
    converge(fleet(200), backends)
    figures: dict[str, list[float]] = {}
    for _ in range(rounds):
        runs = {count: _run(count, backends) for count in (small, large)}
        for count, run in runs.items():
            figures.setdefault(f"engine / decoding and encoding, {count} services", []).append(run.ratio)
        growth, event = runs[large].seconds / runs[small].seconds, runs[large].event / runs[small].event
        figures.setdefault(f"growth, {large} / {small} services", []).append(growth)
        figures.setdefault(f"one event, {large} / {small} services", []).append(event)
    return {name: median(each) for name, each in figures.items()} | {
        "bytes a service": bytes_a_service(small, backends)
    }


class Run(msgspec.Struct):
    """One fleet, measured: CPU seconds of the engine, its ratio to the codec, seconds of one event."""

    seconds: float
    ratio: float
    event: float


def _run(count: int, backends: Backends) -> Run:
    documents = fleet(count)
    gc.collect()
    gc.freeze()
    converged = converge(documents, backends)
    codec = median(codec_seconds(documents, converged.outputs) for _ in range(3))
    event = one_event_seconds(converged)
    gc.unfreeze()
    print(
        f"  {count:>6} services: engine {converged.seconds:.2f} s, codec {codec:.3f} s, "
        f"{len(converged.outputs)} writes, one event {event * 1e6:.0f} us",
        file=sys.stderr,
    )
    return Run(converged.seconds, converged.seconds / codec, event)


__all__ = ["converge", "measure"]
