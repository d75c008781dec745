"""Every distribution, installed alone from what is built here into an empty environment, does what it promises."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

from tests.packaging.test_distributions import BACKENDS, PACKAGES, SOURCES

ROOT = Path(__file__).parents[2]
UV = str(Path(sys.executable).parent / "uv")
DAEMON_S = {"bcrypt", "doorward-daemon", "prometheus-client", "rich", "typer"}
"""What only the daemon needs."""


class Built(NamedTuple):
    wheels: Path
    sdists: dict[str, Path]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The wheels of all members in one folder, and their sdists."""
    wheels, sdists = tmp_path_factory.mktemp("wheels"), {}
    for member in (*PACKAGES, "."):
        list(WheelBuilder(str(ROOT / member)).build(directory=str(wheels), versions=["standard"]))
        folder = tmp_path_factory.mktemp("sdist")
        sdists[member] = Path(next(SdistBuilder(str(ROOT / member)).build(directory=str(folder))))
    return Built(wheels, sdists)


@pytest.fixture
def alone(built: Built, tmp_path: Path) -> Callable[[str], Path]:
    """Installs one distribution, and what it asks for, into an environment of its own; gives the folder of that."""

    def install(requirement: str) -> Path:
        environment = tmp_path / "environment"
        run(UV, "venv", "--quiet", "--python", sys.executable, str(environment))
        install = ["--quiet", "--python", str(environment / "bin" / "python"), "--find-links", str(built.wheels)]
        run(UV, "pip", "install", *install, *constraints(tmp_path), requirement)
        return environment

    return install


def constraints(folder: Path) -> list[str]:
    """The versions that are pinned, so that the index isn't asked for newer ones."""
    pins = (ROOT / "requirements" / "dev.txt").read_text().splitlines()
    file = folder / "constraints.txt"
    file.write_text("\n".join(line.rstrip(" \\") for line in pins if not line.startswith(" ")) + "\n")
    return ["--constraint", str(file)]


def run(*command: str, **environ: str) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, cwd="/", env={**os.environ, "PYTHONPATH": "", **environ}
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def names(environment: Path) -> set[str]:
    """What is installed."""
    listed = run(UV, "pip", "freeze", "--quiet", "--python", str(environment / "bin" / "python"))
    return {line.partition("=")[0].partition(" ")[0].lower() for line in listed.splitlines()}


def python(environment: Path, program: str) -> str:
    return run(str(environment / "bin" / "python"), "-c", program)


EMBEDDED = """
import asyncio
import doorward
from doorward import EmbeddedCluster, Engine, MemoryJournal, Shell

for name in set(doorward.__all__) - {"PostgresqlJournal"}:
    getattr(doorward, name)
try:
    doorward.PostgresqlJournal
except ModuleNotFoundError as error:
    assert error.name == "psycopg"
else:
    raise AssertionError("psycopg is there, and nobody asked for it")
"""


def test_the_core_alone_has_all_that_it_exports_and_nothing_of_the_daemon(alone: Callable[[str], Path]) -> None:
    environment = alone("doorward-core")
    python(environment, EMBEDDED)
    assert not names(environment) & DAEMON_S
    assert "kubernetes" not in names(environment)
    assert {name for name in names(environment) if name.startswith("doorward")} == {"doorward-core"}


def test_the_core_s_extra_for_tests_brings_the_kit(alone: Callable[[str], Path], tmp_path: Path) -> None:
    environment = alone("doorward-core[testing]")
    told = run(str(environment / "bin" / "python"), "-m", "pytest", "--help")
    assert "--doorward-backend" in told
    assert not names(environment) & DAEMON_S


def test_the_daemon_alone_has_the_command(alone: Callable[[str], Path]) -> None:
    environment = alone("doorward-daemon")
    doorward = str(environment / "bin" / "doorward")
    assert run(doorward, "--version").startswith("doorward ")
    assert "uninstall" in run(doorward, "--help")


@pytest.mark.parametrize("name", [*BACKENDS, *SOURCES])
def test_a_plugin_alone_is_found_and_can_be_loaded(name: str, alone: Callable[[str], Path]) -> None:
    environment = alone(f"doorward-{name.replace('_', '-')}")
    listed = "from importlib.metadata import entry_points\n"
    found = python(
        environment, listed + "for each in entry_points(group='doorward'): print(each.name, bool(each.load()))"
    )
    assert found.split("\n")[:-1] == [f"{each} True" for each in SOURCES.get(name, [name])]
    assert not names(environment) & DAEMON_S


def test_doorward_is_all_of_them(tmp_path: Path) -> None:
    """As ``uv tool install .`` in a clone does it (docs/installing.md, As a program)."""
    places = {f"UV_TOOL_{what}": str(tmp_path / what) for what in ("DIR", "BIN_DIR")}
    run(
        UV,
        "tool",
        "install",
        "--quiet",
        *constraints(tmp_path),
        str(ROOT),
        **places,
    )
    program = str(tmp_path / "BIN_DIR" / "doorward")
    rendered = run(program, "render", "--simulate", "--file", str(ROOT / "examples" / "llama.yaml"))
    assert "kind: Ingress" in rendered
    assert "inferenceservices" in run(program, "install", "--output", "yaml")


@pytest.mark.parametrize("member", [*PACKAGES, "."])
def test_what_is_built_from_an_sdist_is_what_is_built_here(member: str, built: Built, tmp_path: Path) -> None:
    with tarfile.open(built.sdists[member]) as sdist:
        sdist.extractall(tmp_path / "sources", filter="data")
    (folder,) = (tmp_path / "sources").iterdir()
    made = Path(next(WheelBuilder(str(folder)).build(directory=str(tmp_path), versions=["standard"])))
    assert contents(made) == contents(built.wheels / made.name)


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as opened:
        return {name: opened.read(name) for name in opened.namelist() if not name.endswith("/RECORD")}
