"""The simulator, against what it was at a commit of the past: both play the same seeds, one after the other.

The seeds are the same numbers; the scenarios that they make may have grown since, as the engine has.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.figure import Figure, Scale, ratio, tell
from benchmarks.processor import cpu_seconds

ROOT = Path(__file__).parents[1]
THEN = "4d233680fe1d8f62109c28c24288ddc2cbd653f8"
"""The commit before work on speed began."""
PACKAGES = ("core", "daemon", *(f"plugins/{path.name}" for path in sorted((ROOT / "plugins").iterdir())))


def measure(scale: Scale) -> list[Figure]:
    """No figure where the commit isn't at hand, such as in a shallow clone."""
    archive = subprocess.run(["git", "archive", THEN], cwd=ROOT, capture_output=True)
    if archive.returncode:
        tell(f"the simulator isn't measured: git has no commit {THEN[:12]} here")
        return []
    seeds, rounds = scale.of(100, 20), scale.of(3, 1)
    now, then = [], []
    with TemporaryDirectory(prefix="doorward-bench-") as name:
        folder = Path(name)
        with tarfile.open(fileobj=BytesIO(archive.stdout)) as tar:
            tar.extractall(folder, filter="data")
        for turn in range(rounds):
            played = f"{turn * seeds}..{(turn + 1) * seeds - 1}"
            now.append(seeds / _seconds(ROOT, played))
            then.append(seeds / _seconds(folder, played))
    figure = ratio(
        f"simulator, seeds a second against commit {THEN[:7]}",
        now,
        then,
        2,
        bound="at least",
        unit="seeds a second of CPU",
        sides=("now", "then"),
    )
    tell(f"simulator: {figure.parts}")
    return [figure]


def _seconds(root: Path, seeds: str) -> float:
    path = os.pathsep.join(str(root / package) for package in PACKAGES)
    command = [sys.executable, "-m", "doorward_daemon", "simulate", "--seeds", seeds]
    return cpu_seconds(command, {"PYTHONPATH": path})
