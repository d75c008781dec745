"""Every member of the workspace is a distribution that stands on its own."""

from __future__ import annotations

import tomllib
import zipfile
from configparser import ConfigParser
from email.message import Message
from email.parser import Parser
from functools import cached_property
from importlib.metadata import EntryPoints, entry_points
from pathlib import Path

import doorward
import pytest
from doorward.backends import ENTRY_POINT_GROUP, Backends, installed, installed_sources
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]
BACKENDS = ("cluster_local", "gateway_api", "istio", "k8s_ingress", "loadbalancer")
SOURCES = {
    "ome": {"ome": "doorward_ome"},
    "kserve": {
        "kserve": "doorward_kserve.inference_service",
        "kserve_llm": "doorward_kserve.llm_inference_service",
    },
    "service": {"service": "doorward_service"},
}
"""The entry points of each distribution with sources."""
PACKAGES = {
    "core": "doorward",
    "daemon": "doorward_daemon",
    **{f"plugins/{name}": f"doorward_{name}" for name in (*BACKENDS, *SOURCES)},
}


class Wheel:
    """A member's wheel, built here."""

    def __init__(self, member: str, target: Path) -> None:
        self.path = Path(next(WheelBuilder(str(ROOT / member)).build(directory=str(target), versions=["standard"])))

    @cached_property
    def files(self) -> set[str]:
        with zipfile.ZipFile(self.path) as wheel:
            return set(wheel.namelist())

    def about(self, name: str) -> str:
        """A file of its dist-info; empty where it has none."""
        path = next((each for each in self.files if each.endswith(f".dist-info/{name}")), "")
        with zipfile.ZipFile(self.path) as wheel:
            return wheel.read(path).decode() if path else ""

    @cached_property
    def metadata(self) -> Message:
        return Parser().parsestr(self.about("METADATA"))

    @property
    def entry_points(self) -> dict[str, dict[str, str]]:
        parser = ConfigParser()
        parser.read_string(self.about("entry_points.txt"))
        return {section: dict(parser[section]) for section in parser.sections()}


@pytest.fixture(scope="module", params=PACKAGES)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Wheel]:
    member: str = request.param
    return member, Wheel(member, tmp_path_factory.mktemp("wheel"))


def test_a_wheel_has_the_whole_package_and_nothing_else(built: tuple[str, Wheel]) -> None:
    member, wheel = built
    package = ROOT / member / PACKAGES[member]
    kept = [f for f in package.rglob("*") if f.is_file() and "__pycache__" not in f.parts]
    expected = {str(file.relative_to(ROOT / member)) for file in kept}
    assert {name for name in wheel.files if ".dist-info/" not in name} == expected
    assert f"{PACKAGES[member]}/py.typed" in expected


def test_a_wheel_says_its_licence_and_carries_it(built: tuple[str, Wheel]) -> None:
    _, wheel = built
    assert wheel.metadata["License-Expression"] == "Apache-2.0"
    assert wheel.about("licenses/LICENSE") == (ROOT / "LICENSE").read_text()


def test_members_go_together_in_one_version(built: tuple[str, Wheel]) -> None:
    _, wheel = built
    assert wheel.metadata["Version"] == doorward.__version__
    required = [each for each in wheel.metadata.get_all("Requires-Dist") or () if each.startswith("doorward")]
    assert all(each.partition(";")[0].endswith(f"=={doorward.__version__}") for each in required)
    assert wheel.metadata["Requires-Python"] == ">=3.11"


def test_a_backend_is_found_by_its_entry_point(built: tuple[str, Wheel]) -> None:
    member, wheel = built
    name = member.removeprefix("plugins/")
    found = {name: PACKAGES[member]} if name in BACKENDS else SOURCES.get(name)
    expected = {ENTRY_POINT_GROUP: found} if found else {}
    assert wheel.entry_points == expected or member in ("core", "daemon")


def test_the_core_brings_the_conformance_kit_to_pytest(tmp_path: Path) -> None:
    assert Wheel("core", tmp_path).entry_points == {"pytest11": {"doorward": "doorward.testing.pytest_plugin"}}


def test_the_daemon_brings_the_command(tmp_path: Path) -> None:
    scripts = {
        "doorward": "doorward_daemon.main:main",
        "kubectl-doorward": "doorward_daemon.main:main",
        "kubectl_complete-doorward": "doorward_daemon.main:complete_for_kubectl",
    }
    assert Wheel("daemon", tmp_path).entry_points == {"console_scripts": scripts}


def test_doorward_itself_is_its_dependencies(tmp_path: Path) -> None:
    wheel = Wheel(".", tmp_path)
    assert all(".dist-info/" in name for name in wheel.files)
    members = {tomllib.loads((ROOT / m / "pyproject.toml").read_text())["project"]["name"] for m in PACKAGES}
    asked = [each for each in wheel.metadata.get_all("Requires-Dist") or () if "extra ==" not in each]
    assert {each.partition("=")[0] for each in asked} == members


def test_what_is_installed_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    def looking(*, group: str) -> EntryPoints:
        looked.append(group)
        return entry_points(group=group)

    monkeypatch.setattr("doorward.backends.entry_points", looking)
    installed.cache_clear()
    Backends(sources=installed_sources())
    Backends()
    assert looked == ["doorward"]


def test_the_backends_are_installed() -> None:
    assert sorted(Backends().by_name) == sorted(BACKENDS)
