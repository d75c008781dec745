"""Why a journal can't be used; each message names the file or the database, and what to do."""

from __future__ import annotations


class JournalError(Exception):
    """A journal can't be opened, read or written."""


class NotAJournal(JournalError):
    """What is there is something else; it is left alone."""


class JournalTooNew(JournalError):
    """The journal was written by a later version of doorward; it is left alone."""


class JournalLocked(JournalError):
    """Another process writes this journal."""


class JournalAway(JournalError):
    """The database can't be reached, for now."""


class JournalGap(JournalError):
    """What is to be kept doesn't follow what is kept: the journal takes no more until it is taken over anew."""


class JournalLost(JournalError):
    """Another process has taken this journal over: this one's records are refused, for good."""


class JournalOutbid(JournalError):
    """A leader of a later term has written this journal: who really leads asks again under a term above ``term``."""

    def __init__(self, message: str, term: int) -> None:
        super().__init__(message)
        self.term = term
