"""What happened, as far back as can be told: from the journal, or from what this process has seen.

Of a journal the newest records are read when somebody asks, in a thread.  Without one, records are kept as they come,
packed as a journal would keep them, the oldest dropped first.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from time import monotonic

import msgspec
from doorward.journal import Journal
from doorward.journal.encoding import decode, encode, without_secrets
from doorward.model.event import Applied, Configured, Deleted, Failed, Issued, Observed, Record, Refused, Unknown
from doorward.model.reference import Ref
from doorward.runtime.listener import Listener
from doorward.state.transform import OWNER

__all__ = ["Past", "Told"]

MOST_RECORDS = 20_000
MOST_BYTES = 16 * 1024 * 1024
"""What is kept without a journal."""
MOST_READ = 50_000
"""Records of a journal that are read to answer one question: some seconds' worth, in slices."""
CHUNK = 500
"""Records that are read before others get their turn."""
GOOD_FOR = 3.0
"""Seconds for which an answer counts, so that a slider that is dragged doesn't read the journal at each step."""
MOST_ANSWERS = 16


class Told(msgspec.Struct, frozen=True):
    """What happened to one door, oldest first."""

    records: list[Record]
    since: int
    """The number of the oldest record that was looked at: what happened before can't be told."""
    causes: dict[int, Record]
    """The records that led to one of these, where they are of another door."""


class Past(Listener):
    """Records of the past; ``journal`` is where they are, if anywhere."""

    def __init__(self, journal: Journal | None) -> None:
        self._journal = journal
        self._kept: deque[tuple[int, bytes]] = deque()
        self._bytes = 0
        self._reading = asyncio.Lock()
        self._answers: OrderedDict[Ref, tuple[float, int, Told]] = OrderedDict()
        self._last = 0

    def recorded(self, records: Sequence[Record]) -> None:
        if not records:
            return
        self._last = records[-1].number
        if self._journal is not None:
            return
        for record in without_secrets(records):
            body = encode(record)
            self._kept.append((record.number, body))
            self._bytes += len(body)
        while len(self._kept) > MOST_RECORDS or self._bytes > MOST_BYTES:
            self._bytes -= len(self._kept.popleft()[1])

    async def told(self, ref: Ref, uid: str, beside: Collection[Ref]) -> Told:
        """What happened to a service with this UID, its objects, and what its door was decided by (``beside``)."""
        async with self._reading:
            known = self._answers.get(ref)
            if known and (known[1] == self._last or known[0] > monotonic()):
                return known[2]
            answer = await self._read(ref, uid, frozenset(beside))
            self._answers[ref] = (monotonic() + GOOD_FOR, self._last, answer)
            self._answers.move_to_end(ref)
            while len(self._answers) > MOST_ANSWERS:
                self._answers.popitem(last=False)
            return answer

    async def _read(self, ref: Ref, uid: str, beside: frozenset[Ref]) -> Told:
        found: list[Record] = []
        causes: dict[int, Record] = {}
        actions: dict[int, Record] = {}
        since = 0
        records = self._all()
        while chunk := await asyncio.to_thread(_slice, records):
            since = since or chunk[0].number
            for record in chunk:
                if _concerns(record, ref, uid, beside, actions):
                    found.append(record)
                elif isinstance(record.event, Observed | Deleted):
                    causes[record.number] = record
            # Of all that might be a cause only what turns out to be one is kept.
            if len(causes) > MOST_RECORDS:
                wanted = {each.cause for each in found}
                causes = {number: each for number, each in causes.items() if number in wanted}
        wanted = {each.cause for each in found}
        return Told(found, since, {number: each for number, each in causes.items() if number in wanted})

    def _all(self) -> Iterator[Record]:
        if self._journal is None:
            return (decode(body) for _, body in tuple(self._kept))
        return self._journal.replay(max(0, self._journal.last_number - MOST_READ))


def _slice(records: Iterator[Record]) -> list[Record]:
    return list(islice(records, CHUNK))


def _concerns(record: Record, ref: Ref, uid: str, beside: frozenset[Ref], actions: dict[int, Record]) -> bool:
    """Whether a record is of this door; notes its actions, by which outcomes are told."""
    event = record.event
    match event:
        case Observed():
            if event.ref == ref or event.ref in beside:
                return True
            return (event.object["metadata"].get("annotations") or {}).get(OWNER) == uid
        case Deleted():
            return event.ref == ref or event.ref in beside
        case Issued():
            if event.action.service != uid:
                return False
            actions[event.action.id] = record
            return True
        case Applied() | Refused() | Unknown():
            return event.action in actions
        case Configured():
            return True
        case Failed():
            return event.uid == uid
    return False
