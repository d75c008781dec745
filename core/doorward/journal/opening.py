"""One way to open any journal: by a file's name, or a ``postgresql://`` URL.

psycopg is imported only where there is such a URL.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from doorward.journal.errors import JournalError
from doorward.journal.location import location, shown
from doorward.journal.protocol import Journal
from doorward.journal.sqlite import SqliteJournal

if TYPE_CHECKING:
    from doorward.journal.postgresql import ClusterJournal

__all__ = ["clusters", "opened"]


def opened(
    where: str | Path,
    *,
    cluster: str = "",
    read_only: bool = False,
    retention_age: float | None = None,
    retention_bytes: int | None = None,
    lease: str = "",
    stands_by: bool = False,
) -> Journal:
    """The journal in a file, or that of ``cluster`` in the database of a ``postgresql://`` URL.

    ::

        journal = opened("postgresql://doorward@db.example.com/doorward", read_only=True)

    Where a database has one cluster's journal only, a reader needs no ``cluster``.  A file is one cluster's, and knows
    neither that, nor ``lease`` and ``stands_by``; what the others mean is in :class:`SqliteJournal` and
    :class:`PostgresqlJournal`.  Raises JournalError.
    """
    place = location(where)
    if isinstance(place, Path):
        return SqliteJournal(place, retention_age, retention_bytes, read_only=read_only)
    _need_psycopg(place)
    from doorward.journal.postgresql import PostgresqlJournal

    if not cluster:
        cluster = _only_one(place, read_only)
    return PostgresqlJournal(
        place,
        cluster,
        retention_age,
        retention_bytes,
        lease=lease,
        stands_by=stands_by,
        read_only=read_only,
    )


def clusters(where: str) -> list[ClusterJournal]:
    """The journals in the database of a ``postgresql://`` URL, by the name of their cluster.  Raises JournalError."""
    place = location(where)
    if isinstance(place, Path):
        raise JournalError(f"{place}: a file holds one cluster's journal; name a postgresql:// URL")
    _need_psycopg(place)
    from doorward.journal import postgresql

    return postgresql.clusters(place)


def _only_one(url: str, read_only: bool) -> str:
    found = [each.cluster for each in clusters(url)] if read_only else []
    if len(found) == 1:
        return found[0]
    if not read_only:
        raise JournalError(f"{shown(url)}: whose journal? Name the cluster")
    raise JournalError(
        f"{shown(url)}: has the journals of {len(found)} clusters ({', '.join(found)}); name one"
        if found
        else f"{shown(url)}: there is no journal in this database; name the one that the daemon writes to"
    )


def _need_psycopg(url: str) -> None:
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        # Without libpq it is an ImportError too, with a reason of several lines.
        why = str(error).partition("\n")[0]
        raise JournalError(
            f"{shown(url)}: PostgreSQL needs psycopg 3 and libpq: pip install 'doorward-core[postgresql]' "
            f"'psycopg[binary]' ({why})"
        ) from None
