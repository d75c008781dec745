"""``doorward plugin``: the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(
    name="plugin",
    help="Write a backend of your own.",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def about() -> None:
    """Write a backend of your own."""


@app.command("new")
def new(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The backend's name: lower case, as in doorward.io/backend.")
    ],
    into: Annotated[
        Path | None,
        typer.Option("--into", metavar="FOLDER", help="Write it there. [default: doorward-NAME]", show_default=False),
    ] = None,
) -> None:
    """Write a distribution with a backend that works, for you to make yours.

    It has a backend for an imaginary gateway, an entry point, an evaluator for the conformance kit, tests, types and a
    workflow for CI. What you have to change is marked: search for CHANGE. As it is, it passes its own tests:

        doorward plugin new hello
        cd doorward-hello
        pip install -e '.[test]'
        pytest

    Exit status: 0; 1 when the folder isn't empty; 2 for a name that no backend can have.
    """
    from doorward_daemon.plugin.writing import Unwritable, write

    try:
        folder, written = write(name, into)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="NAME") from error
    except Unwritable as error:
        typer.echo(f"doorward: {error}", err=True)
        raise typer.Exit(1) from error
    for path in written:
        typer.echo(f"{folder / path}")
    typer.echo(f"\nIt works as it is: cd {folder} && pip install -e '.[test]' && pytest", err=True)
    typer.echo("What to make yours is marked CHANGE; docs/writing-a-backend.md goes with you.", err=True)


@app.command("rights")
def rights(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The backend's name, as in doorward.io/backend.")],
    namespace: Annotated[
        str, typer.Option("--namespace", "-n", metavar="NAMESPACE", help="Where doorward's ServiceAccount is.")
    ] = "ome",
    account: Annotated[
        str, typer.Option("--service-account", metavar="ACCOUNT", help="The name of that ServiceAccount.")
    ] = "doorward",
) -> None:
    """Print the rights that an installed backend needs, for kubectl to apply beside deploy/doorward.yaml.

    A ClusterRole that allows what the backend's `watches` names, and nothing else, and its binding:

        doorward plugin rights hello | kubectl apply -f -

    Exit status: 0; 2 for a backend that isn't installed, or can't be loaded.
    """
    from doorward.backends import BackendError

    from doorward_daemon.plugin import rights

    try:
        typer.echo(rights.manifests(name, namespace, account), nl=False)
    except (BackendError, ValueError) as error:
        raise typer.BadParameter(str(error), param_hint="NAME") from error
