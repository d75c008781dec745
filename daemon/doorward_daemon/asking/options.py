"""The options that every command which asks has."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from doorward_daemon.asking.completing import complete_services

__all__ = [
    "AllNamespaces",
    "ClusterName",
    "Format",
    "Journal",
    "Namespace",
    "OneService",
    "OptionalJournal",
    "Output",
    "Services",
]


class Format(StrEnum):
    table = "table"
    json = "json"
    yaml = "yaml"


Output = Annotated[Format, typer.Option("--output", "-o", help="How to print.")]
Namespace = Annotated[
    str | None,
    typer.Option(
        "--namespace",
        "-n",
        metavar="NAMESPACE",
        help="Where the services are. [default: that of the kubeconfig's context]",
        show_default=False,
    ),
]
AllNamespaces = Annotated[bool, typer.Option("--all-namespaces", "-A", help="Those of every namespace.")]
Services = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME", help="Services, as NAME or NAMESPACE/NAME.", autocompletion=complete_services),
]
OneService = Annotated[
    str, typer.Argument(metavar="NAME", help="A service, as NAME or NAMESPACE/NAME.", autocompletion=complete_services)
]
_JOURNAL = "The journal that the daemon keeps (run --journal)."
Journal = Annotated[str, typer.Option("--journal", metavar="FILE|URL", help=_JOURNAL)]
OptionalJournal = Annotated[str | None, typer.Option("--journal", metavar="FILE|URL", help=_JOURNAL)]
ClusterName = Annotated[
    str,
    typer.Option(
        "--cluster-name",
        metavar="NAME",
        help="Whose journal, in a database that has several: the UID of that cluster's namespace kube-system, or what "
        "run --cluster-name said.",
        show_default=False,
    ),
]
