"""How each controller is started."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from benchmarks.cluster.process import Command
from benchmarks.figure import tell
from benchmarks.peers import installed, programs

HERE = Path(__file__).parent


def doorward(*options: str) -> Command:
    """The daemon as an operator runs it, logs included; default settings, nothing served over HTTP."""
    return Command("doorward", [program(), "run", "--defaults", "--listen", "", "--log-format", "json", *options])


def program() -> str:
    """The ``doorward`` of the environment that the benchmarks run in."""
    return shutil.which("doorward", path=str(Path(sys.executable).parent)) or "doorward"


def controller_runtime() -> Command:
    return Command("controller-runtime", [str(programs.built(tell) / "controller_runtime")])


def kopf() -> Command:
    """One that watches the whole cluster; peering, which is for several at a time, is off."""
    arguments = [sys.executable, "-m", "kopf", "run", "--all-namespaces", "--standalone"]
    environ = {"PYTHONPATH": str(installed.packages(tell))}
    return Command("kopf", [*arguments, str(HERE / "kopf_controller.py")], environ)
