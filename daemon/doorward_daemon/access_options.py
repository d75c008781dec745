"""The options of every command that reads a cluster: which one, and whose doors it is for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Kubeconfig = Annotated[
    Path | None,
    typer.Option("--kubeconfig", metavar="FILE", help="Instead of KUBECONFIG, ~/.kube/config or the pod's own."),
]
Context = Annotated[
    str | None, typer.Option("--context", metavar="NAME", help="Instead of the kubeconfig's current one.")
]
Source = Annotated[
    list[str] | None,
    typer.Option(
        "--source",
        metavar="NAME",
        help="A kind whose objects have doors: ome, kserve, kserve_llm, or an installed plugin's; may be given more "
        "than once. [default: ome]",
        show_default=False,
    ),
]
