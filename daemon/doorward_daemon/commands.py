"""``doorward``: the front door of model serving on Kubernetes, as typer and click know it.

A command is imported and built when it is asked for by name, and all of them where they are listed: typer builds one
out of its signature in a fifth of the time that an empty Python takes.  What a command works with, it imports when it
is called: the client of a real cluster takes longer to import than ``doorward render`` to run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

__all__ = ["PLACES", "app"]

PLACES = {
    "run": "run:command",
    "render": "render:command",
    "get": "asking.get:command",
    "explain": "asking.explain:command",
    "diff": "asking.diff:command",
    "log": "asking.log:command",
    "replay": "asking.replay:command",
    "plugins": "asking.plugins:command",
    "doctor": "doctor:command",
    "demo": "demo:command",
    "authz": "authz.command:command",
    "install": "install.command:install",
    "uninstall": "install.command:uninstall",
    "simulate": "simulate:command",
    "plugin": "plugin.command:app",
}
"""Where each command is, by its name, in the order of ``--help``."""


class _Commands(Mapping[str, Any]):
    """click's commands by their names, built as they are asked for."""

    def __init__(self) -> None:
        self._built: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._built:
            self._built[name] = _build(name)
        return self._built[name]

    def __iter__(self) -> Iterator[str]:
        return iter(PLACES)

    def __len__(self) -> int:
        return len(PLACES)


def _build(name: str) -> Any:
    module, _, attribute = PLACES[name].partition(":")
    found = getattr(import_module(f"doorward_daemon.{module}"), attribute)
    if isinstance(found, typer.Typer):
        return typer.main.get_command(found)
    alone = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    alone.command(name)(found)
    return typer.main.get_command(alone)


class _Group(TyperGroup):
    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "commands": _Commands()})

    def list_commands(self, _: Any) -> list[str]:
        return list(PLACES)


app = typer.Typer(
    name="doorward",
    cls=_Group,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


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
