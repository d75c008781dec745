"""What a command takes of a processor, as the system counts it for a child and the children of that."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence


def environment(further: Mapping[str, str] | None = None) -> dict[str, str]:
    """For programs in Python as users have them: what is compiled once stays compiled."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, **(further or {})}


def cpu_seconds(command: Sequence[str], environ: Mapping[str, str] | None = None) -> float:
    """Run a command to its end; raises CalledProcessError, with what it said, where it fails."""
    with subprocess.Popen(
        command, env=environment(environ), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, said)
    return usage.ru_utime + usage.ru_stime
