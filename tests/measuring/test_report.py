"""What ``python -m benchmarks`` makes of its figures."""

from __future__ import annotations

import json
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks.figure import Figure, Scale, percentile, ratio
from benchmarks.report import Report, read

FAST = ratio("time", [2.0, 1.0, 4.0], [4.0, 4.0, 4.0], 1.0, sides=("doorward", "other"))
SLOW = Figure(name="writes <a second>", measured=0.5, goal=0.9, bound="at least")
TOLD = Figure(name="a part", measured=12.0, unit="MiB")


def report() -> Report:
    FAST.series.update(doorward=[1.0, 2.0, 3.0], other=[2.0, 3.0, 3.5])
    return Report({"date": "2026-01-01", "processor": "2 x one"}, True, [FAST, SLOW, TOLD])


def test_a_ratio_is_the_median_of_its_rounds_and_keeps_both_sides() -> None:
    assert FAST.measured == 0.5
    assert FAST.parts == {"doorward (s)": 2.0, "other (s)": 4.0, "least": 0.25, "most": 1.0}


@pytest.mark.parametrize(("share", "value"), [(0.5, 51.0), (0.99, 100.0), (1.0, 100.0)])
def test_a_percentile_is_one_of_the_values(share: float, value: float) -> None:
    assert percentile([float(n) for n in range(100, 0, -1)], share) == value


def test_the_table_says_which_goals_are_met() -> None:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in report().table().splitlines()]
    assert rows[2:] == [
        ["time", "0.5", "at most 1", "yes"],
        ["writes <a second>", "0.5", "at least 0.9", "no"],
        ["a part", "12 MiB", "", ""],
    ]


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    report().keep(tmp_path / "figures.json")
    assert read(tmp_path / "figures.json") == report()


def test_charts_are_drawn_of_what_was_measured(tmp_path: Path) -> None:
    report().draw(tmp_path)
    texts = {file.name: "".join(xml.parse(file).getroot().itertext()) for file in tmp_path.iterdir()}
    assert "writes <a second>" in texts["goals.svg"]
    assert "a part" not in texts["goals.svg"]
    assert "doorward" in texts["cold.svg"]


def test_a_figure_that_fails_loses_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Scale) -> list[Figure]:
        raise RuntimeError("no memory")

    monkeypatch.setitem(command.ALONE, "engine", fails)
    monkeypatch.setitem(command.ALONE, "large", lambda _: [SLOW])
    made, failed = command.measured(Scale(quick=True), ["engine", "large"], tmp_path / "figures.json")
    assert failed
    assert made.figures == [SLOW]
    assert json.loads((tmp_path / "figures.json").read_text())["figures"][0]["name"] == SLOW.name
