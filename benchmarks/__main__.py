"""``python -m benchmarks``: every figure, each a ratio (or a size) that one run measures side by side."""

from __future__ import annotations

import argparse

from benchmarks import checks, convergence, engine_alone, time_to_open

AIMS = {
    "engine / decoding": "at most 15",
    "growth": "at most 11",
    "one event": "1",
    "bytes a service": "at most 10,000",
    "convergence": "at least 0.8",
    "checks a second": "at least 2,000",
    "p99 of a check": "at most 5",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of each, some minutes in all")
    parser.add_argument(
        "--only",
        choices=("engine", "server", "checks", "door"),
        help="the engine alone, before a real API server, checks of guarded doors, or how long a door takes to open at "
        "real proxies (in milliseconds; only if it is asked for)",
    )
    arguments = parser.parse_args()
    if arguments.only == "door":
        for name, milliseconds in time_to_open.measure(20 if arguments.quick else 100).items():
            print(f"{name:<35} {milliseconds:>6,.0f} ms")
        return
    figures: dict[str, float] = {}
    if arguments.only in (None, "engine"):
        figures |= engine_alone.measure(rounds=1 if arguments.quick else 5)
    if arguments.only in (None, "server"):
        figures |= convergence.measure(rounds=2 if arguments.quick else 5)
    if arguments.only in (None, "checks"):
        figures |= checks.measure(rounds=1 if arguments.quick else 3)
    width = max(len(name) for name in figures)
    for name, figure in figures.items():
        aim = next((aim for start, aim in AIMS.items() if name.startswith(start)), "")
        print(f"{name:<{width}}  {figure:>10,.2f}  (aim: {aim})")


if __name__ == "__main__":
    main()
