"""Every mistake that the simulator found in the engine stays found: each scenario is the shortest that showed one."""

from __future__ import annotations

from pathlib import Path

import pytest
from doorward.testing.simulator import failure, load

SCENARIOS = sorted((Path(__file__).parent / "scenarios").glob("*.json"))


@pytest.mark.parametrize("file", SCENARIOS, ids=[file.stem for file in SCENARIOS])
def test_what_was_mended_stays_mended(file: Path) -> None:
    found = failure(load(file.read_bytes()))
    assert found is None, found
