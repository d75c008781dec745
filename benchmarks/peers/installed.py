"""What the peer in Python needs, installed into the cache, apart from what doorward runs with."""

from __future__ import annotations

import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.controlplane.binaries import Tell, cache_folder, one_at_a_time

PINS = Path(__file__).parents[2] / "requirements" / "benchmarks.txt"


def packages(tell: Tell) -> Path:
    """A folder for PYTHONPATH with exactly what ``requirements/benchmarks.txt`` pins.  Raises SystemExit."""
    digest = sha256(PINS.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = cache_folder() / f"benchmarks-{digest}" / "packages"
    if not folder.exists():
        with one_at_a_time(folder):
            if not folder.exists():
                tell("installing kopf from PyPI into the cache (once)")
                _install(folder)
    return folder


def _install(folder: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    with TemporaryDirectory(dir=folder.parent) as scratch:
        made = Path(scratch, "packages")
        run = subprocess.run([*pip, "--require-hashes", "--target", str(made), "--requirement", str(PINS)])
        if run.returncode:
            raise SystemExit("pip couldn't install what requirements/benchmarks.txt pins (its words are above)")
        made.rename(folder)


def version(name: str) -> str:
    """The version at which a package is pinned."""
    lines = PINS.read_text().splitlines()
    return next(line.removeprefix(f"{name}==").split()[0] for line in lines if line.startswith(f"{name}=="))
