"""``python -m benchmarks``: every figure, measured against its peer in the same run."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

from benchmarks import (
    against_kopf,
    checks,
    contention,
    convergence,
    daemon_memory,
    editing,
    engine_alone,
    engine_memory,
    hook_calls,
    journal,
    one_event,
    page,
    restart,
    settings_edit,
    shared_journal,
    simulator,
    startup,
    stored,
    time_to_open,
)
from benchmarks.cluster.scene import Scene, scene
from benchmarks.figure import Figure, Scale, tell
from benchmarks.machine import machine
from benchmarks.report import Report, read

ALONE: dict[str, Callable[[Scale], list[Figure]]] = {
    "startup": startup.measure,
    "engine": engine_alone.measure,
    "large": one_event.measure,
    "memory": engine_memory.measure,
    "contention": contention.measure,
    "settings": settings_edit.measure,
    "journal": journal.measure,
    "simulator": simulator.measure,
    "checks": checks.measure,
}
BEFORE_A_SERVER: dict[str, Callable[[Scene, Scale], list[Figure]]] = {
    "cold": convergence.measure,
    "edits": editing.measure,
    "restart": restart.measure,
    "daemon-memory": daemon_memory.measure,
    "stored": stored.measure,
    "kopf": against_kopf.measure,
}
IF_ASKED: dict[str, Callable[[Scale], list[Figure]]] = {
    "hooks": hook_calls.measure,
    "door": time_to_open.measure,
    "postgresql": shared_journal.measure,
    "page": page.measure,
}
"""Those that have no goal, and say something about parts."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition(": ")[2])
    parser.add_argument("--quick", action="store_true", help="smaller, one round of each: five minutes in all")
    names = (*BEFORE_A_SERVER, *ALONE, *IF_ASKED)
    parser.add_argument(
        "--only",
        action="append",
        choices=names,
        metavar="NAME",
        help=f"measure this; may be given more than once: {', '.join(names)} (the last {len(IF_ASKED)} only if asked)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep what was measured there")
    parser.add_argument("--charts", type=Path, metavar="FOLDER", help="draw charts there")
    parser.add_argument("--show", type=Path, metavar="FILE", help="measure nothing: show, and draw, what is kept there")
    parser.add_argument("--publish", action="store_true", help="put what was measured into docs/performance.md")
    arguments = parser.parse_args()
    if arguments.show:
        report, failed = read(arguments.show), False
    else:
        report, failed = measured(Scale(quick=arguments.quick), arguments.only, arguments.json)
    if arguments.charts:
        report.draw(arguments.charts)
    if arguments.publish:
        report.publish()
    print(report.table())
    print()
    print(report.about())
    return 1 if failed else 0


def measured(scale: Scale, only: list[str] | None, file: Path | None) -> tuple[Report, bool]:
    """All that is asked for, kept in ``file`` as it comes; and whether anything couldn't be measured."""
    report, failed, began = Report(machine(), scale.quick, []), False, monotonic()
    asked = only or [*BEFORE_A_SERVER, *ALONE]
    with ExitStack() as stack:
        shared: Scene | None = None
        for name in (name for name in (*BEFORE_A_SERVER, *ALONE, *IF_ASKED) if name in asked):
            print(f"{name} ({(monotonic() - began) / 60:.0f} min)", file=sys.stderr, flush=True)
            try:
                if name in BEFORE_A_SERVER:
                    shared = shared or stack.enter_context(scene(scale.of(2_000, 200)))
                    report.figures += BEFORE_A_SERVER[name](shared, scale)
                else:
                    report.figures += (ALONE | IF_ASKED)[name](scale)
            except Exception:
                failed = True
                tell(f"{name} couldn't be measured:\n{traceback.format_exc()}")
            if file:
                report.keep(file)
    return report, failed


if __name__ == "__main__":
    sys.exit(main())
