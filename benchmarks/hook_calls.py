"""A hook called directly, against the same call through pluggy: why :class:`doorward.backends.Backend` does it."""

from __future__ import annotations

from statistics import median
from time import perf_counter

from doorward.backends import Backends
from doorward.model.door import Door, Route, Target
from doorward.model.reference import Ref


def measure(rounds: int = 7, calls: int = 20_000) -> dict[str, float]:
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

    ratios = []
    for _ in range(rounds):
        began = perf_counter()
        for _ in range(calls):
            backend.render(door, read)
        direct = perf_counter() - began
        began = perf_counter()
        for _ in range(calls):
            through_pluggy(door=door, read=read)
        ratios.append((perf_counter() - began) / direct)
    return {"a hook through pluggy / called directly": median(ratios)}


if __name__ == "__main__":
    for name, figure in measure().items():
        print(f"{name}: {figure:.1f}")
