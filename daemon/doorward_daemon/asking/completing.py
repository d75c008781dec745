"""What a shell completes: the names of services, as the cluster lists them now.

A shell waits for it at every tab: it takes two seconds at most, and whatever goes wrong completes nothing.
"""

from __future__ import annotations

import typer

__all__ = ["complete_services"]

WITHIN = 2.0
"""Seconds that a cluster is given."""
MOST = 500
"""Services that are asked for."""


def complete_services(context: typer.Context, incomplete: str) -> list[str]:
    """The services that begin so: of the namespace that is asked about, or with theirs."""
    try:
        import asyncio

        from doorward_daemon.asking.looking import names_of_services

        given = {name: context.params.get(name) for name in ("kubeconfig", "context", "namespace", "source")}
        everywhere = bool(context.params.get("all_namespaces")) or "/" in incomplete
        names = asyncio.run(asyncio.wait_for(names_of_services(**given, everywhere=everywhere, most=MOST), WITHIN))
    except Exception:
        return []
    return [name for name in names if name.startswith(incomplete)]
