"""``doorward get``: all doors, and how each stands."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from doorward_daemon.access_options import Context, Kubeconfig, Source
from doorward_daemon.asking.options import AllNamespaces, Format, Namespace, Output, Services

__all__ = ["command"]


def command(
    name: Services = None,
    namespace: Namespace = None,
    all_namespaces: AllNamespaces = False,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Go on, with a line for each door that changes, until interrupted.")
    ] = False,
    output: Output = Format.table,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    source: Source = None,
) -> None:
    """List the doors of services: their backend, URL, readiness and the reason.

    URL, READY and REASON are what doorward reported in each service's status, and are empty where it didn't yet.
    BACKEND is what opens the door from outside, and is empty for one that is reached inside the cluster alone.

    Examples:

        doorward get -A

        doorward get llama -n chat -o yaml

        doorward get -w

    Exit status: 0; 1 when a service that was named isn't there; 2 when the cluster can't be asked.
    """
    from doorward_daemon.asking import getting
    from doorward_daemon.asking.failing import answering

    with answering():
        question = getting.Question(
            names=tuple(name or ()),
            namespace=namespace or "",
            everywhere=all_namespaces,
            format=output.value,
            settings_namespace=os.environ.get("POD_NAMESPACE") or "ome",
            sources=tuple(source or ()),
        )
        status = getting.get(kubeconfig, context, question, watch=watch)
    raise typer.Exit(status)
