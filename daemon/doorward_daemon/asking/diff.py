"""``doorward diff``: what applying manifests would change."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from doorward_daemon.access_options import Context, Kubeconfig, Source
from doorward_daemon.asking.options import Format, Namespace, Output

__all__ = ["command"]


def command(
    file: Annotated[
        list[str],
        typer.Option(
            "--file",
            "-f",
            metavar="FILE",
            help="A file, a folder, or - for standard input; may be given more than once. Several documents each.",
        ),
    ],
    namespace: Namespace = None,
    output: Output = Format.table,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    source: Source = None,
) -> None:
    """Show what applying these files would change, on the objects themselves and on every door.

    Files hold InferenceServices, the ConfigMap inferenceservice-config, or anything else that doors depend on. All that
    bears on doors is read from the cluster; the engine then opens, changes and closes them in memory, as a healthy
    cluster would have it at the end, overlaps gone by and components ready. Nothing is written. An edit of the settings
    ends with the doors that would move. With --namespace, that namespace alone is read: quick, and allowed to tenants,
    but hosts of others are out of sight.

    Examples:

        doorward diff -f llama.yaml

        kubectl -n ome get cm inferenceservice-config -o yaml | sed s/example.com/example.org/ | doorward diff -f -

    Exit status, as kubectl diff: 0 without a difference, 1 with one, 2 when that can't be told.
    """
    from doorward_daemon.asking.differing import Question, diff
    from doorward_daemon.asking.failing import answering

    with answering():
        question = Question(
            files=tuple(file),
            namespace=namespace or "",
            format=output.value,
            settings_namespace=os.environ.get("POD_NAMESPACE") or "ome",
            sources=tuple(source or ()),
        )
        status = diff(kubeconfig, context, question)
    raise typer.Exit(status)
