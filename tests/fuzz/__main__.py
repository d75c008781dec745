"""Many inputs, for all targets or some of them.

Exit status: 0; 1 when something doesn't hold for an input, which is then told and kept in ``.cache/fuzz``.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from math import inf
from multiprocessing import get_context
from multiprocessing.pool import ThreadPool
from subprocess import Popen

from tests.fuzz import TARGETS
from tests.fuzz.finding import FOLDER, Finding
from tests.fuzz.playing import chunks, play, shares


def at_random(counts: dict[str, int], jobs: int, seed: int, seconds: float) -> tuple[Counter[str], list[Finding]]:
    tried_: Counter[str] = Counter()
    findings: dict[str, Finding] = {}
    end = time.monotonic() + seconds
    with get_context("spawn").Pool(jobs) as pool:
        for name, count, found in pool.imap_unordered(play, chunks(counts, seed)):
            tried_[name] += count
            for finding in found:
                if findings.setdefault(finding.where, finding) is finding:
                    print(f"{name}: {finding.where}: {finding.error}\n  {finding.keep()}", flush=True)
            if time.monotonic() > end:
                break
    return tried_, list(findings.values())


def guided(counts: dict[str, int], jobs: int, seed: int) -> tuple[Counter[str], int]:
    """How many inputs each target was given, and how many processes found something or failed."""
    from tests.fuzz.guided import log_of, packages, start

    packages()
    done, bad = Counter[str](), 0
    before = set(FOLDER.glob("*/*.json"))
    with ThreadPool(jobs) as pool:
        for name, status in pool.imap_unordered(partial(_to_its_end, start, seed), counts.items(), chunksize=1):
            said = log_of(name).read_text(errors="replace")
            told = [line for line in said.splitlines() if "number_of_executed_units" in line]
            done[name] = int(told[-1].rpartition(" ")[2]) if told else 0
            if status or done[name] < counts[name]:
                bad += 1
                print(f"{name}: ended with status {status}\n{said[-2000:]}", flush=True)
    return done, bad + len(set(FOLDER.glob("*/*.json")) - before)


def _to_its_end(start: Callable[[str, int, int], Popen[bytes]], seed: int, count: tuple[str, int]) -> tuple[str, int]:
    name, runs = count
    return name, start(name, runs, seed).wait()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"one of {', '.join(TARGETS)}; all without any")
    parser.add_argument("--inputs", type=int, default=100_000, help="of all targets together (100000)")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time (2)")
    parser.add_argument("--seconds", type=float, default=inf, help="end after so many, without --guided")
    parser.add_argument("--seed", type=int, default=0, help="another one, other inputs (0)")
    parser.add_argument("--guided", action="store_true", help="led by the lines that inputs reach, by atheris")
    given = parser.parse_args(arguments)
    if strangers := set(given.targets) - set(TARGETS):
        parser.error(f"no target {', '.join(sorted(strangers))}")
    began = time.monotonic()
    counts = shares(given.targets or list(TARGETS), given.inputs)
    if given.guided:
        done, bad = guided(counts, given.jobs, given.seed)
    else:
        done, found = at_random(counts, given.jobs, given.seed, given.seconds)
        bad = len(found)
    for name, count in done.items():
        print(f"{count:>12,} inputs for {name}")
    print(f"{sum(done.values()):>12,} inputs in {time.monotonic() - began:.0f} s; findings: {bad}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
