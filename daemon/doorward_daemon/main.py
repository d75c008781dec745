"""``doorward``: the front door of model serving on Kubernetes.

Each command imports what it works with when it is called: the client of a real cluster takes longer to import than
``doorward render`` to run.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from doorward_daemon import demo, doctor, render, run, simulate
from doorward_daemon.authz import command as authz
from doorward_daemon.install import command as install
from doorward_daemon.plugin import command as plugin

__all__ = ["app", "main"]

app = typer.Typer(
    name="doorward",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.command("run")(run.command)
app.command("render")(render.command)
app.command("doctor")(doctor.command)
app.command("demo")(demo.command)
app.command("authz")(authz.command)
app.command("install")(install.install)
app.command("uninstall")(install.uninstall)
app.command("simulate")(simulate.command)
app.add_typer(plugin.app, name="plugin")


def _version(wanted: bool) -> None:
    if wanted:
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
    only. `doorward render` prints what your own InferenceServices would get. `doorward run` does it.
    """


def main() -> None:
    app()
