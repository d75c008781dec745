"""``doorward render``: what would stand for these InferenceServices, without a cluster."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Annotated

import typer

from doorward_daemon.saying import say, say_error

__all__ = ["command"]


class Format(StrEnum):
    yaml = "yaml"
    json = "json"


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
    output: Annotated[Format, typer.Option("--output", "-o", help="How to print.")] = Format.yaml,
    simulate: Annotated[
        bool,
        typer.Option(
            "--simulate",
            help="Play the rest of a healthy cluster: components get ready, gateways accept routes, load balancers "
            "get addresses (203.0.113.0/24). What the files say of these counts.",
        ),
    ] = False,
) -> None:
    """Print the objects that would stand for InferenceServices, and their status, without a cluster.

    Files may hold anything that a cluster would: InferenceServices, the ConfigMap inferenceservice-config with the
    settings (in namespace ome, or POD_NAMESPACE), Services, Gateways, IngressClasses, objects that stand already …
    What isn't given isn't there: without --simulate, a service whose status doesn't say that its components are ready
    has no door yet. The output is the same whenever the input is.

    Examples:

        doorward render -f llama.yaml --simulate

        kubectl get isvc,cm,svc -A -o yaml | doorward render -f -

    Exit status: 0; 1 when a service can't have the door that it asks for (why is told on standard error, the others
    are printed all the same); 2 when the input can't be read.
    """
    from doorward.backends import Backends, installed_sources
    from doorward.model.quoting import visible

    from doorward_daemon import manifests, printing
    from doorward_daemon.rendering import render

    try:
        backends = Backends(sources=installed_sources())
        documents = manifests.read(file, backends.sources.values())
        namespace = os.environ.get("POD_NAMESPACE") or "ome"
        rendered = render(documents, backends, settings_namespace=namespace, simulate=simulate)
    except manifests.InputError as error:
        say_error(visible(str(error)))
        raise typer.Exit(2) from None
    typer.echo(printing.text(rendered, output.value), nl=False)
    for finding in rendered.warnings:
        say("warning", typer.colors.YELLOW, visible(str(finding)))
    for finding in rendered.refused:
        say_error(visible(str(finding)))
    raise typer.Exit(1 if rendered.refused else 0)
