"""What is missing is told in one line, and what is there isn't made again."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.controlplane import providers
from tests.controlplane.binaries import Binaries
from tests.dataplane import binaries
from tests.dataplane.binaries import CONTOUR, ISTIOD, Missing, Program, find


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine where a network can be made, with a control plane, an empty cache, no Go and no pip."""

    class Network:
        def close(self) -> None: ...

    control_plane = tmp_path / "control-plane"
    for program in ("etcd", "kube-apiserver", "kube-controller-manager"):
        put(control_plane / program)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(binaries, "Network", Network)
    monkeypatch.setattr(binaries, "find_go", lambda **_: None)
    monkeypatch.setattr(providers, "local", lambda _: Binaries(control_plane))
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    monkeypatch.setenv("PATH", "/nonexistent")
    return tmp_path


def put(program: Path) -> None:
    program.parent.mkdir(parents=True, exist_ok=True)
    program.touch(0o755)


def have(*programs: Program) -> None:
    """Some of what is built is in the cache."""
    for program in programs:
        put(program.folder / program.name)


def why() -> str:
    with pytest.raises(Missing) as missing:
        find(lambda _: None)
    (line,) = str(missing.value).splitlines()
    return line


def test_without_the_right_to_make_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> None:
        raise PermissionError

    monkeypatch.setattr(binaries, "Network", refused)
    assert "needs root" in why()


def test_on_another_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "need Linux" in why()


def test_without_a_control_plane(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providers, "local", lambda _: None)
    assert "no kube-apiserver" in why()


def test_without_who_makes_endpoint_slices(bare_machine: Path) -> None:
    (bare_machine / "control-plane" / "kube-controller-manager").unlink()
    assert "no kube-controller-manager in" in why()


def test_without_go() -> None:
    assert "no istiod, and no Go" in why()
    have(ISTIOD)
    assert "no contour, and no Go" in why()


def test_without_packages_and_pip() -> None:
    have(ISTIOD, CONTOUR)
    assert "requirements/dataplane.txt" in why()


def test_what_was_made_is_used_without_go_and_pip(bare_machine: Path) -> None:
    have(ISTIOD, CONTOUR)
    packages = binaries.packages_folder()
    put(packages / "envoy" / "_bin" / "envoy")
    parts = find(lambda _: None)
    assert (parts.istiod, parts.contour) == (ISTIOD.folder / "istiod", CONTOUR.folder / "contour")
    assert parts.envoy == packages / "envoy" / "_bin" / "envoy"
    assert parts.istiod.is_relative_to(bare_machine / "cache" / "doorward")
