"""What the peer in Python needs, installed into the cache, apart from what doorward runs with."""

from __future__ import annotations

from pathlib import Path

from tests.controlplane.binaries import Tell
from tests.controlplane.packages import REQUIREMENTS, NotInstalled
from tests.controlplane.packages import packages as installed

PINS = REQUIREMENTS / "benchmarks.txt"


def packages(tell: Tell) -> Path:
    """A folder for PYTHONPATH with exactly what ``requirements/benchmarks.txt`` pins.  Raises SystemExit."""
    try:
        return installed("benchmarks", "kopf", tell)
    except NotInstalled as error:
        raise SystemExit(str(error)) from None


def version(name: str) -> str:
    """The version at which a package is pinned."""
    lines = PINS.read_text().splitlines()
    return next(line.removeprefix(f"{name}==").split()[0] for line in lines if line.startswith(f"{name}=="))
