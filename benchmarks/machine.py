"""Where and with what it was measured."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sysconfig
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.peers import installed, programs
from tests.controlplane.binaries import kubernetes_version

ROOT = Path(__file__).parents[1]


def machine() -> dict[str, str]:
    """Processor, memory, system, versions, and when; each as text for people."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
        "processor": f"{os.cpu_count()} x {_processor()}",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "load before": " ".join(f"{load:.1f}" for load in os.getloadavg()),
        "system": platform.platform(),
        "Python": f"{platform.python_version()} ({' '.join(optimisations()) or 'not configured to be optimised'})",
        "kube-apiserver": kubernetes_version(),
        "controller-runtime": programs.version(),
        "kopf": installed.version("kopf"),
        "orjson": version("orjson"),
        "aiohttp": version("aiohttp"),
    }


def optimisations() -> list[str]:
    """The options by which this Python was configured to be fast; Debian's says none, and is built with all of them.

    Without them Python takes a quarter longer, and that isn't what people run.
    """
    given = shlex.split(sysconfig.get_config_var("CONFIG_ARGS") or "")
    return [
        each for each in given if each.startswith(("--enable-optimizations", "--with-lto", "--enable-experimental"))
    ]


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def _commit() -> str:
    run = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    return run.stdout.strip() or "unknown"
