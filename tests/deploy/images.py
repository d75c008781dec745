"""What an image is looked at with: the program that puts its root together, and a way to run something in a root."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from tests.controlplane import providers

ROOT = Path(__file__).parents[2]
SHELLS = frozenset({"sh", "bash", "dash", "busybox", "pip", "apt", "apt-get", "su", "sudo"})
"""Programs that an image has nothing of."""
_CONFINED = """\
mount --make-rprivate /
mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" || exit 125
cd / && root=$1 && shift && exec chroot --userspec=65532:65532 "$root" "$@"
"""

Confined = Callable[..., "subprocess.CompletedProcess[str]"]


def load() -> ModuleType:
    """``deploy/image.py``."""
    spec = importlib.util.spec_from_file_location("image", ROOT / "deploy" / "image.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def need_a_root_of_its_own() -> None:
    """Skip the test where nothing can be run in a root, or fail it where it is required."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        what = "the image isn't tried: a root of its own needs Linux, root, and unshare"
        pytest.fail(what) if providers.required() else pytest.skip(what)


def confined_to(root: Path) -> Confined:
    """Runs a program in a root that can't be written, as the image's user."""

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        whole = ["unshare", "--mount", "sh", "-c", _CONFINED, "confined", str(root), *command]
        environ = {"PATH": "/opt/doorward/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/tmp"}
        return subprocess.run(whole, capture_output=True, text=True, env=environ)

    return run


def programs_of(root: Path) -> set[str]:
    """The names of all that can be run there."""
    return {file.name for file in root.rglob("*") if file.is_file() and os.access(file, os.X_OK)}
