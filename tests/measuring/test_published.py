"""What the page on performance shows is what was measured."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.report import KEPT, MARKS, PAGE, read


def test_the_page_shows_what_is_kept() -> None:
    shown = PAGE.read_text().partition(MARKS[0])[2].partition(MARKS[1])[0]
    assert shown.strip() == read(KEPT).section().strip()


def test_publishing_changes_only_what_is_between_the_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "PAGE", Path(shutil.copy(PAGE, tmp_path)))
    monkeypatch.setattr(report, "KEPT", tmp_path / "performance.json")
    made = read(KEPT)
    made.machine["date"] = "another day"
    made.publish()
    text = (tmp_path / PAGE.name).read_text()
    assert "another day" in text
    assert text.partition(MARKS[0])[0] == PAGE.read_text().partition(MARKS[0])[0]
    assert text.partition(MARKS[1])[2] == PAGE.read_text().partition(MARKS[1])[2]
    assert {"goals.svg", "performance.json"} <= {file.name for file in tmp_path.iterdir()}
