"""The fleet that the engine is measured on, and the server that answers it there."""

from __future__ import annotations

from doorward.backends import Backends

from benchmarks.engine_alone import converge
from benchmarks.fleet import fleet
from benchmarks.one_event import edits

COUNT = 12


def test_every_door_of_the_fleet_opens() -> None:
    converged = converge(fleet(COUNT), Backends())
    assert converged.engine.idle
    for service in converged.engine.services():
        conditions = {each["type"]: each["status"] for each in service["status"]["conditions"]}
        assert conditions["IngressReady"] == "True", service["metadata"]["name"]


def test_each_edit_that_is_measured_changes_a_door() -> None:
    converged = converge(fleet(COUNT), Backends())
    before = len(converged.actions)
    assert len(edits(converged, 5)) == 5
    written = [action for action in converged.actions[before:] if action.verb in ("create", "patch")]
    assert len(written) >= 5
