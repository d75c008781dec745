"""The public API doesn't change unnoticed."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from tests.docs import ROOT
from tests.docs.public_api import CHANGELOG, FILE, MODULES, RELEASED, changed, objects, parsed, text, unreleased

EXAMPLES = sorted((ROOT / "examples").rglob("*.py"))
TELL = "run: python -m tests.docs.public_api, and tell the change in CHANGELOG.md, under Unreleased"


def test_the_committed_api_is_that_of_the_sources() -> None:
    assert FILE.read_text() == text(), TELL


def test_the_changelog_names_what_is_different_from_the_last_release() -> None:
    released = parsed(RELEASED.read_text()) if RELEASED.exists() else {}
    untold = changed(released, objects()) - unreleased(CHANGELOG.read_text())
    assert not untold, "CHANGELOG.md, under Unreleased, has to name these in backticks"


def test_what_is_written_is_read_again() -> None:
    assert parsed(text()) == objects()


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ({"doorward.A": "    class A\n"}, set()),
        ({"doorward.A": "    class A(B)\n"}, {"A"}),
        ({}, {"A"}),
        ({"doorward.A": "    class A\n", "doorward.hooks.b": "    def b()\n"}, {"b"}),
    ],
)
def test_what_is_different_has_to_be_named(now: dict[str, str], expected: set[str]) -> None:
    assert changed({"doorward.A": "    class A\n"}, now) == expected


def test_only_what_is_not_released_yet_counts_as_told() -> None:
    log = "## [Unreleased]\n\n- `Engine.wait` gives seconds; Shell too.\n\n## [0.1.0]\n\n- `Listener`.\n"
    assert unreleased(log) == {"Engine", "wait"}


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_is_there(name: str) -> None:
    module = import_module(name)
    assert [each for each in module.__all__ if not hasattr(module, each)] == []
    assert set(module.__all__) <= set(dir(module))
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        module.Nothing  # noqa: B018


def test_importing_doorward_imports_nothing_else() -> None:
    code = "import sys, doorward, doorward.testing; print(*(m for m in sys.modules if m.startswith('doorward')))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(ended.stdout.split()) == {"doorward", "doorward._exports", "doorward.testing"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_import_what_is_public(path: Path) -> None:
    imports = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
    ours = {node.module for node in imports if (node.module or "").partition(".")[0] == "doorward"}
    assert ours <= set(MODULES)
