"""What is measured against a commit of the past has the plugins of that commit, and no others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.past import ROOT, files_of, python_path
from benchmarks.processor import environment

ASKED = """
from importlib.metadata import entry_points
import doorward
print(doorward.__file__, *sorted(entry_points(group="doorward").names))
"""


def told(root: Path) -> list[str]:
    with python_path(root) as path:
        return subprocess.run(
            [sys.executable, "-S", "-c", ASKED],
            env=environment({"PYTHONPATH": path}),
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()


def test_a_checkout_has_its_own_plugins(tmp_path: Path) -> None:
    file, *plugins = told(ROOT)
    assert Path(file).is_relative_to(ROOT)
    assert "istio" in plugins
    for part in ("core", "daemon", "plugins/istio"):
        (tmp_path / part).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / part).symlink_to(ROOT / part)
    file, *plugins = told(tmp_path)
    assert Path(file).is_relative_to(tmp_path)
    assert plugins == ["istio"]


def test_a_commit_that_is_not_at_hand_is_none() -> None:
    with files_of("0" * 40) as folder:
        assert folder is None
