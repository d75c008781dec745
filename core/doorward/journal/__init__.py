"""The journal: append, commit, replay, snapshot, restore; in memory and in SQLite.

The engine's state is a fold of records.  A journal keeps the records, and now and then the state itself, so that a
restarted engine goes on where it was and people can ask later why something happened.
"""

from doorward.journal.errors import JournalError, JournalLocked, JournalTooNew, NotAJournal
from doorward.journal.memory import MemoryJournal
from doorward.journal.protocol import Journal
from doorward.journal.sqlite import SqliteJournal

__all__ = [
    "Journal",
    "JournalError",
    "JournalLocked",
    "JournalTooNew",
    "MemoryJournal",
    "NotAJournal",
    "SqliteJournal",
]
