"""The simulator, against what it was at a commit of the past: both play the same seeds, one after the other.

The seeds are the same numbers; the scenarios that they make may have grown since, as the engine has.  Either has the
plugins of its own commit alone, and all other packages of this environment.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.figure import Figure, Scale, ratio, tell
from benchmarks.processor import cpu_seconds

ROOT = Path(__file__).parents[1]
THEN = "4d233680fe1d8f62109c28c24288ddc2cbd653f8"
"""The commit before work on speed began."""


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
        paths = [_path(root, folder / f"site-{name}") for root, name in ((ROOT, "now"), (folder, "then"))]
        for path in paths:
            _seconds(path, "0..0")
        for turn in range(rounds):
            played = f"{turn * seeds}..{(turn + 1) * seeds - 1}"
            now.append(seeds / _seconds(paths[0], played))
            then.append(seeds / _seconds(paths[1], played))
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


def _path(root: Path, site: Path) -> str:
    """Where Python finds the packages of a checkout, with the entry points that it declares, and those of others."""
    site.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if "doorward" not in entry.name and entry.suffix != ".pth":
            (site / entry.name).symlink_to(entry)
    members = [root / "core", root / "daemon", *sorted((root / "plugins").iterdir())]
    for member in members:
        project = tomllib.loads((member / "pyproject.toml").read_text())["project"]
        info = site / f"{project['name'].replace('-', '_')}-0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 0\n")
        lines = [f"{name} = {value}" for name, value in project.get("entry-points", {}).get("doorward", {}).items()]
        (info / "entry_points.txt").write_text("\n".join(["[doorward]", *lines, ""]))
    return os.pathsep.join(map(str, [*members, site]))


def _seconds(path: str, seeds: str) -> float:
    """Of a processor; without the site-packages of this environment, where today's plugins are."""
    return cpu_seconds(
        [sys.executable, "-S", "-m", "doorward_daemon", "simulate", "--seeds", seeds], {"PYTHONPATH": path}
    )
