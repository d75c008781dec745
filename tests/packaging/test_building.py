"""What is built is the same wherever and whenever, and says what is in it."""

from __future__ import annotations

import json
import os
import shutil
import tomllib
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.packaging import building, sbom
from tests.packaging.pins import listed, pins

LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "tests", "benchmarks", "examples", "docs", "dist", "deploy")


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The sources in two folders; in the second all files are older, and nobody else may read them."""
    roots = [tmp_path_factory.mktemp("one") / "a", tmp_path_factory.mktemp("another") / "somewhere" / "else"]
    for root in roots:
        shutil.copytree(building.ROOT, root, ignore=LEFT_OUT)
    for file in roots[1].rglob("*"):
        os.utime(file, (1_000_000_000, 1_000_000_000))
        file.chmod(0o700 if file.is_dir() else 0o600)
    return roots


@pytest.mark.parametrize("member", building.members(), ids=lambda member: member.name)
def test_a_wheel_has_the_same_bytes_wherever_and_whenever_it_is_built(
    member: Path, twice: list[Path], tmp_path: Path
) -> None:
    where = member.relative_to(building.ROOT)
    one, other = (building.wheel(root / where, tmp_path / str(n)) for n, root in enumerate(twice))
    assert one.name == other.name
    assert one.read_bytes() == other.read_bytes()


def test_the_sbom_is_valid_and_always_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = sbom.text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert sbom.text() == text
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert json.loads(sbom.text())["metadata"]["timestamp"].startswith("2023-11-14T")


def test_the_sbom_names_every_pin_and_every_member_with_licences_and_hashes() -> None:
    bill = json.loads(sbom.text())
    named = {each["name"]: each for each in bill["components"]}
    members = {tomllib.loads((m / "pyproject.toml").read_text())["project"]["name"] for m in building.members()}
    assert bill["metadata"]["component"]["name"] == "doorward"
    assert set(named) == {pin.name for pin in pins("doorward.txt")} | (members - {"doorward"})
    for pin in pins("doorward.txt"):
        each = named[pin.name]
        assert each["version"] == pin.version
        assert pin.hashes
        assert {p["value"] for p in each["properties"] if p["name"] == sbom.HASH} == set(pin.hashes)
        (license,) = each["licenses"]
        assert listed()[pin.name] in (license.get("expression"), license.get("license", {}).get("id"))


def test_the_sbom_tells_who_brings_what() -> None:
    bill = json.loads(sbom.text())
    asks = {each["ref"].partition("==")[0]: each.get("dependsOn", []) for each in bill["dependencies"]}
    assert any(each.startswith("doorward-core==") for each in asks["doorward-istio"])
    assert any(each.startswith("pydantic==") for each in asks["doorward-core"])


def test_a_build_leaves_every_wheel_and_the_sbom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "wheel", lambda member, folder: folder / f"{member.name}.whl")
    made = building.build(tmp_path / "dist")
    assert [file.suffix for file in made] == [".whl"] * len(building.members()) + [".json"]
    assert made[-1].read_text() == sbom.text()
