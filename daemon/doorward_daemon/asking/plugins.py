"""``doorward plugins``: what is installed."""

from __future__ import annotations

import typer

from doorward_daemon.asking.options import Format, Output

__all__ = ["command"]


def command(output: Output = Format.table) -> None:
    """List the backends and sources that are installed: versions, kinds, rights, and which doors each would open.

    OPENS tells which doors a backend opens, under default settings or with the one that is named, where the service
    itself names none: by mode, by a Service's type, or by an ingress class of its own. The rights of each, as rules of
    RBAC, are in -o json and yaml; `doorward plugin rights NAME` prints them for kubectl apply.

    Examples:

        doorward plugins

        doorward plugins -o yaml

    Exit status: 0; 1 when a plugin can't be used, with the reason in its line.
    """
    from doorward_daemon.asking.installed import COLUMNS, installed
    from doorward_daemon.asking.printing import echo, structured, table

    found = installed()
    if output is Format.table:
        for line in table(COLUMNS, [each.cells() for each in found]):
            echo(line)
    else:
        echo(structured([each.plain() for each in found], output.value), nl=False)
    raise typer.Exit(1 if any(each.problem for each in found) else 0)
