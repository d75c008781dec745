"""A process that dies at any step, or at any two, leaves nothing behind that the next one doesn't mend."""

from __future__ import annotations

import pytest
from doorward.testing.simulator import failure

from tests.simulator.chosen import CHOSEN, IN_PAIRS, crashing


@pytest.mark.parametrize("name", CHOSEN)
def test_a_crash_at_any_step_is_mended(name: str) -> None:
    for scenario in crashing(name, 1):
        assert failure(scenario) is None, scenario.steps


@pytest.mark.parametrize("name", IN_PAIRS)
def test_crashes_at_any_two_steps_are_mended(name: str) -> None:
    for scenario in crashing(name, 2):
        assert failure(scenario) is None, scenario.steps
