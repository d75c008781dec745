"""``doorward install`` and ``doorward uninstall``: the command line."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from doorward_daemon.access_options import Context, Kubeconfig, Source
from doorward_daemon.saying import say_error

if TYPE_CHECKING:
    from doorward.cluster.protocol import Cluster

__all__ = ["install", "uninstall"]

Namespace = Annotated[
    str,
    typer.Option("--namespace", "-n", metavar="NAME", help="Where doorward runs, and where its settings are."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Ask the API server what it would say, and write nothing.")]


class Output(StrEnum):
    yaml = "yaml"


def install(
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = "ome",
    image: Annotated[
        str,
        typer.Option("--image", metavar="IMAGE", help="The image. [default: doorward:VERSION]", show_default=False),
    ] = "",
    replicas: Annotated[
        int, typer.Option("--replicas", min=1, max=2, help="One that leads, and perhaps one that stands by.")
    ] = 2,
    source: Source = None,
    page: Annotated[
        bool, typer.Option("--page", help="Serve the page, to who has a token of the cluster, with the right to ask.")
    ] = False,
    dry_run: DryRun = False,
    output: Annotated[
        Output | None,
        typer.Option("--output", "-o", help="Print the manifests, and ask no cluster.", show_default=False),
    ] = None,
) -> None:
    """Install doorward in a cluster: what deploy/chart does, with its defaults, without helm.

    A ServiceAccount with the rights that the engine, the backends installed here and the sources need, and no more; a
    Deployment; a PodDisruptionBudget and a NetworkPolicy. Done again, it updates what it made, and takes away what is
    no longer asked for. What somebody else made under these names is left alone, and then nothing is written.

    Examples:

        doorward install --dry-run

        doorward install --image registry.example.com/doorward:0.1.0

        doorward install -o yaml > doorward.yaml

    Exit status: 0; 1 when the API server refuses, or something of these names is somebody else's.
    """
    from doorward.backends import OME, NoSource

    from doorward_daemon.install import installing
    from doorward_daemon.install.manifests import manifests, text

    sources = tuple(dict.fromkeys(source or (OME,)))
    try:
        objects = manifests(namespace=namespace, image=image, replicas=replicas, sources=sources, page=page)
    except NoSource as error:
        raise typer.BadParameter(str(error), param_hint="--source") from error
    if output:
        typer.echo(text(objects), nl=False)
        return
    _on_cluster(
        kubeconfig,
        context,
        lambda cluster: installing.install(cluster, objects, namespace, typer.echo, dry_run=dry_run),
    )
    if not dry_run:
        typer.echo(f"\nIs it ready? kubectl --namespace {namespace} rollout status deployment doorward", err=True)


def uninstall(
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Namespace = "ome",
    dry_run: DryRun = False,
) -> None:
    """Take away what doorward install made, and say what stays, and why.

    Doors stay, and what the status of each service says of them: they serve without doorward. To close them, do so
    before: set disableIngressCreation, and wait until they are closed; or delete them afterwards, as is told.

    Exit status: 0; 1 when the API server refuses.
    """
    from doorward_daemon.install import installing

    _on_cluster(
        kubeconfig, context, lambda cluster: installing.uninstall(cluster, namespace, typer.echo, dry_run=dry_run)
    )


def _on_cluster(kubeconfig: Path | None, context: str | None, work: Callable[[Cluster], Awaitable[None]]) -> None:
    """Do something with the cluster that the options name; what keeps it from being done is told."""
    import asyncio

    from doorward.cluster.kube import AccessError
    from doorward.cluster.protocol import ApiError

    from doorward_daemon.install.installing import Foreign
    from doorward_daemon.reaching import reached

    async def connected() -> None:
        cluster = reached(kubeconfig, context)
        try:
            await work(cluster)
        finally:
            await cluster.close()

    try:
        asyncio.run(connected())
    except (AccessError, ApiError, Foreign, OSError) as error:
        say_error(error)
        raise typer.Exit(1) from error
