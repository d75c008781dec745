"""The image as buildah builds it from the Containerfile: what it says of itself, and that it starts as in a cluster."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from doorward.model.reference import JsonObject

from tests.deploy import base
from tests.deploy.images import ROOT, SHELLS, Confined, confined_to, need_a_root_of_its_own, programs_of

IMAGE = "localhost/doorward"
PATIENCE = 900
"""Seconds for a build, which installs what is pinned."""
WRITES = "import os\nprint(os.getuid())\nopen('/tmp/x', 'w')"

Buildah = Callable[..., str]


class Built(NamedTuple):
    """What it was built with, the image's name in a container, and its root."""

    buildah: Buildah
    container: str
    root: Path


@pytest.fixture(scope="module")
def built(buildah: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    need_a_root_of_its_own()
    folder = tmp_path_factory.mktemp("buildah")
    storage = ("--storage-driver", "vfs", "--root", str(folder / "root"), "--runroot", str(folder / "run"))

    def run(*arguments: str) -> str:
        whole = [str(buildah), *storage, *arguments]
        done = subprocess.run(whole, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, f"buildah {arguments[0]}: {done.stderr[-3000:]}"
        return done.stdout.strip()

    try:
        base.put_together(folder / "base")
        begun = run("from", "scratch")
        run("add", "--quiet", begun, str(folder / "base"), "/")
        told = [word for name, value in base.environment().items() for word in ("--env", f"{name}={value}")]
        run("config", *told, begun)
        run("commit", "--quiet", "--rm", begun, base.NAME)
        here = ("--isolation", "chroot", "--pull=never")
        run("build", *here, "--build-arg", f"PYTHON={base.NAME}", "--tag", IMAGE, str(ROOT))
        container = run("from", "--pull=never", IMAGE)
        yield Built(run, container, Path(run("mount", container)))
        run("umount", container)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def confined(built: Built) -> Confined:
    return confined_to(built.root)


def test_it_says_who_runs_and_what(built: Built) -> None:
    told: JsonObject = json.loads(built.buildah("inspect", "--type", "image", IMAGE))["OCIv1"]["config"]
    assert told["User"] == "65532:65532"
    assert told["Cmd"] == ["doorward", "run"]
    assert told["Env"] == ["PATH=/opt/doorward/bin", "HOME=/tmp", "PYTHONUNBUFFERED=1"]


def test_it_starts_as_a_container(built: Built) -> None:
    said = built.buildah("run", "--isolation", "chroot", built.container, "--", "doorward", "--version")
    assert re.fullmatch(r"doorward \d+\.\d+\.\d+", said)


def test_it_starts_as_nobody_in_a_root_that_cannot_be_written(confined: Confined, built: Built) -> None:
    done = confined("doorward", "--version")
    assert (done.returncode, done.stdout[:9]) == (0, "doorward "), done.stderr
    done = confined("doorward", "run", "--help")
    assert (done.returncode, "--leader-elect" in done.stdout) == (0, True), done.stderr
    python = (built.root / "opt/doorward/bin/doorward").read_text().partition("\n")[0].removeprefix("#!").split()[0]
    done = confined(python, "-c", WRITES)
    assert done.stdout == "65532\n"
    assert "Read-only file system" in done.stderr


def test_it_has_neither_a_shell_nor_what_it_was_built_with(built: Built) -> None:
    assert not programs_of(built.root) & SHELLS
    assert not (built.root / "doorward").exists()
    assert not [file for file in built.root.rglob("*") if not file.is_symlink() and file.stat().st_mode & 0o6000]
