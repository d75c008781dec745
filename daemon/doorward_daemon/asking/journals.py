"""The journal that a question goes to, and the moments that people name in it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from doorward.journal import Journal
from doorward.journal import opened as opened_journal
from doorward.journal.location import shown
from doorward.model.event import Record
from doorward.model.timestamp import rfc3339

from doorward_daemon.asking.failing import Unanswered, warn_beside

__all__ = ["beginning", "number_at", "opened", "since", "whole"]

_AGO = re.compile(r"(\d+)([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


@contextmanager
def opened(where: str, cluster: str = "") -> Iterator[Journal]:
    """The journal, to be read beside the daemon that writes it; ``cluster`` is whose, in a database that has several.

    Raises JournalError, and Unanswered where nothing is in it.
    """
    warn_beside()
    journal = opened_journal(where, cluster=cluster, read_only=True)
    try:
        if not journal.last_number:
            raise Unanswered(f"{shown(where)}: the journal is empty")
        yield journal
    finally:
        journal.close()


def beginning(journal: Journal) -> list[Record]:
    """The state that the oldest record that is kept follows from."""
    first = next(journal.replay(), None)
    if first is None:
        return list(journal.restore())
    return list(journal.restore(first.number - 1))


def whole(journal: Journal) -> Iterator[Record]:
    """All records, after the state that the oldest of them follows from."""
    yield from beginning(journal)
    yield from journal.replay()


def since(text: str) -> float:
    """Seconds since the epoch: of a time as RFC 3339 has it, or so long ago (``90m``, ``2h``, ``3d``)."""
    if ago := _AGO.fullmatch(text):
        return time.time() - int(ago[1]) * _SECONDS[ago[2]]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Unanswered(f"{text!r} is no time; write one such as 2026-01-31T12:00:00Z, or 90m, 2h, 3d ago") from None
    return moment.timestamp()


def number_at(journal: Journal, text: str) -> int:
    """The number of the newest record by then; ``text`` is a number, or a moment as :func:`since` takes it."""
    if text.isdecimal():
        number = int(text)
        if number > journal.last_number:
            raise Unanswered(f"there is no record {number}; the newest is {journal.last_number}")
        return number
    at, found = since(text), 0
    for record in journal.replay():
        if record.event.at > at:
            break
        found = record.number
    if not found:
        first = next(journal.replay(), None)
        told = f"; the first is of {rfc3339(first.event.at)}" if first else ""
        raise Unanswered(f"there is no record by {rfc3339(at)}{told}")
    return found
