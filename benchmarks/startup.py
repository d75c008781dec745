"""What a command takes until it has said something, against a Python that does nothing."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson

from benchmarks.figure import Figure, Scale, ratio, tell
from benchmarks.fleet import fleet
from benchmarks.peers import commands
from benchmarks.processor import cpu_seconds


def measure(scale: Scale) -> list[Figure]:
    program = commands.program()
    with TemporaryDirectory(prefix="doorward-bench-") as name:
        file = Path(name, "service.json")
        file.write_bytes(_one_service())
        ways = {
            "doorward --help": ([program, "--help"], 10),
            "doorward render": ([program, "render", "-f", str(file)], 20),
        }
        figures = []
        for way, (command, goal) in ways.items():
            ours, theirs = [], []
            cpu_seconds(command)
            for _ in range(scale.of(15, 5)):
                ours.append(cpu_seconds(command))
                theirs.append(cpu_seconds([sys.executable, "-c", "pass"]))
            figures.append(
                ratio(f"{way}, against an empty Python, CPU", ours, theirs, goal, sides=(way, "python -c pass"))
            )
            tell(f"{way}: {figures[-1].measured:.1f} times an empty Python")
    return figures


def _one_service() -> bytes:
    """A service and the Service of its engine, as a user has them in a file."""
    items = [orjson.loads(each) for each in fleet(1, parts=(("engine",),), modes=("RawDeployment",))]
    for each in items:
        each["metadata"].pop("managedFields")
        each["spec"].pop("clusterIP", None)
        each["spec"].pop("clusterIPs", None)
    return orjson.dumps({"apiVersion": "v1", "kind": "List", "items": items})
