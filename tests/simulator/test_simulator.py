"""The simulator itself: always the same from one seed, told as a story, shrunk to what matters."""

from __future__ import annotations

from pathlib import Path

import pytest
from doorward.testing.simulator import Scenario, Violation, dump, failure, generate, load, play, shrink, sweep, tell
from doorward.testing.simulator.scenario import Accept, Configure, Edit, Make, Pass, Settle
from doorward_daemon.commands import app
from typer.testing import CliRunner

from tests.simulator.planted import PLANTED


def test_two_hundred_bad_days_end_well() -> None:
    for tally in sweep(range(200)):
        assert not tally.failures


def test_a_seed_always_makes_the_same_scenario_and_the_same_run() -> None:
    assert generate(7) == generate(7)
    one, other = play(generate(7)), play(generate(7))
    assert one.replicas[0].records == other.replicas[0].records
    assert one.world.store.resource_version == other.world.store.resource_version


def test_seeds_differ() -> None:
    assert len({dump(generate(seed)) for seed in range(50)}) == 50


def test_seeds_inject_every_fault() -> None:
    missing = {"409", "429", "500", "403", "410", "lost before", "lost after", "late"}
    missing |= {"the lease passes", "clock jumped", "stale list", "watch stopped", "event doubled"}
    missing |= {f"crash, journal: {kept}" for kept in ("all", "disk", "snapshot", "none")}
    for tally in sweep(range(400)):
        missing -= {fault for fault, count in tally.faults.items() if count}
        if not missing:
            break
    assert not missing


def test_a_scenario_survives_being_written_down() -> None:
    assert load(dump(generate(3))) == generate(3)


def test_every_step_is_told() -> None:
    for seed in range(100):
        scenario = generate(seed)
        lines = list(tell(scenario))
        assert lines[-1].lstrip().startswith("Then faults stop")
        assert all(" " in line.split(". ", 1)[-1] for line in lines), "some step has no words"


def test_a_failing_scenario_is_shrunk_to_what_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    PLANTED["closing_is_forgotten"](monkeypatch)
    noise = [Pass(1.0), Accept(), Edit(0, "ome.io/ingress-url-scheme", "https"), Settle()]
    steps = (*noise, Make(0), *noise, Settle(), *noise, Edit(0, "ome.io/ingress-disable-creation", "true"), *noise)
    scenario = Scenario((Configure({"deploy": '{"defaultDeploymentMode": "RawDeployment"}'}), *steps))
    found = failure(scenario)
    assert found is not None
    assert found.what == "closing"
    shortest = shrink(scenario, "closing")
    assert failure(shortest) is not None
    assert len(shortest.steps) <= 4


def test_a_violation_names_its_invariant(monkeypatch: pytest.MonkeyPatch) -> None:
    PLANTED["causes_are_lost"](monkeypatch)
    with pytest.raises(Violation) as raised:
        play(Scenario((Make(0), Settle())))
    assert raised.value.invariant == "cause"


def test_the_command_tells_how_it_went() -> None:
    result = CliRunner().invoke(app, ["simulate", "--seeds", "0..4"])
    assert result.exit_code == 0
    assert "5 seeds" in result.output
    assert "seeds a second" in result.output


def test_the_command_tells_a_failing_seed_as_a_story(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    PLANTED["causes_are_lost"](monkeypatch)
    result = CliRunner().invoke(app, ["simulate", "--seeds", "0", "--save", str(tmp_path)])
    assert result.exit_code == 1
    assert "A user creates" in result.output
    assert "doorward simulate --seeds 0" in result.output
    again = CliRunner().invoke(app, ["simulate", "--scenario", str(tmp_path / "seed-0.json"), "--story"])
    assert again.exit_code == 1
    assert "cause" in again.output


@pytest.mark.parametrize("seeds", ["", "a..b", "5..1", "-1"])
def test_the_command_refuses_seeds_that_are_none(seeds: str) -> None:
    assert CliRunner().invoke(app, ["simulate", f"--seeds={seeds}"]).exit_code == 2
