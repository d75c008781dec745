"""One writer per cluster, held by the database itself.

The row of a cluster in ``doorward_journals`` bears the term and the name of its writer.  Every transaction that writes
locks that row and compares it, so that there is no moment between the look and the write:

    a leader of term 7           COMMIT, COMMIT, (stopped for a minute)              INSERT: refused, for good
    the row                      7 -------------------------------- 8 -------------------------------------->
    the next one, of term 8                            takes the row   COMMIT, COMMIT

Terms are those of the Lease, and only rise.  A Lease that was deleted and made anew begins at 0 again; its holder is
told the term to go above (JournalOutbid), and writes that into the Lease, which nobody else can.

Without a Lease, who comes asks for an advisory lock too, which the server gives back when its holder's connection ends.
The holders of a Lease take it where it is free, so that nobody without one writes beside them.
"""

from __future__ import annotations

import os
import secrets
import socket
from typing import Any

from psycopg import Connection

from doorward.journal.errors import JournalError, JournalLocked, JournalLost, JournalOutbid

__all__ = ["Fence"]


class Fence:
    """What one process knows of who writes a cluster's journal; ``shown`` names the database."""

    HOLDS = "SELECT id FROM doorward_journals WHERE id = %(id)s AND term = %(term)s AND writer = %(writer)s"
    """Gives a row where this process is the writer; with FOR NO KEY UPDATE it stays so until the transaction ends."""

    def __init__(self, shown: str, cluster: str, lease: str = "") -> None:
        self.journal = 0
        """The number of the cluster's journal in this database; 0: not known yet."""
        self.term = -1
        """Under which this process writes; -1: it doesn't."""
        self.writer = secrets.token_hex(8)
        self._shown = shown
        self._cluster = cluster
        self._lease = lease
        self._locked = False

    @property
    def arguments(self) -> dict[str, Any]:
        """For :attr:`HOLDS`."""
        return {"id": self.journal, "term": self.term, "writer": self.writer}

    def find(self, connection: Connection[Any]) -> bool:
        """Look for the cluster's journal; whether there is one."""
        row = connection.execute("SELECT id FROM doorward_journals WHERE cluster = %s", [self._cluster]).fetchone()
        self.journal = int(row[0]) if row else 0
        return bool(row)

    def take(self, connection: Connection[Any], term: int | None) -> None:
        """Become the writer, under a term of the Lease; None: without one.

        Raises JournalLocked, JournalOutbid, and JournalLost where this process was the writer and isn't any more.
        """
        with connection.transaction():
            connection.execute(
                "INSERT INTO doorward_journals (cluster) VALUES (%s) ON CONFLICT (cluster) DO NOTHING", [self._cluster]
            )
            self.find(connection)
            row = connection.execute(
                "SELECT term, writer, lease, process FROM doorward_journals WHERE id = %s FOR NO KEY UPDATE",
                [self.journal],
            ).fetchone()
            assert row is not None
            standing, writer, lease, process = int(row[0]), row[1], row[2], row[3]
            if writer == self.writer:
                self.term = standing
                return
            if self.term >= 0:
                raise self.lost(process)
            self.lock(connection)
            if not self._locked and (term is None or lease not in ("", self._lease)):
                raise JournalLocked(
                    f"{self._shown}: {process or 'another process'} writes the journal of cluster {self._cluster}; "
                    "stop it, or name another cluster with --cluster-name"
                )
            if term is not None and term <= standing and writer:
                raise JournalOutbid(
                    f"{self._shown}: the journal of cluster {self._cluster} was written under term {standing}, "
                    f"and this process leads under term {term}",
                    standing,
                )
            taken = standing + 1 if term is None else term
            connection.execute(
                "UPDATE doorward_journals SET term = %s, writer = %s, lease = %s, process = %s, since = now() "
                "WHERE id = %s",
                [taken, self.writer, self._lease, f"{socket.gethostname()}, process {os.getpid()}", self.journal],
            )
        self.term = taken

    def hold(self, connection: Connection[Any]) -> None:
        """Make sure that this process is the writer, and stays it until the transaction ends.  Raises JournalLost."""
        if connection.execute(f"{self.HOLDS} FOR NO KEY UPDATE".encode(), self.arguments).fetchone() is None:
            raise self.refused(connection)

    def lock(self, connection: Connection[Any]) -> None:
        """Take the advisory lock where it is free, and this connection hasn't got it."""
        if not self._locked:
            asked = connection.execute(
                "SELECT pg_try_advisory_lock('doorward_journals'::regclass::oid::int, %s)", [self.journal]
            )
            self._locked = bool((asked.fetchone() or [False])[0])

    def reconnected(self) -> None:
        """A lock ends with the connection that had it."""
        self._locked = False

    def refused(self, connection: Connection[Any]) -> JournalError:
        """What to raise where the database refused a record: who writes instead."""
        asked = connection.execute("SELECT process FROM doorward_journals WHERE id = %s", [self.journal])
        return self.lost((asked.fetchone() or [""])[0])

    def lost(self, process: str) -> JournalLost:
        return JournalLost(
            f"{self._shown}: {process or 'another process'} has taken over the journal of cluster {self._cluster}; "
            "this process writes no more"
        )
