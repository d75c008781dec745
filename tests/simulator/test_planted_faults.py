"""The simulator notices: each fault that is planted into the engine fails a seed, or a scenario that a seed became."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from doorward.testing.simulator import failure, generate, load
from doorward.testing.simulator.scenario import Scenario

from tests.simulator.planted import NOTICED_BY, PLANTED

SCENARIOS = Path(__file__).parent / "scenarios"
SEEDS = 2000


def days(first: int | str) -> Iterator[Scenario]:
    """All scenarios, beginning with one that is known to notice: another one may after a change of the generator."""
    yield load((SCENARIOS / f"{first}.json").read_bytes()) if isinstance(first, str) else generate(first)
    yield from map(generate, range(SEEDS))


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = NOTICED_BY.get(name, 0)
    assert failure(next(days(first))) is None, "fails without the fault too"
    PLANTED[name](monkeypatch)
    assert any(failure(day) for day in days(first))
