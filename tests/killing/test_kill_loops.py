"""Killed leaders, stopped leaders and an outage, under edits, before a real API server: small, and the same checks."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.controlplane import providers
from tests.controlplane.binaries import Binaries
from tests.killing.trial import Plan, server, trial
from tests.postgresql.server import Postgresql

pytestmark = pytest.mark.cluster


@pytest.fixture
def binaries() -> Binaries:
    """Of a control plane that can be killed: one of nobody else's."""
    found = providers.local(lambda _: None)
    if found is None:
        if providers.required():
            pytest.fail(providers.HOW)
        pytest.skip(providers.HOW)
    return found


def tell(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


async def test_killed_leaders_and_an_outage_leave_what_is_rendered_and_no_host_with_two(
    binaries: Binaries, tmp_path: Path
) -> None:
    with server(binaries, tmp_path) as plane:
        report = await trial(Plan(services=40, kills=3, outage=5.0, pause=2.0), plane, tell)
    assert len(report.takeovers) == 3
    assert report.edits
    assert report.writes


async def test_what_a_deposed_leader_had_sent_does_no_harm_when_it_arrives_late_and_the_journal_stays_whole(
    binaries: Binaries, tmp_path: Path, own_postgresql: Postgresql
) -> None:
    plan = Plan(services=20, kills=0, stops=4, crashes=1, rate=20.0, pause=1.0)
    with server(binaries, tmp_path) as plane:
        report = await trial(plan, plane, tell, own_postgresql)
    assert report.deposed >= plan.stops
    assert report.held
    assert report.records
