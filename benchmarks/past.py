"""The project as it is, and as it was at a commit of the past: each with the plugins of its own commit alone, and with
all other packages of this environment.
"""

from __future__ import annotations

import os
import subprocess
import sysconfig
import tarfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]


@contextmanager
def files_of(commit: str) -> Iterator[Path | None]:
    """A folder with that commit's files; None where it isn't at hand, such as in a shallow clone."""
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True)
    if archive.returncode:
        yield None
        return
    with TemporaryDirectory(prefix="doorward-bench-") as name, tarfile.open(fileobj=BytesIO(archive.stdout)) as tar:
        tar.extractall(name, filter="data")
        yield Path(name)


@contextmanager
def python_path(root: Path) -> Iterator[str]:
    """PYTHONPATH for the project as it is in a folder.  It is for ``python -S``: this environment's site-packages have
    today's plugins.
    """
    members = [root / "core", root / "daemon", *sorted((root / "plugins").iterdir())]
    with TemporaryDirectory(prefix="doorward-bench-") as name:
        site = Path(name)
        for entry in Path(sysconfig.get_path("purelib")).iterdir():
            if "doorward" not in entry.name and entry.suffix != ".pth":
                (site / entry.name).symlink_to(entry)
        for member in members:
            _declare(member, site)
        yield os.pathsep.join(map(str, [*members, site]))


def _declare(member: Path, site: Path) -> None:
    """The entry points of a package, as if it were installed."""
    project = tomllib.loads((member / "pyproject.toml").read_text())["project"]
    info = site / f"{project['name'].replace('-', '_')}-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 0\n")
    plugins = project.get("entry-points", {}).get("doorward", {})
    lines = ["[doorward]", *(f"{name} = {value}" for name, value in plugins.items()), ""]
    (info / "entry_points.txt").write_text("\n".join(lines))
