"""Where the program begins: as itself, as ``kubectl doorward``, and as what completes that."""

from __future__ import annotations

import os
import shlex
import sys

from doorward_daemon import garbage

__all__ = ["complete_for_kubectl", "main"]


def main() -> None:
    garbage.look_rarely()
    from doorward_daemon.commands import app

    app()


def complete_for_kubectl() -> None:
    """Complete ``kubectl doorward …``: kubectl calls ``kubectl_complete-doorward`` with the words so far.

    Printed are the candidates, and a line that asks for nothing beside them.  Source: kubernetes/kubectl,
    ``pkg/cmd/plugin/plugin_completion.go``; the directives are cobra's (``ShellCompDirectiveNoFileComp``, 4).
    """
    garbage.look_rarely()
    import typer

    from doorward_daemon.commands import app

    words = ["doorward", *sys.argv[1:]]
    os.environ["_DOORWARD_COMPLETE"] = "complete_bash"
    os.environ["COMP_WORDS"] = f"{shlex.join(words[:-1])} {words[-1]}"
    os.environ["COMP_CWORD"] = str(len(words) - 1)
    try:
        app(prog_name="doorward")
    finally:
        typer.echo(":4")
