"""``doorward explain``: why doors look as they do."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from doorward_daemon.access_options import Context, Kubeconfig, Source
from doorward_daemon.asking.options import (
    AllNamespaces,
    ClusterName,
    Format,
    Namespace,
    OptionalJournal,
    Output,
    Services,
)

__all__ = ["command"]


def command(
    name: Services = None,
    namespace: Namespace = None,
    all_namespaces: AllNamespaces = False,
    file: Annotated[
        list[str] | None,
        typer.Option(
            "--file",
            "-f",
            metavar="FILE",
            help="Explain what these files would give in a healthy cluster, and ask no cluster: a file, a folder, or - "
            "for standard input; may be given more than once.",
        ),
    ] = None,
    journal: OptionalJournal = None,
    cluster_name: ClusterName = "",
    output: Output = Format.table,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    source: Source = None,
) -> None:
    """Tell why the door of a service looks as it does: each part with what decided it, and where that stands.

    Parts are the exposure, mode, routes, backend, class, hosts, path, scheme and guard. Each names the annotation,
    label or field of the service, the setting of the cluster, or the plugin that decided it: with its file and line, or
    with its object and field, who wrote it, and when. With --journal, also the record with which it became what it is.
    Then come the door's objects, and what was refused, denied or warned of.

    Where no NAME is given, every door of the namespace is told, or of all with --all-namespaces, or of the files; each
    has a heading of its own. JSON and YAML hold a list then, as for several names, and one object for one name.

    Examples:

        doorward explain llama -n chat

        doorward explain -A -o json

        doorward explain chat/llama -f llama.yaml -f settings.yaml

        doorward explain chat/llama --journal /var/lib/doorward/journal

    Exit status: 0; 1 when a service can't have the door that it asks for; 2 when that can't be told, or a service that
    was named isn't there.
    """
    from doorward_daemon.asking.explaining import Question, explain
    from doorward_daemon.asking.failing import answering

    with answering():
        question = Question(
            names=tuple(name or ()),
            namespace=namespace or "",
            everywhere=all_namespaces,
            files=tuple(file or ()),
            journal=journal or "",
            cluster=cluster_name,
            format=output.value,
            settings_namespace=os.environ.get("POD_NAMESPACE") or "ome",
            sources=tuple(source or ()),
        )
        status = explain(kubeconfig, context, question)
    raise typer.Exit(status)
