"""``doorward authz``: the command line of the authorization service."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from doorward_daemon.access_options import Context, Kubeconfig, Source
from doorward_daemon.run import LogFormat

__all__ = ["command"]


def command(
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Annotated[
        list[str] | None,
        typer.Option(
            "--namespace",
            "-n",
            metavar="NAME",
            help="Know the doors of this namespace alone; may be given more than once.",
        ),
    ] = None,
    listen: Annotated[
        str | None,
        typer.Option(
            "--listen",
            metavar="HOST:PORT",
            help="Answer checks there. [default: :9191 in a pod, else 127.0.0.1:9191]",
            show_default=False,
        ),
    ] = None,
    source: Source = None,
    log_format: Annotated[
        LogFormat, typer.Option("--log-format", help="auto: pretty on a terminal, JSON elsewhere.")
    ] = LogFormat.auto,
) -> None:
    """Tell proxies, request by request, whether a client may come in by a guarded door.

    A door is guarded where its InferenceService says doorward.io/auth: api-key (or basic), and names the Secret with
    the keys in doorward.io/auth-secret. doorward has the proxy ask here; this command answers. Run two or more of it
    behind the Service that setting authService names: while none answers, guarded doors are closed to everybody. It
    reads InferenceServices, the settings, and the Secrets that are named, and writes nothing.

    A check says for which door it is, and brings the client's headers along:

        curl -i http://127.0.0.1:9191/door/nginx/NAMESPACE/NAME -H 'X-API-Key: KEY'

    200 lets in, and names the client in header doorward-client; 401 is a missing or wrong key, or no such door; 403 a
    path that could be read in two ways, on a host that doors share by path; 503 says that it doesn't know yet. /readyz
    tells whether it does, /metrics how it answered.

    Exit status: 0 after a clean stop; 1 when it can't begin.
    """
    from doorward_daemon import plain_structlog

    plain_structlog.prepare()
    from doorward.backends import OME

    from doorward_daemon import logs
    from doorward_daemon.authz import process

    logs.configure(log_format.value)
    in_pod = bool(os.environ.get("KUBERNETES_SERVICE_HOST"))
    raise typer.Exit(
        process.start(
            kubeconfig,
            context,
            listen=listen if listen is not None else ":9191" if in_pod else "127.0.0.1:9191",
            settings_namespace=os.environ.get("POD_NAMESPACE") or "ome",
            namespaces=tuple(dict.fromkeys(namespace or ())),
            sources=tuple(source or (OME,)),
        )
    )
