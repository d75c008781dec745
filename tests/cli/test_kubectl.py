"""``kubectl doorward …``: kubectl runs what it finds on PATH under that name."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from doorward_daemon import main
from doorward_daemon.asking import completing

from tests.cli.asking import reached, settled
from tests.patience import PATIENCE
from tests.shell.running import Running

PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.parametrize("name", ["kubectl-doorward", "kubectl_complete-doorward"])
def test_what_kubectl_looks_for_is_on_the_path(name: str) -> None:
    assert shutil.which(name, path=PATH)


def test_it_is_the_same_program() -> None:
    program = shutil.which("kubectl-doorward", path=PATH)
    assert program
    done = subprocess.run([program, "explain", "--help"], capture_output=True, text=True, check=True)
    assert "Tell why the door of a service looks as it does" in done.stdout


@pytest.mark.parametrize(
    ("words", "completed"),
    [(["get", "m"], ["m", ":4"]), (["get", ""], ["m", "n", ":4"]), (["repl"], ["replay", ":4"])],
    ids=["name", "nothing yet", "command"],
)
def test_kubectl_completes_services_and_commands(
    words: list[str], completed: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    running = Running()
    running.add("m", "n")
    monkeypatch.setattr(completing, "WITHIN", PATIENCE)
    settled(running)
    capsys.readouterr()
    for name in ("_DOORWARD_COMPLETE", "COMP_WORDS", "COMP_CWORD"):
        monkeypatch.setenv(name, "")
    monkeypatch.setattr(sys, "argv", ["kubectl_complete-doorward", *words])
    with reached(running.cluster), pytest.raises(SystemExit):
        main.complete_for_kubectl()
    assert capsys.readouterr().out.split() == completed
