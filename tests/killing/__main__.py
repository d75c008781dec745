"""``python -m tests.killing``: a trial of any size; its report goes to standard output.

The whole of it, which takes half an hour, some minutes, and half an hour:

    python -m tests.killing --services 500 --kills 50 --outage 20
    python -m tests.killing --services 100 --kills 0 --stops 50
    python -m tests.killing --services 500 --kills 20 --crashes 20
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.controlplane import providers
from tests.killing.trial import Plan, server, trial
from tests.postgresql import server as postgresql


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.killing",
        description=__doc__.partition(": ")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--services", type=int, default=500)
    parser.add_argument("--kills", type=int, default=50, help="of whoever leads (SIGKILL)")
    parser.add_argument("--stops", type=int, default=0, help="of whoever leads, for longer than the Lease (SIGSTOP)")
    parser.add_argument("--outage", type=float, default=0.0, help="seconds without etcd and the API server")
    parser.add_argument("--rate", type=float, default=10.0, help="edits a second")
    parser.add_argument("--pause", type=float, default=4.0, help="seconds, at most, between two happenings")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--crashes", type=int, default=0, help="of a PostgreSQL server with both replicas' journal (SIGKILL)"
    )
    parser.add_argument(
        "--journal", default="", metavar="URL", help="where both keep their journal; without, each has a file"
    )
    parser.add_argument("--dir", type=Path, help="where the control plane's state and logs go, and stay")
    arguments = vars(parser.parse_args())
    kept = arguments.pop("dir")
    plan = Plan(**arguments)
    binaries = providers.local(tell)
    if binaries is None:
        tell(providers.HOW)
        return 1
    with ExitStack() as stack:
        database = stack.enter_context(database_server()) if plan.crashes else None
        folder = kept or Path(stack.enter_context(TemporaryDirectory(prefix="doorward-killing-")))
        plane = stack.enter_context(server(binaries, folder))
        try:
            report = asyncio.run(trial(plan, plane, tell, database))
        except AssertionError as error:
            tell(f"seed {plan.seed} fails: {error}")
            return 1
    print(report)
    return 0


def database_server() -> AbstractContextManager[postgresql.Postgresql]:
    """One that the trial may kill."""
    found = postgresql.binaries(tell)
    if found is None:
        sys.exit(postgresql.HOW)
    return postgresql.postgresql(found)


def tell(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
