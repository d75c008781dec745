"""``doorward run``: the command line of the daemon."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Annotated

import typer

from doorward_daemon.access_options import Context, Kubeconfig, Source

__all__ = ["command"]


class LogFormat(StrEnum):
    auto = "auto"
    json = "json"
    pretty = "pretty"


def command(
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Annotated[
        list[str] | None,
        typer.Option(
            "--namespace",
            "-n",
            metavar="NAME",
            help="Serve this namespace alone; may be given more than once. Hosts are then guarded among these only.",
        ),
    ] = None,
    journal: Annotated[
        str,
        typer.Option(
            "--journal",
            metavar="FILE|URL",
            help="Keep what happened, and why, in this file, or in the database of a postgresql:// URL, which replicas "
            "and clusters share. Without one, the last good settings are forgotten when the daemon restarts; doors "
            "are not.",
            show_default=False,
        ),
    ] = "",
    cluster_name: Annotated[
        str,
        typer.Option(
            "--cluster-name",
            metavar="NAME",
            help="Whose journal it is, in a database. [default: the UID of namespace kube-system]",
            show_default=False,
        ),
    ] = "",
    once: Annotated[
        bool, typer.Option("--once", help="Reconcile until everything is still, print what was done, and exit.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing; print what would be written now, with the reasons.")
    ] = False,
    defaults: Annotated[
        bool,
        typer.Option(
            "--defaults",
            help="Take the default settings where there is no ConfigMap, even though doors stand: it may move them.",
        ),
    ] = False,
    listen: Annotated[
        str | None,
        typer.Option(
            "--listen",
            metavar="HOST:PORT",
            help="Serve /healthz, /readyz and /metrics there. [default: :8080 in a pod, else 127.0.0.1:8080; none with "
            "--once]",
            show_default=False,
        ),
    ] = None,
    authz: Annotated[
        str,
        typer.Option(
            "--authz",
            metavar="HOST:PORT",
            help="Answer the checks of guarded doors there, too: what `doorward authz` does as a process of its own.",
            show_default=False,
        ),
    ] = "",
    ui: Annotated[
        bool | None,
        typer.Option(
            "--ui/--no-ui",
            help="Serve the page for people at /ui of --listen. Elsewhere than on loopback it asks for a token of the "
            "cluster, and needs the rights of deploy/page.yaml. [default: on loopback]",
            show_default=False,
        ),
    ] = None,
    source: Source = None,
    leader_elect: Annotated[
        bool | None,
        typer.Option(
            "--leader-elect/--no-leader-elect",
            help="Write only while this process holds the Lease; others stand by, and go on at once. [default: in a "
            "pod, but for --once and --dry-run]",
            show_default=False,
        ),
    ] = None,
    lease: Annotated[
        str,
        typer.Option(
            "--lease",
            metavar="NAME",
            help="The Lease, in the namespace of the settings: processes that serve other namespaces need another.",
        ),
    ] = "doorward",
    lease_duration: Annotated[
        float,
        typer.Option(
            "--lease-duration",
            metavar="SECONDS",
            min=1,
            help="How long nobody leads after a crash, at most. Whoever can't renew the Lease stops writing after two "
            "thirds of it.",
        ),
    ] = 15.0,
    tracing: Annotated[
        bool,
        typer.Option(
            "--tracing",
            help="Tell each change as a trace, from an edit until its doors are accepted, to the collector that "
            "OTEL_EXPORTER_OTLP_ENDPOINT names. Needs doorward[tracing].",
        ),
    ] = False,
    log_format: Annotated[
        LogFormat, typer.Option("--log-format", help="auto: pretty on a terminal, JSON elsewhere.")
    ] = LogFormat.auto,
) -> None:
    """Open a front door for every InferenceService of a cluster, and keep it standing.

    Services are OME's; --source names other kinds. Reads the settings from ConfigMap inferenceservice-config in
    namespace ome (or POD_NAMESPACE), and follows every edit. A change of the settings, an InferenceService or an object
    of ours takes effect at once; a clean stop (SIGTERM, Ctrl-C) leaves all doors as they are. Of several, one leads and
    the others stand by.

    Examples:

        doorward run --dry-run --once

        doorward run --journal /var/lib/doorward/journal

        doorward run --journal postgresql://doorward@db.example.com/doorward

    Exit status: 0 after a clean stop; 1 when it can't begin, --once couldn't finish, or somebody else leads now.
    """
    from doorward_daemon import plain_structlog

    plain_structlog.prepare()
    from doorward.backends import OME

    from doorward_daemon import daemon, logs

    logs.configure(log_format.value)
    if lease_duration != int(lease_duration):
        raise typer.BadParameter(f"a Lease lasts whole seconds, not {lease_duration:g}", param_hint="--lease-duration")
    in_pod = bool(os.environ.get("KUBERNETES_SERVICE_HOST"))
    options = daemon.Options(
        settings_namespace=os.environ.get("POD_NAMESPACE") or "ome",
        namespaces=tuple(dict.fromkeys(namespace or ())),
        journal=journal,
        cluster_name=cluster_name,
        once=once,
        dry_run=dry_run,
        defaults=defaults,
        listen=listen if listen is not None else "" if once else ":8080" if in_pod else "127.0.0.1:8080",
        authz=authz,
        ui=ui,
        sources=tuple(source or (OME,)),
        lease=lease if (in_pod if leader_elect is None else leader_elect) and not (once or dry_run) else "",
        lease_duration=lease_duration,
        tracing=tracing,
    )
    raise typer.Exit(daemon.start(kubeconfig, context, options))
