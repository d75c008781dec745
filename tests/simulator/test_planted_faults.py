"""The simulator notices: each fault that is planted into the engine fails one of the first 3,000 seeds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from doorward.testing.simulator import failure, generate

from tests.simulator.planted import NOTICED_BY, PLANTED

SEEDS = 3000


def seeds(first: int) -> Iterator[int]:
    """All seeds, beginning with one that is known to notice: another one may after a change of the generator."""
    yield first
    yield from (seed for seed in range(SEEDS) if seed != first)


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = generate(NOTICED_BY.get(name, 0))
    assert failure(scenario) is None, "fails without the fault too"
    PLANTED[name](monkeypatch)
    assert any(failure(generate(seed)) for seed in seeds(NOTICED_BY.get(name, 0)))
