"""``doorward log``: the story of one door."""

from __future__ import annotations

from typing import Annotated

import typer

from doorward_daemon.asking.options import ClusterName, Format, Journal, Namespace, OneService, Output

__all__ = ["command"]


def command(
    name: OneService,
    journal: Journal,
    namespace: Namespace = None,
    since: Annotated[
        str, typer.Option("--since", metavar="WHEN", help="From then on: 90m, 2h or 3d ago, or 2026-01-31T12:00:00Z.")
    ] = "",
    cluster_name: ClusterName = "",
    output: Output = Format.table,
) -> None:
    """Tell the story of one door from the journal: what its users changed, what doorward did, and because of what.

    The journal is the file, or the database, that `doorward run --journal` keeps; it is read beside the daemon, and
    needs no cluster. Each line names its record, and BECAUSE names the record that led to it. Without a namespace,
    `default` is meant.

    Examples:

        doorward log chat/llama --journal /var/lib/doorward/journal

        doorward log llama -n chat --since 2h --journal journal

    Exit status: 0; 1 when the journal knows no such service; 2 when it can't be read.
    """
    from doorward_daemon.asking.failing import answering
    from doorward_daemon.asking.telling import log

    with answering():
        status = log(journal, name, namespace or "default", since, output.value, cluster_name)
    raise typer.Exit(status)
