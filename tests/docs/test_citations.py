"""A docstring that cites the documentation, as in ``docs/doors.md, Routes``, names a page and a heading that exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.docs import ROOT

PACKAGES = ("core", "daemon", "plugins", "examples", "benchmarks", "tests")
SOURCES = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
PAGE = re.compile(r"docs/[\w/-]+\.md")
ELSEWHERE = re.compile(r"\bbehaviour, sections?\b", re.IGNORECASE)


def docstrings(text: str) -> Iterator[str]:
    """Every string that stands by itself, those below a constant or a field included, each on one line."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield " ".join(node.value.value.split())


@cache
def headings(page: Path) -> tuple[str, ...]:
    found = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return tuple(sorted((heading.replace("`", "") for heading in found), key=len, reverse=True))


def problem(docstring: str) -> str | None:
    """What is wrong with the first citation of a docstring that leads nowhere; None where each leads somewhere."""
    for cited in PAGE.finditer(docstring):
        page, rest = ROOT / cited[0], docstring[cited.end() :]
        if not page.is_file():
            return f"{cited[0]} doesn't exist"
        if not rest.startswith(", "):
            return f"{cited[0]} is cited without a heading"
        known = headings(page)
        if not any(re.match(rf"{re.escape(heading)}(?!\w)", rest.removeprefix(", ")) for heading in known):
            return f"{cited[0]} has no heading {rest.removeprefix(', ')[:40]!r}"
    return None


@pytest.mark.parametrize(
    ("docstring", "expected"),
    [
        ("The table (docs/doors.md, Routes).", None),
        ("docs/doors.md, Deployment mode: told by what opens its door.", None),
        ("See docs/nowhere.md, Routes.", "docs/nowhere.md doesn't exist"),
        ("See docs/doors.md.", "docs/doors.md is cited without a heading"),
        ("See docs/doors.md, Roads.", "docs/doors.md has no heading 'Roads.'"),
        ("See docs/doors.md, Routesome.", "docs/doors.md has no heading 'Routesome.'"),
    ],
)
def test_a_citation_is_followed(docstring: str, expected: str | None) -> None:
    assert problem(docstring) == expected


def test_what_docstrings_cite_exists() -> None:
    wrong = {}
    for source in SOURCES:
        for docstring in docstrings(source.read_text()):
            if why := problem(docstring):
                wrong[str(source.relative_to(ROOT)), docstring[:60]] = why
    assert not wrong


def test_docstrings_cite_only_what_a_reader_of_the_project_has() -> None:
    cite_elsewhere = [
        str(source.relative_to(ROOT))
        for source in SOURCES
        if any(ELSEWHERE.search(docstring) for docstring in docstrings(source.read_text()))
    ]
    assert not cite_elsewhere
