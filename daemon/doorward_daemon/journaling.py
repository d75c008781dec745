"""The daemon's journal: which one it is, of which cluster, and what becomes of it at the end."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import structlog
from doorward.cluster.protocol import ApiError, Cluster
from doorward.engine import Engine
from doorward.journal import Journal, JournalError, NotAJournal, location, opened
from doorward.model.reference import Resource

__all__ = ["cluster_name", "file_of", "journal_of", "known_to"]

RETENTION_AGE = 14 * 24 * 3600.0
RETENTION_BYTES = 512 * 1024 * 1024
"""What the journal keeps, in seconds and in bytes."""
ATTEMPTS = 10
"""How often the API server is asked which cluster it is, about half a minute's worth."""

_NAMESPACES = Resource("Namespace", "namespaces", namespaced=False)
_OLDEST = "kube-system"
"""The namespace that every cluster has, for as long as it lives; by its UID clusters are told apart, by convention."""

_log = structlog.get_logger("doorward")


def file_of(journal: str | Path) -> Path | None:
    """The file that the journal is in; None where it is in a database, or nowhere."""
    place = location(journal) if journal else None
    return place if isinstance(place, Path) else None


def journal_of(journal: str | Path, cluster: str, lease: str, stack: AsyncExitStack) -> Journal:
    """The journal, to be written and closed at the end; one in a database is taken over by whoever leads.

    ``lease`` is NAMESPACE/NAME of the Lease by which that is chosen; empty: none.  Raises JournalError.
    """
    kept = opened(
        journal,
        cluster=cluster,
        retention_age=RETENTION_AGE,
        retention_bytes=RETENTION_BYTES,
        lease=lease,
        stands_by=True,
    )

    def close() -> None:
        try:
            kept.close()
        except JournalError as error:
            _log.error("the last records aren't kept", problem=str(error))

    stack.callback(close)
    return kept


def known_to(journal: str | Path, cluster: str, engine: Engine) -> None:
    """Let an engine that keeps nothing know what a journal holds, if there is one.  Raises JournalError."""
    if (file := file_of(journal)) and not file.exists():
        return
    try:
        reader = opened(journal, cluster=cluster, read_only=True)
    except NotAJournal:
        if file_of(journal):
            raise
        return
    try:
        engine.restore(reader.restore())
    finally:
        reader.close()


async def cluster_name(cluster: Cluster) -> str:
    """The name by which a cluster's journal is told from others, where nobody gave one.

    A list, since who may list namespaces needn't be allowed to get one.  Raises JournalError where it can't be asked.
    """
    for left in reversed(range(ATTEMPTS)):
        try:
            page = await cluster.list(_NAMESPACES, field_selector=f"metadata.name={_OLDEST}")
            return str(page.items[0]["metadata"]["uid"])
        except (ApiError, LookupError) as error:
            if not left or (isinstance(error, ApiError) and error.status in (401, 403)):
                raise JournalError(
                    f"the UID of namespace {_OLDEST} can't be learned ({error}); name the cluster whose journal it is "
                    "with --cluster-name"
                ) from None
            _log.warning("the API server can't be asked which cluster it is", problem=str(error))
            await asyncio.sleep(3.0)
    raise AssertionError
