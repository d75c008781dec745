"""How much the engine does for what happens, so that work which nobody needs is noticed before anybody measures it.

Each scenario has a limit for each count.  One that is exceeded is either a fault or a price that is worth paying: then
the limits are to be written anew, and the changelog says why.  They are to be written anew as well where less is done
than before, so that it stays so::

    python -m tests.measuring
"""

from __future__ import annotations

import json

import pytest

from tests.measuring.scenarios import COUNT, LIMITS, SCENARIOS, done


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_more_is_done_than_before(scenario: str) -> None:
    limits, counts = json.loads(LIMITS.read_text())[scenario], done(scenario)
    more = [f"{what}: {counts[what]}, at most {limit}" for what, limit in limits.items() if counts[what] > limit]
    assert not more, (
        f"{scenario}, {COUNT} services, took more work than {LIMITS.name} allows: {'; '.join(more)}. "
        "Find what does it twice; if it is worth its price, change the limit and say so in CHANGELOG.md"
    )


def test_every_limit_has_its_scenario() -> None:
    assert set(json.loads(LIMITS.read_text())) == set(SCENARIOS)
