"""The engine alone: cold, over a whole fleet, against orjson decoding its inputs and encoding its outputs."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable
from statistics import median
from time import process_time
from typing import Any

import msgspec
import orjson
from doorward.backends import Backends
from doorward.engine import Engine
from doorward.model.action import Action
from doorward.model.event import AnyEvent, Applied, Elapsed, Observed, Record, Started, Synced, issued
from doorward.model.merge import merge
from doorward_daemon import garbage

from benchmarks.figure import Figure, Scale, ratio, tell
from benchmarks.fleet import fleet

Json = dict[str, Any]

Keep = Callable[[list[Record]], None]

KINDS = {"InferenceService": "InferenceService.ome.io", "Service": "Service"}


class Converged:
    """An engine, and a server that answers it."""

    def __init__(self, engine: Engine, keep: Keep | None) -> None:
        self.engine = engine
        self.seconds = 0.0
        """Of a processor, from the first event to the last answer of the cold start."""
        self.actions: list[Action] = []
        """Everything that was asked for."""
        self.version = 10_000_000
        """The resourceVersion that was given last."""
        self._keep = keep

    def receive(self, event: AnyEvent) -> None:
        records = self.engine.receive(event)
        if self._keep:
            self._keep(records)

    def ask(self) -> list[Action]:
        """What is to be done now."""
        actions = self.engine.actions()
        if self._keep:
            self._keep([issued(action) for action in actions])
        return actions

    def answer(self, actions: Iterable[Action], at: float) -> None:
        """Say of each that it is done."""
        for action in actions:
            self.version += 1
            self.actions.append(action)
            self.receive(Applied(at=at, action=action.id, object=answer(action, self.version, self.engine)))

    def work_off(self, at: float) -> None:
        """Answer until there is nothing more to be done at this time."""
        while True:
            actions = self.ask()
            self.answer(actions, at)
            if not actions:
                if self.engine.wait() != 0.0:
                    break
                self.receive(Elapsed(at=at))

    @property
    def outputs(self) -> list[Json]:
        return [action.body or {} for action in self.actions]


def converge(documents: Iterable[bytes], backends: Backends, keep: Keep | None = None) -> Converged:
    """Feed a fleet to a new engine and answer its writes as a server would, until it is still.

    ``keep`` is given the records, as a journal is.
    """
    inputs = [orjson.loads(document) for document in documents]
    start = process_time()
    converged = Converged(Engine(backends, use_defaults=True), keep)
    engine = converged.engine
    converged.receive(Started(at=0.0))
    for obj in inputs:
        converged.receive(Observed(at=0.0, kind=KINDS[obj["kind"]], object=obj))
    keys: dict[str, set[tuple[str, str]]] = {kind: set() for kind in engine.scopes}
    for obj in inputs:
        keys[KINDS[obj["kind"]]].add((obj["metadata"]["namespace"], obj["metadata"]["name"]))
    for kind, scopes in engine.scopes.items():
        for scope in scopes:
            listed = frozenset(keys[kind])
            converged.receive(Synced(at=0.0, kind=kind, scope=scope, resource_version=9_000_000, keys=listed))
    converged.work_off(0.0)
    converged.seconds = process_time() - start
    return converged


def answer(action: Action, version: int, engine: Engine) -> Json | None:
    """What the server would return: the object as written, with its own metadata."""
    if action.verb in ("event", "delete"):
        return None
    if action.verb == "create":
        body = action.body or {}
        server = {"uid": f"{version:036d}", "resourceVersion": str(version), "generation": 1}
        return {**body, "metadata": {**body["metadata"], **server}}
    fact = engine._state.facts.get(action.ref)
    assert fact is not None
    known: Json = merge(fact.object(), action.body)
    known["metadata"]["resourceVersion"] = str(version)
    return known


def codec_seconds(documents: list[bytes], outputs: list[Json]) -> float:
    """orjson decoding the inputs and encoding the outputs."""
    start = process_time()
    for document in documents:
        orjson.loads(document)
    for output in outputs:
        orjson.dumps(output)
    return process_time() - start


def as_the_daemon_does() -> None:
    """Let Python's collector look less often."""
    garbage.look_at_what_comes()


def measure(scale: Scale) -> list[Figure]:
    """The engine's time against orjson's, and how it grows with the number of services."""
    as_the_daemon_does()
    backends = Backends()
    converge(list(fleet(200)), backends)
    sizes = small, large = 2_000, 5_000 if scale.quick else 20_000
    runs: dict[int, list[Run]] = {small: [], large: []}
    for _ in range(scale.of(2, 1)):
        # A machine that others share is faster now and slower then: a large fleet lies between two small ones.
        for count in (small, large, small):
            runs[count].append(_run(count, backends))
    figures = [
        ratio(
            f"engine alone, {count} services, against orjson",
            [run.engine for run in runs[count]],
            [run.codec for run in runs[count]],
            10,
            sides=("engine", "orjson"),
        )
        for count in sizes
    ]
    figures.append(_growth(runs[large], runs[small], large, small))
    return figures


def _growth(large: list[Run], small: list[Run], many: int, few: int) -> Figure:
    """Of each large run against the two small ones before and after it."""
    ours = [run.engine for run in large]
    theirs = [(before.engine + after.engine) / 2 for before, after in zip(small[::2], small[1::2], strict=True)]
    sides = (f"{many} services", f"{few} services")
    return ratio(f"engine alone, {many} / {few} services", ours, theirs, 1.05 * many / few, sides=sides)


class Run(msgspec.Struct, frozen=True):
    """One fleet, measured: seconds of a processor."""

    engine: float
    codec: float


def _run(count: int, backends: Backends) -> Run:
    documents = list(fleet(count))
    gc.collect()
    gc.freeze()
    converged = converge(documents, backends)
    codec = median(codec_seconds(documents, converged.outputs) for _ in range(3))
    gc.unfreeze()
    writes = len(converged.outputs)
    tell(f"{count} services: engine {converged.seconds:.2f} s, orjson {codec:.3f} s, {writes} writes")
    return Run(converged.seconds, codec)


__all__ = ["Converged", "answer", "as_the_daemon_does", "converge", "measure"]
