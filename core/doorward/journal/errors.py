"""Why a journal can't be used; each message names the file and what to do."""

from __future__ import annotations


class JournalError(Exception):
    """A journal can't be opened, read or written."""


class NotAJournal(JournalError):
    """The file is something else; it is left alone."""


class JournalTooNew(JournalError):
    """The file was written by a later version of doorward; it is left alone."""


class JournalLocked(JournalError):
    """Another process writes this journal."""
