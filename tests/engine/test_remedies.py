"""Every Warning event of doorward's own says what to do about it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from doorward.model.door import Warning
from doorward.model.quoting import LONGEST_MESSAGE
from doorward.model.reference import CONFIG_MAP, Ref
from doorward.report.event_recorder import about_settings
from doorward.report.remedies import REMEDIES, SAY_SO_THEMSELVES

from tests.docs.test_pages import table

ROOT = Path(__file__).parents[2]
SOURCES = [f for f in (*(ROOT / "core").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")) if "testing" not in f.parts]
SETTINGS = Ref(CONFIG_MAP, "ome", "inferenceservice-config")


def reasons() -> set[str]:
    """The reasons of all warnings that are made, constants followed; and those of losses, which refusals are too."""
    found = set()
    for source in SOURCES:
        tree = ast.parse(source.read_text())
        constants = {
            target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "Warning"
                and node.args
            ):
                match node.args[0]:
                    case ast.Constant(value=str() as reason):
                        found.add(reason)
                    case ast.Name(id=name) if name in constants:
                        found.add(str(constants[name]))
    return found | {"DomainNotAllowed", "HostConflict", "InvalidSettings", "SettingsWarning"}


def test_every_reason_has_a_remedy_and_each_in_one_place() -> None:
    assert reasons() == REMEDIES.keys() | SAY_SO_THEMSELVES
    assert not REMEDIES.keys() & SAY_SO_THEMSELVES


def test_the_page_has_the_same_reasons() -> None:
    rows = table("status.md", "Warning events")
    assert {each for names in rows for each in re.findall(r"\w+", names)} == reasons()


@pytest.mark.parametrize("reason", sorted(REMEDIES))
def test_an_event_ends_with_the_remedy_however_long_it_is(reason: str) -> None:
    for message in ("something is odd", "ü" * 2000):
        _, event = about_settings(SETTINGS, "", Warning(reason, message), 0.0)
        assert event["message"].endswith(f". {REMEDIES[reason]}.")
        assert event["message"].startswith(message[:100])
        assert len(event["message"].encode()) <= LONGEST_MESSAGE


def test_what_others_say_is_left_as_it_is() -> None:
    _, event = about_settings(SETTINGS, "", Warning("OfMine", "do this"), 0.0)
    assert event["message"] == "do this"


def test_a_remedy_is_one_sentence_that_says_what_to_do() -> None:
    for said in REMEDIES.values():
        assert re.fullmatch(r"[A-Z].*[^.]", said)
        assert ". " not in said
        assert len(said) < 120
