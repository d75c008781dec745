"""Bad days of services of another source, and of two: what holds for OME's holds for them."""

from __future__ import annotations

import pytest
from doorward.hooks import Source
from doorward.model.reference import INFERENCE_SERVICE
from doorward.testing.simulator import generate, load, play, sweep
from doorward.testing.simulator.generate import Sources
from doorward.testing.simulator.scenario import Edit, dump
from doorward.testing.simulator.twin import MODEL

PLAIN = "Service#selected"


@pytest.mark.parametrize("sources", ["twin", "both", "service", "all"])
def test_bad_days_end_well_whatever_the_source(sources: Sources) -> None:
    for tally in sweep(range(40 if sources in ("twin", "both") else 25), sources=sources):
        assert not tally.failures
        assert tally.writes


@pytest.mark.parametrize("sources", ["twin", "both"])
def test_a_seed_has_the_same_day_for_every_source(sources: Sources) -> None:
    scenario = generate(7, sources)
    assert scenario.steps == generate(7).steps
    assert load(dump(scenario)) == scenario


def test_services_of_another_source_are_alone_in_their_world_or_share_it() -> None:
    kinds = {source: set(play(generate(7, source)).world.backends.sources) for source in ("ome", "twin", "both")}
    assert kinds["twin"] == {MODEL}
    assert kinds["both"] == kinds["ome"] | kinds["twin"]


def test_labels_come_and_go_on_days_of_plain_services() -> None:
    days = [generate(seed, "service") for seed in range(20)]
    taken = [step for day in days for step in day.steps if isinstance(step, Edit) and step.key == "!engine"]
    assert {step.value for step in taken} == {None, "yes"}
    assert set(play(days[7]).world.backends.sources) == {PLAIN}
    assert set(play(generate(7, "all")).world.backends.sources) == {INFERENCE_SERVICE, MODEL, PLAIN}


def test_a_source_that_is_read_wrongly_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Source, "named", lambda _, told: dict(told))  # annotations keep names that nobody reads
    assert any(tally.failures for tally in sweep(range(10), sources="twin"))
