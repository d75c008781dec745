"""``doorward replay``: the doors as they were, and what would be decided today."""

from __future__ import annotations

from typing import Annotated

import typer

from doorward_daemon.asking.options import AllNamespaces, ClusterName, Format, Journal, Namespace, Output, Services

__all__ = ["command"]


def command(
    journal: Journal,
    name: Services = None,
    namespace: Namespace = None,
    all_namespaces: AllNamespaces = False,
    at: Annotated[
        str,
        typer.Option("--at", metavar="WHEN", help="A record's number, 2026-01-31T12:00:00Z, or 90m, 2h, 3d ago."),
    ] = "",
    since: Annotated[
        str, typer.Option("--since", metavar="WHEN", help="Compare from then on. [default: from the beginning]")
    ] = "",
    plugin: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="PLUGIN",
            help="Decide with this backend too: a module or a .py file, or NAME=MODULE; may be given more than once.",
        ),
    ] = None,
    cluster_name: ClusterName = "",
    output: Output = Format.table,
    source: Annotated[
        list[str] | None,
        typer.Option(
            "--source",
            metavar="NAME",
            help="As for run; may be given more than once. [default: those that it has doors of]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Show the doors as the journal has them, and compare what was decided with what this doorward would decide.

    The whole history is decided again by the version and the plugins that are installed here. Every write that was
    made and would not be, or would be and wasn't, is named with its record. So run this with a later version, or with
    another plugin, before you let it decide: exit status 0 means that it would have done the same. Nothing is written,
    and no cluster is asked. Without a namespace, all doors are shown.

    Examples:

        doorward replay --journal journal

        doorward replay --journal journal --at 2026-01-31T12:00:00Z llama -n chat

        doorward replay --journal journal --with my_gateway=./gateway.py

    Exit status: 0; 1 when something would be decided otherwise; 2 when the journal can't be read.
    """
    from doorward_daemon.asking.failing import answering
    from doorward_daemon.asking.replaying import Question, replay

    with answering():
        question = Question(
            names=tuple(name or ()),
            namespace="" if all_namespaces else namespace or "",
            at=at,
            since=since,
            plugins=tuple(plugin or ()),
            sources=tuple(source or ()),
            cluster=cluster_name,
            format=output.value,
        )
        status = replay(journal, question)
    raise typer.Exit(status)
