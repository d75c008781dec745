"""The same inputs, led by which lines they reach: atheris, a fuzzer on libFuzzer, in a process for each target.

atheris isn't in ``.venv``; what ``requirements/fuzz.txt`` pins is installed into the cache.  It keeps what reaches
something new beside the findings, and goes on from there.  libFuzzer ends the process itself, so that this one looks at
the findings afterwards.

    python -m tests.fuzz.guided TARGET RUNS SEED
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.controlplane.binaries import cache_folder, one_at_a_time
from tests.fuzz.finding import FOLDER, smaller, tried
from tests.fuzz.target import LIMIT, Target

PINS = Path(__file__).parents[2] / "requirements" / "fuzz.txt"
WATCHED = ["doorward", "doorward_daemon", "doorward_istio", "doorward_k8s_ingress", "doorward_gateway_api",
           "doorward_loadbalancer", "doorward_cluster_local"]  # fmt: skip
SLOWER = 5
"""How many times longer an input may take while its lines are counted."""
LONGEST = 768
"""Bytes of an input."""


def packages() -> Path:
    """A folder for PYTHONPATH with exactly what ``requirements/fuzz.txt`` pins.  Raises SystemExit."""
    folder = cache_folder() / f"fuzz-{sha256(PINS.read_bytes()).hexdigest()[:12]}-{sys.version_info[1]}" / "packages"
    if folder.exists():
        return folder
    with one_at_a_time(folder):
        if not folder.exists():
            with TemporaryDirectory(dir=folder.parent) as scratch:
                target = Path(scratch) / "packages"
                pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--no-deps"]
                command = [*pip, "--require-hashes", "--target", str(target), "--requirement", str(PINS)]
                if subprocess.call(command):
                    raise SystemExit("pip couldn't install what requirements/fuzz.txt pins (its words are above)")
                target.rename(folder)
    return folder


def log_of(target: str) -> Path:
    """What libFuzzer says of a target."""
    return FOLDER / "corpus" / f"{target}.log"


def start(target: str, runs: int, seed: int) -> subprocess.Popen[bytes]:
    """A process that tries so many inputs; what it finds is in the folder of findings."""
    (FOLDER / "corpus" / target).mkdir(parents=True, exist_ok=True)
    path = os.pathsep.join(filter(None, (str(packages()), os.environ.get("PYTHONPATH", ""))))
    command = [sys.executable, "-m", "tests.fuzz.guided", target, str(runs), str(seed)]
    with log_of(target).open("wb") as log:
        return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, stderr=log)


def fuzz(name: str, runs: int, seed: int) -> None:
    """Never returns: libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=WATCHED):
        target: Target = importlib.import_module(f"tests.fuzz.{name}").TARGET
    known: set[str] = set()

    def one(data: bytes) -> None:
        finding = tried(target, data, LIMIT * SLOWER)
        if finding and finding.where not in known:
            known.add(finding.where)
            finding = smaller(target, data, finding, LIMIT * SLOWER)
            print(f"{name}: {finding.where}: {finding.error}\n  {finding.keep()}", flush=True)

    options = [
        f"-runs={runs}",
        f"-seed={seed + 1}",
        f"-max_len={LONGEST}",
        "-rss_limit_mb=4096",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(FOLDER / "corpus" / name)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    fuzz(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
