"""The clock of a process."""

from __future__ import annotations

from doorward.runtime.clock import SteadyClock


def test_time_goes_on_at_the_steady_pace_whatever_becomes_of_the_wall_s() -> None:
    wall, steady = [1_000_000.0], [50.0]
    clock = SteadyClock(lambda: wall[0], lambda: steady[0])
    assert clock() == 1_000_000.0
    steady[0] += 2.5
    wall[0] -= 3600
    assert clock() == 1_000_002.5
