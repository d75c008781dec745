"""Services that meet: at one host, below one domain, with many hosts of their own.  Twice as many, twice the time."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any

import orjson
from doorward.backends import Backends

from benchmarks.engine_alone import as_the_daemon_does, converge
from benchmarks.figure import Figure, Scale, tell
from benchmarks.fleet import fleet

Json = dict[str, Any]

GOAL = 2.1
ROUNDS = 3


def measure(scale: Scale) -> list[Figure]:
    as_the_daemon_does()
    backends = Backends()
    most = scale.of(3_200, 800)
    ways: dict[str, Callable[[int], tuple[int, Json]]] = {
        "services that fight for one host": lambda n: (n, {"ome.io/ingress-domain-template": "same.example.com"}),
        "path doors on one domain": lambda n: (
            n,
            {"ome.io/ingress-path-template": "/serving/{{.Namespace}}/{{.Name}}"},
        ),
        "additional hosts": lambda n: (most // 32, {"ome.io/ingress-additional-domains": _domains(32 * n // most)}),
    }
    return [_doubling(name, how, most, backends) for name, how in ways.items()]


def _domains(count: int) -> str:
    return ",".join(f"d{number}.example.org" for number in range(count))


def _doubling(name: str, how: Callable[[int], tuple[int, Json]], most: int, backends: Backends) -> Figure:
    """The growth of the last of three doublings, which is the worst where there is a square in it.

    Each size is measured several times, in turn with the others: one time tells of the machine as well.
    """
    sizes = (most // 4, most // 2, most)
    taken: dict[int, list[float]] = {size: [] for size in sizes}
    for _ in range(ROUNDS):
        for size in sizes:
            count, annotations = how(size)
            taken[size].append(_seconds(count, annotations, backends))
    seconds = {size: median(each) for size, each in taken.items()}
    tell(f"{name}: " + ", ".join(f"{size} in {each:.2f} s" for size, each in seconds.items()))
    parts = {f"{size} (s)": each for size, each in seconds.items()}
    return Figure(
        name=f"{name}, {most} / {most // 2}", measured=seconds[most] / seconds[most // 2], goal=GOAL, parts=parts
    )


def _seconds(count: int, annotations: Json, backends: Backends) -> float:
    documents = []
    for document in fleet(count, modes=("RawDeployment",)):
        obj = orjson.loads(document)
        if obj["kind"] == "InferenceService":
            obj["metadata"]["annotations"] |= annotations
        documents.append(orjson.dumps(obj))
    return converge(documents, backends).seconds
