"""What happened, as far back as can be told: from the journal, or from what this process has seen.

Of a journal the newest records are read when somebody asks, in a thread, and from then on what is new.  Without one,
records are kept as they come, packed as a journal would keep them, the oldest dropped first.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict, deque
from collections.abc import Collection, Iterator, Sequence
from itertools import islice

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
MOST_READ = 30_000
"""Records of a journal that are read to answer for one door: a second's worth, in slices."""
CHUNK = 250
"""Records that are read before others get their turn."""
MOST_ANSWERS = 16
"""Doors whose past is kept for the next question, so that only what is new is read."""
MOST_TOLD = 2_000
"""Records of one door that are told, the newest."""


class Told(msgspec.Struct):
    """What happened to one door, oldest first."""

    records: list[Record]
    since: int
    """The number of the oldest record that was looked at: what happened before can't be told."""
    causes: dict[int, Record]
    """The records that led to one of these, where they are of another door."""


class _Door(msgspec.Struct, kw_only=True):
    """One door, and how far its past was read."""

    ref: Ref
    uid: str
    beside: frozenset[Ref]
    told: Told
    actions: set[int] = msgspec.field(default_factory=set)
    ours: set[Ref] = msgspec.field(default_factory=set)
    """Objects that were ever this door's."""
    last: int = 0

    def take(self, record: Record) -> None:
        """Take in the next record, if it is of this door."""
        if _concerns(record, self):
            self.told.records.append(record)


class Past(Listener):
    """Records of the past; ``journal`` is where they are, if anywhere."""

    def __init__(self, journal: Journal | None) -> None:
        self._journal = journal
        self._kept: deque[tuple[int, bytes]] = deque()
        self._bytes = 0
        self._reading = asyncio.Lock()
        self._doors: OrderedDict[tuple[Ref, str], _Door] = OrderedDict()

    def recorded(self, records: Sequence[Record]) -> None:
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
            door = self._doors.get((ref, uid))
            if door is None or not door.beside.issuperset(beside):
                told = Told([], 0, {})
                door = _Door(ref=ref, uid=uid, beside=frozenset(beside), told=told)
            await self._read(door)
            self._doors[ref, uid] = door
            self._doors.move_to_end((ref, uid))
            while len(self._doors) > MOST_ANSWERS:
                self._doors.popitem(last=False)
            return Told(door.told.records[-MOST_TOLD:], door.told.since, dict(door.told.causes))

    async def _read(self, door: _Door) -> None:
        """Read what is new to a door."""
        first, records = self._journal_from(door) if self._journal is not None else self._kept_from(door)
        door.told.since = door.told.since or first
        known = len(door.told.records)
        while chunk := await asyncio.to_thread(_slice, records):
            if self._journal is not None and not known and door.last == 0:
                door.told.since = chunk[0].number  # more may be forgotten than isn't read
            for record in chunk:
                door.take(record)
                door.last = max(door.last, record.number)
        del door.told.records[: -2 * MOST_TOLD]
        await self._find_causes(door, door.told.records[known:])

    def _journal_from(self, door: _Door) -> tuple[int, Iterator[Record]]:
        assert self._journal is not None
        start = max(door.last, self._journal.last_number - MOST_READ)
        return start + 1, self._journal.replay(start)

    def _kept_from(self, door: _Door) -> tuple[int, Iterator[Record]]:
        kept = list(self._kept)
        first = kept[0][0] if kept else 1
        if kept:
            newest = kept[-1][0]
            kept = kept[max(0, door.last - first + 1) :]
            door.last = max(door.last, newest)
        return first, self._likely(kept, door)

    @staticmethod
    def _likely(kept: list[tuple[int, bytes]], door: _Door) -> Iterator[Record]:
        """Those that may be of this door, judged before they are decoded, which takes a hundred times as long."""
        marks = [door.uid.encode(), *(f'"{ref.name}"'.encode() for ref in {door.ref, *door.beside, *door.ours})]
        for _, body in kept:
            cause = _CAUSE.match(body)
            outcome = cause is not None and int(cause[1]) in door.actions
            if outcome or b'"Configured"' in body[:80] or any(mark in body for mark in marks):
                record = decode(body)
                _concerns(record, door)  # at once, since an outcome is known by the action before it
                yield record

    async def _find_causes(self, door: _Door, records: Sequence[Record]) -> None:
        """What led to these records, where that was another door's, or the ConfigMap's."""
        own = {record.number for record in door.told.records}
        wanted = {record.cause for record in records} - own - {0}
        if self._journal is not None:
            for number in sorted(wanted)[-MOST_ANSWERS:]:
                chain = await asyncio.to_thread(self._journal.chain, number)
                door.told.causes.update((each.number, each) for each in chain[:1])
            return
        first = self._kept[0][0] if self._kept else 0
        for number in wanted:
            if 0 <= number - first < len(self._kept):
                door.told.causes[number] = decode(self._kept[number - first][1])


_CAUSE = re.compile(rb'\{"number":\d+,"cause":(\d+)')


def _slice(records: Iterator[Record]) -> list[Record]:
    return list(islice(records, CHUNK))


def _concerns(record: Record, door: _Door) -> bool:
    """Whether a record is of this door; notes its actions, by which outcomes are told."""
    event = record.event
    match event:
        case Observed():
            if event.ref == door.ref or event.ref in door.beside:
                return True
            if (event.object["metadata"].get("annotations") or {}).get(OWNER) != door.uid:
                return False
            door.ours.add(event.ref)
            return True
        case Deleted():
            return event.ref == door.ref or event.ref in door.beside or event.ref in door.ours
        case Issued():
            if event.action.service != door.uid:
                return False
            door.actions.add(event.action.id)
            if event.action.verb != "event":
                door.ours.add(event.action.ref)
            return True
        case Applied() | Refused() | Unknown():
            return event.action in door.actions
        case Configured():
            return True
        case Failed():
            return event.uid == door.uid
    return False
