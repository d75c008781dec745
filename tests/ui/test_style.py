"""The page's style sheet: each colour is in one place, for light and for dark."""

from __future__ import annotations

import re
from importlib.resources import files

STYLE = (files("doorward_daemon.ui") / "static" / "style.css").read_text()
COLOUR = re.compile(r"^  (--[a-z-]+): light-dark\(#[0-9a-f]{6}, #[0-9a-f]{6}\);$", re.MULTILINE)


def test_every_colour_has_a_name_and_both_of_its_values_in_one_place() -> None:
    names = COLOUR.findall(STYLE)
    assert len(names) == len(set(names)) > 10
    rest = COLOUR.sub("", STYLE)
    assert not re.search(r"#[0-9a-fA-F]{3,8}\b|\b(rgb|hsl|oklch)a?\(|light-dark|prefers-color-scheme", rest)
    assert not [name for name in names if re.search(rf"{name}:", rest)]
    assert not [name for name in names if f"var({name})" not in rest]
