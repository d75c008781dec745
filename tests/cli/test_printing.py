"""How answers look: on a terminal, and elsewhere."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

import doorward
import doorward_daemon
import pytest
from doorward.model.counting import counted
from doorward.model.quoting import visible
from doorward_daemon.asking.printing import WIDEST, age, echo, styled, table


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("out", "no_color", "colored"),
    [(Terminal(), "", True), (Terminal(), "1", False), (io.StringIO(), "", False)],
    ids=["terminal", "NO_COLOR", "file"],
)
def test_colors_reach_a_terminal_alone(
    out: io.StringIO, no_color: str, colored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("NO_COLOR", no_color)
    echo(styled("True", "green"))
    assert out.getvalue() == ("\x1b[32mTrue\x1b[0m\n" if colored else "True\n")


def test_a_table_has_columns_as_wide_as_their_widest_cell_but_for_what_is_very_long() -> None:
    lines = table(("A", "B"), [("one", "1"), ("three", ""), ("x" * 100, "2")])
    assert [line.replace("\x1b[1m", "").replace("\x1b[0m", "") for line in lines[:3]] == [
        "A" + " " * (WIDEST - 1) + "   B",
        "one" + " " * (WIDEST - 3) + "   1",
        "three" + " " * (WIDEST - 5) + "   -",
    ]
    assert lines[3] == "x" * 100 + "   2"


def test_a_table_that_goes_on_keeps_its_columns_and_has_one_head() -> None:
    widths: list[int] = []
    table(("NAME", "B"), [("abcdef", "1")], widths=widths)
    assert table(("NAME", "B"), [("a", "2")], widths=widths) == ["a        2"]


def test_what_a_terminal_would_obey_is_shown() -> None:
    assert visible("m\x1b[2J\n\u202eé模") == r"m\x1b[2J\n\u202eé模"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0s"), (119, "119s"), (120, "2m"), (185, "3m5s"), (3600, "60m"), (7200, "2h"), (7500, "2h5m"), (259200, "3d")],
)
def test_ages_are_told_as_kubectl_does(seconds: int, told: str) -> None:
    assert age(seconds) == told


def test_one_thing_is_told_as_one() -> None:
    assert [counted(number, "door") for number in (0, 1, 2)] == ["0 doors", "1 door", "2 doors"]
    assert [counted(number, "status", "statuses") for number in (1, 2)] == ["1 status", "2 statuses"]


def test_nothing_is_counted_otherwise() -> None:
    """A number before a plural would be wrong for one; these are always more, or no plural."""
    counting = re.compile(r"\{(?:len\([^{}]*\)|count|many|number|due|total)[^{}]*\} (\w+s|are|were|have|weren't)\b")
    found = {
        (file.name, words)
        for package in (doorward, doorward_daemon)
        for file in Path(package.__path__[0]).rglob("*.py")
        for words in counting.findall(file.read_text())
        if "embedded" not in file.parts  # which says what an API server says
    }
    assert {words for _, words in found} == {
        "InferenceServices",
        "characters",
        "clusters",
        "doors",
        "has",
        "seeds",
        "times",
    }
