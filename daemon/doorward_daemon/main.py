"""``doorward``: the front door of model serving on Kubernetes.

Each command imports what it works with when it is called: the client of a real cluster takes longer to import than
``doorward render`` to run.
"""

from __future__ import annotations

import os
import shlex
import sys
from typing import Annotated

import typer

from doorward_daemon import demo, doctor, render, run, simulate
from doorward_daemon.asking import diff, explain, get, log, plugins, replay
from doorward_daemon.authz import command as authz
from doorward_daemon.install import command as install
from doorward_daemon.plugin import command as plugin

__all__ = ["app", "complete_for_kubectl", "main"]

app = typer.Typer(
    name="doorward",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.command("run")(run.command)
app.command("render")(render.command)
app.command("get")(get.command)
app.command("explain")(explain.command)
app.command("diff")(diff.command)
app.command("log")(log.command)
app.command("replay")(replay.command)
app.command("plugins")(plugins.command)
app.command("doctor")(doctor.command)
app.command("demo")(demo.command)
app.command("authz")(authz.command)
app.command("install")(install.install)
app.command("uninstall")(install.uninstall)
app.command("simulate")(simulate.command)
app.add_typer(plugin.app, name="plugin")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"doorward {version('doorward-daemon')}")
        raise typer.Exit


@app.callback()
def about(
    _: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Give every OME InferenceService a front door, and keep it standing.

    Begin with `doorward demo`: it shows doors opening, changing and being repaired in a cluster that exists in memory
    only. `doorward render` prints what your own InferenceServices would get. `doorward run` does it. `doorward get`
    lists the doors of a cluster, `doorward explain` tells why one looks as it does, `doorward diff` what an edit would
    change.
    """


def main() -> None:
    app()


def complete_for_kubectl() -> None:
    """Complete ``kubectl doorward …``: kubectl calls ``kubectl_complete-doorward`` with the words so far.

    Printed are the candidates, and a line that asks for nothing beside them.  Source: kubernetes/kubectl,
    ``pkg/cmd/plugin/plugin_completion.go``; the directives are cobra's (``ShellCompDirectiveNoFileComp``, 4).
    """
    words = ["doorward", *sys.argv[1:]]
    os.environ["_DOORWARD_COMPLETE"] = "complete_bash"
    os.environ["COMP_WORDS"] = f"{shlex.join(words[:-1])} {words[-1]}"
    os.environ["COMP_CWORD"] = str(len(words) - 1)
    try:
        app(prog_name="doorward")
    finally:
        typer.echo(":4")
