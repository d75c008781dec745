"""What is installed is pinned, wherever it comes from."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PIN = re.compile(r"([a-z0-9-]+)==\S+( ; [^\\]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?")
PART_OF = {"pydantic-core": "pydantic", "multidict": "aiohttp", "yarl": "aiohttp", "aiohappyeyeballs": "aiohttp"}
"""Distributions of one project, the first a part of the second's interface."""
MEMBERS = sorted(file.parent for file in (*ROOT.glob("*/pyproject.toml"), *ROOT.glob("plugins/*/pyproject.toml")))


def project(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "pyproject.toml").read_text())


def pins(name: str) -> set[str]:
    """The names that a file pins; every line is a pin or one of its hashes, so that it names no address."""
    matches = [PIN.fullmatch(line) for line in (ROOT / "requirements" / name).read_text().splitlines()]
    assert all(matches)
    return {match[1] for match in matches if match and match[1]}


def asked() -> set[str]:
    """What the members of the workspace depend on, themselves left out."""
    required = {names(each) for member in MEMBERS for each in project(member)["project"]["dependencies"]}
    return {name for name in required if not name.startswith("doorward")}


def names(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9-]+", requirement)
    assert found
    return found[0]


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.name)
def test_a_member_depends_on_what_it_imports(member: Path) -> None:
    """What another dependency happens to bring may be gone with its next release; core goes with all in lockstep."""
    declared = {names(each) for folder in (member, ROOT / "core") for each in depended_on(folder)}
    declared |= {
        project(member)["project"]["name"],
        "doorward-core",
        *(part for part, of in PART_OF.items() if of in declared),
    }
    provided = {**packages_distributions(), "doorward": ["doorward-core"]}
    for module in imported(member) - sys.stdlib_module_names:
        distributions = {each.lower().replace("_", "-") for each in provided.get(module, [module])}
        assert distributions & declared, module


def depended_on(member: Path) -> list[str]:
    """What a member asks for, its extras' part too."""
    asking = project(member)["project"]
    return [
        *asking["dependencies"],
        *(each for extra in asking.get("optional-dependencies", {}).values() for each in extra),
    ]


def imported(member: Path) -> set[str]:
    """The top-level modules that the sources of a member import."""
    found: set[str] = set()
    for source in member.rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Import):
                found.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(str(node.module).partition(".")[0])
    return found


@pytest.mark.parametrize("name", ["doorward.txt", "postgresql.txt", "dev.txt"])
def test_every_dependency_is_pinned_with_hashes(name: str) -> None:
    assert asked() <= pins(name)


def test_the_tools_are_pinned_for_developers_only() -> None:
    tools = {names(each) for each in project(ROOT)["dependency-groups"]["dev"]}
    assert tools <= pins("dev.txt")
    assert not {"pytest", "ruff", "uv"} & pins("doorward.txt")


def test_what_a_journal_in_postgresql_needs_is_pinned_apart() -> None:
    wanted = {names(each) for each in project(ROOT)["dependency-groups"]["postgresql"]}
    assert wanted <= pins("postgresql.txt") & pins("dev.txt")
    assert pins("postgresql.txt") - pins("doorward.txt") == {*wanted, "psycopg-binary", "tzdata"}


@pytest.mark.parametrize("group", ["dataplane", "docs"])
def test_what_runs_beside_the_tests_is_pinned_apart(group: str) -> None:
    wanted = {names(each) for each in project(ROOT)["dependency-groups"][group]}
    assert wanted <= pins(f"{group}.txt")
    assert not wanted & pins("dev.txt")


def test_the_way_in_installs_every_member() -> None:
    text = (ROOT / "dev").read_text()
    listed = re.search(r"MEMBERS = \((.*?)\)", text, re.DOTALL)
    assert listed
    expected = {str(member.relative_to(ROOT)) for member in MEMBERS} | {"."}
    assert set(re.findall(r'"([^"]+)"', listed[1])) == expected
