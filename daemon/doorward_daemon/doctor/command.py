"""``doorward doctor``: the command line."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from doorward_daemon.access_options import Context, Kubeconfig, Source
from doorward_daemon.asking.options import Format, Output

__all__ = ["command"]


def command(
    name: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Services, NAME or NAMESPACE/NAME; all where none is named."),
    ] = None,
    namespace: Annotated[
        list[str] | None,
        typer.Option("--namespace", "-n", metavar="NAME", help="Look at this namespace; may be given more than once."),
    ] = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    source: Source = None,
    request: Annotated[
        bool, typer.Option("--request", help="Send one request through each door, and show how far it came.")
    ] = False,
    path: Annotated[str, typer.Option("--path", metavar="PATH", help="What --request asks for.")] = "/v1/models",
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="ADDRESS[:PORT]",
            help="With --request: go to this gateway, rather than where the host's name leads.",
            show_default=False,
        ),
    ] = "",
    network: Annotated[
        bool,
        typer.Option("--network/--no-network", help="Look hosts up, and shake hands with gateways, from here."),
    ] = True,
    lease: Annotated[str, typer.Option("--lease", metavar="NAME", help="The Lease of `doorward run`.")] = "doorward",
    url: Annotated[
        str,
        typer.Option(
            "--url",
            metavar="URL",
            help="Where a doorward answers (`doorward run --listen`), to be asked whether it is there.",
            show_default=False,
        ),
    ] = "",
    account: Annotated[
        str, typer.Option("--account", metavar="NAME", help="The ServiceAccount of `doorward run`.")
    ] = "doorward",
    output: Output = Format.table,
) -> None:
    """Say why requests don't arrive: cause, evidence, and the commands that help.

    Looks at services, their components, gateways, hosts and certificates, at the settings, doorward's rights, who else
    writes the same, and whether doorward runs. Reads only. What is closed on purpose is told where NAME is given. A
    doorward without a Lease that has nothing to do leaves no trace in the cluster: --url asks it.

    Examples:

        doorward doctor

        doorward doctor chat/llama --request

    Exit status: 0 when nothing is wrong, whatever is remarked; 1 when something is; 2 when the cluster can't be looked
    at, or has no such service.
    """
    import asyncio

    from doorward_daemon.doctor.consultation import Consultation, consult

    asked = Consultation(
        names=tuple(name or ()),
        namespaces=tuple(dict.fromkeys(namespace or ())),
        sources=tuple(source or ()),
        settings_namespace=os.environ.get("POD_NAMESPACE") or "ome",
        lease=lease,
        url=url,
        account=account,
        network=network,
        request=request,
        path=path,
        to=to,
        output=output.value,
        again=shlex.join(("doorward", *sys.argv[1:])),
        start="" if "POD_NAMESPACE" in os.environ else _start(kubeconfig, context, source, namespace),
    )
    raise typer.Exit(asyncio.run(consult(kubeconfig, context, asked)))


def _start(
    kubeconfig: Path | None, context: str | None, sources: Sequence[str] | None, namespaces: Sequence[str] | None
) -> str:
    """The command line that begins a doorward before what is looked at."""
    several = [*(("--source", each) for each in sources or ()), *(("--namespace", each) for each in namespaces or ())]
    given = [("--kubeconfig", kubeconfig), ("--context", context), *several]
    return shlex.join(("doorward", "run", *(str(word) for each in given if each[1] for word in each)))
