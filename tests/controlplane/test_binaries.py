"""Building the control plane, with a Go that only pretends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.controlplane import binaries
from tests.controlplane.binaries import PROGRAMS, Binaries, BuildError, built, built_folder, find_go

MakeGo = Callable[..., Path]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    return tmp_path / "cache"


@pytest.fixture
def make_go(tmp_path: Path) -> MakeGo:
    """A ``go`` on PATH that writes what it is asked to build, and a line to ``runs``."""

    def make(version: str = "go1.26.0", build: str = "") -> Path:
        go = tmp_path / "bin" / "go"
        go.parent.mkdir(exist_ok=True)
        go.write_text(
            "#!/bin/sh\n"
            f'[ "$1" = env ] && echo {version} && exit\n'
            f'echo "$@" >> {tmp_path}/runs\n'
            f"{build or ':'}\n"
            'while [ "$1" != -o ]; do shift; done\n'
            'test -f go.mod && echo built > "$2/${3#./}" && chmod +x "$2/${3#./}"\n'
        )
        go.chmod(0o755)
        return go

    return make


def test_a_build_is_made_once_and_kept(make_go: MakeGo, tmp_path: Path, cache: Path) -> None:
    told: list[str] = []
    go = make_go()
    made = built(go, told.append)
    assert made == Binaries(built_folder())
    assert made is not None
    assert all(made.path(program) for program in PROGRAMS)
    assert made.folder.is_relative_to(cache / "doorward")
    assert len(told) == len(PROGRAMS) + 1
    runs = (tmp_path / "runs").read_text()
    assert "-X k8s.io/component-base/version.gitVersion=v" in runs
    assert built(go, told.append) == built(None, told.append) == made
    assert (tmp_path / "runs").read_text() == runs


def test_two_at_a_time_build_once(make_go: MakeGo, tmp_path: Path) -> None:
    go = make_go(build="sleep 0.05")
    threads = [threading.Thread(target=built, args=(go, lambda _: None)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len((tmp_path / "runs").read_text().splitlines()) == len(PROGRAMS)


def test_a_build_that_fails_says_why_and_leaves_nothing_behind(make_go: MakeGo) -> None:
    go = make_go(build="echo 'no such module' >&2; exit 1")
    with pytest.raises(BuildError, match="no such module"):
        built(go, lambda _: None)
    assert built(None, lambda _: None) is None
    assert {path.name for path in built_folder().parent.iterdir()} == {"lock"}


def test_files_of_a_module_stand_beside_the_program(make_go: MakeGo, tmp_path: Path) -> None:
    module = tmp_path / "module"
    for name in ("crds/a.yaml", "crds/b.yaml", "crds/README.md", "other.yaml"):
        (module / name).parent.mkdir(parents=True, exist_ok=True)
        (module / name).write_text(name)
    sources, folder = tmp_path / "go", tmp_path / "cache" / "it"
    sources.mkdir()
    folder.parent.mkdir()
    (sources / "go.mod").write_text("module it")
    go = make_go(build=f'[ "$1" = list ] && [ "$5" = example.com/kinds ] && echo {module} && exit')
    data = {"example.com/kinds": ["crds/*.yaml"]}
    binaries.build(go, sources, ["./it"], folder, lambda _: None, version="v1", data=data)
    assert {path.name for path in folder.iterdir()} == {"it", "a.yaml", "b.yaml"}
    assert (folder / "a.yaml").read_text() == "crds/a.yaml"


def test_other_sources_go_to_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = built_folder()
    sources = tmp_path / "go"
    sources.mkdir()
    (sources / "go.mod").write_text("require (\n\tk8s.io/kubernetes v1.99.0\n)\n")
    monkeypatch.setattr(binaries, "SOURCES", sources)
    after = built_folder()
    assert after != before
    assert "controlplane-v1.99.0-" in str(after)


@pytest.mark.parametrize(
    ("version", "fits"), [("go1.26.0", True), ("go1.27rc1", True), ("go2.0", True), ("go1.25.9", False), ("?", False)]
)
def test_a_go_must_be_new_enough(make_go: MakeGo, version: str, fits: bool) -> None:
    go = make_go(version)
    assert find_go(install=False, tell=lambda _: None) == (go if fits else None)


def test_a_go_that_two_at_a_time_lack_is_installed_once(
    make_go: MakeGo, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh, installed = make_go().rename(tmp_path / "fresh"), []  # on PATH no more

    def install(target: Path, tell: object) -> Path:
        installed.append(target)
        time.sleep(0.05)
        (target / "go" / "bin").mkdir(parents=True)
        return fresh.rename(target / "go" / "bin" / "go")

    monkeypatch.setattr(binaries, "_installed_go", install)
    with ThreadPoolExecutor(2) as both:
        asked = [both.submit(find_go, install=True, tell=lambda _: None) for _ in range(2)]
    assert {each.result() for each in asked} == {cache / "doorward" / "go" / "go" / "bin" / "go"}
    assert len(installed) == 1
