"""``python -m tests.controlplane up [--port N] [--dir DIR]``: an API server to play with, until interrupted.

It has the CustomResourceDefinitions of ``tests/crds``.  Prints the path of its kubeconfig::

    $ python -m tests.controlplane up &
    /tmp/doorward-x2kd1l/kubeconfig
    $ KUBECONFIG=/tmp/doorward-x2kd1l/kubeconfig kubectl get inferenceservices --all-namespaces

``python -m tests.controlplane build`` only builds the binaries and prints their folder.
"""

from __future__ import annotations

import argparse
import signal
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.controlplane.binaries import BuildError, built, find_go
from tests.controlplane.definitions import default_files
from tests.controlplane.providers import HOW, find
from tests.controlplane.server import StartError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.controlplane", description=__doc__.partition(":")[2])
    parser.add_argument("command", choices=("up", "build"))
    parser.add_argument("--port", type=int, default=0, help="of the API server on 127.0.0.1; any that is free")
    parser.add_argument("--dir", type=Path, help="where its state goes; a new folder that is removed at the end")
    arguments = parser.parse_args()
    try:
        return build() if arguments.command == "build" else up(arguments.port, arguments.dir)
    except (BuildError, StartError) as error:
        tell(str(error))
        return 1


def build() -> int:
    binaries = built(find_go(install=True, tell=tell), tell)
    if binaries is None:
        tell("no Go")
        return 1
    print(binaries.folder)
    return 0


def up(port: int, folder: Path | None) -> int:
    ends = {signal.SIGINT, signal.SIGTERM}
    for end in ends:
        signal.signal(end, signal.default_int_handler)
    with suppress(KeyboardInterrupt), ExitStack() as stack:
        folder = folder or Path(stack.enter_context(TemporaryDirectory(prefix="doorward-")))
        start = find(tell, own=True, port=port)
        if start is None:
            tell(HOW)
            return 1
        server = stack.enter_context(start(folder, default_files()))
        signal.pthread_sigmask(signal.SIG_BLOCK, ends)
        print(server.kubeconfig, flush=True)
        tell(f"in another shell: export KUBECONFIG={server.kubeconfig}; Ctrl-C here ends it")
        signal.sigwait(ends)
    return 0


def tell(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
