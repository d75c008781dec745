"""A hook called directly, against the same call through pluggy: why :class:`doorward.backends.Backend` does it."""

from __future__ import annotations

from time import perf_counter

from doorward.backends import Backends
from doorward.model.door import Door, Route, Target
from doorward.model.reference import Ref

from benchmarks.figure import Figure, Scale, ratio


def measure(scale: Scale) -> list[Figure]:
    """How many times as long ``render`` of somebody else's door, which does nearly nothing, takes through pluggy."""
    backends = Backends()
    backend = backends.by_name["gateway_api"]
    others = [p for name, p in backends.manager.list_name_plugin() if name != "gateway_api"]
    through_pluggy = backends.manager.subset_hook_caller("render", others)
    door = Door(
        namespace="a",
        name="m",
        door_service="m",
        routes=(Route("/", "engine"),),
        targets=(Target(component="engine", service="m-engine"),),
    )

    def read(_: Ref) -> None:
        """There is nothing to read."""

    rounds, calls = scale.of(7, 3), 20_000
    ours, theirs = [], []
    for _ in range(rounds):
        began = perf_counter()
        for _ in range(calls):
            backend.render(door, read)
        theirs.append(perf_counter() - began)
        began = perf_counter()
        for _ in range(calls):
            through_pluggy(door=door, read=read)
        ours.append(perf_counter() - began)
    return [ratio("a hook through pluggy, against a direct call", ours, theirs, None, sides=("pluggy", "direct"))]
