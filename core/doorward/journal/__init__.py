"""The journal: append, commit, replay, snapshot, restore; in memory, in SQLite and in PostgreSQL.

The engine's state is a fold of records.  A journal keeps the records, and now and then the state itself, so that a
restarted engine goes on where it was and people can ask later why something happened.

:func:`opened` opens either kind, by the name of a file or by a ``postgresql://`` URL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorward._exports import lazily
from doorward.journal.errors import (
    JournalAway,
    JournalError,
    JournalGap,
    JournalLocked,
    JournalLost,
    JournalOutbid,
    JournalTooNew,
    NotAJournal,
)
from doorward.journal.location import location
from doorward.journal.memory import MemoryJournal
from doorward.journal.opening import clusters, opened
from doorward.journal.protocol import Journal, SharedJournal, is_shared
from doorward.journal.sqlite import SqliteJournal

if TYPE_CHECKING:
    from doorward.journal.postgresql import ClusterJournal, PostgresqlJournal
else:
    # psycopg is there for those who asked for it.
    __getattr__, __dir__ = lazily(__name__, {"doorward.journal.postgresql": ["ClusterJournal", "PostgresqlJournal"]})

__all__ = [
    "ClusterJournal",
    "Journal",
    "JournalAway",
    "JournalError",
    "JournalGap",
    "JournalLocked",
    "JournalLost",
    "JournalOutbid",
    "JournalTooNew",
    "MemoryJournal",
    "NotAJournal",
    "PostgresqlJournal",
    "SharedJournal",
    "SqliteJournal",
    "clusters",
    "is_shared",
    "location",
    "opened",
]
