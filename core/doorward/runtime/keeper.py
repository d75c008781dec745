"""Keeping records: in the journal at once, on the disk within milliseconds, and the whole state now and then.

    keep()  --append-->  the journal's buffer  --every few milliseconds, in a thread-->  commit
                                               --every 10,000 records or so---------->  snapshot, prune

Records are appended before the requests that they speak of are started.  A journal that fails doesn't stop doors from
being opened: it is said, and tried again.

A journal that several processes share is taken over first, by who leads:

    begin()  --lead, restore, in a thread-->  offered  --engine.take_over, when nothing is in flight-->  kept

Where that fails, or a gap shows that can't be mended, the process goes on without, and asks again until it may.  Where
another process has taken over since, this one is :attr:`Keeper.deposed`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from doorward.engine import Engine
from doorward.journal import (
    Journal,
    JournalAway,
    JournalGap,
    JournalLocked,
    JournalLost,
    JournalOutbid,
    SharedJournal,
    is_shared,
)
from doorward.log import Log
from doorward.model.event import Record

__all__ = ["Keeper", "snapshot_after"]

GATHER = 0.005
"""Seconds for which records gather before they are committed together."""
SNAPSHOT_EVERY = 10_000
"""Records after which there is a snapshot, unless the state itself is larger than that."""
RETRY = 5.0
"""Seconds between attempts to write to a journal that fails."""
OUTBID = 0.5
"""Seconds until a journal is asked for again under a term that is yet to rise."""
WAIT = 10.0
"""Seconds after which a leader goes on without a journal that neither answers nor fails."""

_log = Log(__name__)


def snapshot_after(size: int, every: int = SNAPSHOT_EVERY) -> int:
    """Records after which a snapshot is worth its price, where the last one had ``size`` of them."""
    return max(every, 2 * size)


class Offer(NamedTuple):
    """What a shared journal holds that this process has become the writer of."""

    records: Sequence[Record]
    number: int


class Keeper:
    """Keeps the records of one engine in one journal.

    ``term`` tells the term under which this process leads, None: without a Lease; ``outbid`` is told of a later one
    that the journal has seen.  ``wake`` is called when there is something that the shell should look at.
    """

    def __init__(
        self,
        engine: Engine,
        journal: Journal,
        clock: Callable[[], float],
        *,
        snapshot_every: int | None = None,
        term: Callable[[], int | None] = lambda: None,
        outbid: Callable[[int], None] = lambda _: None,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self.problem = ""
        """Why records aren't kept just now; empty: they are."""
        self.deposed = asyncio.Event()
        """Set once another process has taken over the journal: this one must not write any more."""
        self.offer: Offer | None = None
        """What the engine is to take over, as soon as nothing is in flight."""
        self.keeps = not is_shared(journal)
        """Whether records are kept from here on; those of who stands by are not, in a journal that is another's."""
        self._engine = engine
        self._journal = journal
        self._clock = clock
        self._every = snapshot_every or SNAPSHOT_EVERY
        self._term, self._outbid, self._wake = term, outbid, wake
        self._size = 0
        self._broken = False
        self._unkept = asyncio.Event()
        self._asking: asyncio.Task[None] | None = None
        self._asked = 0

    # -- beginning ---------------------------------------------------------------------------------------------------

    async def begin(self, *, leads: bool) -> None:
        """Fold what the journal holds into the engine, where this process may write it from here on.

        Raises JournalError where it can't be used, but for a database that can't be reached: that may come later.
        """
        if not is_shared(self._journal):
            self._restore(self._journal.restore(), self._journal.last_number)
            return
        try:
            async with asyncio.timeout(WAIT):
                if leads:
                    self._restore(*await asyncio.to_thread(self._taken, self._journal))
                    self.keeps = True
                else:
                    await asyncio.to_thread(lambda: self._journal.last_number)
        except (JournalAway, TimeoutError) as error:
            self._apart(error)

    def _restore(self, records: Iterable[Record], number: int) -> None:
        self._engine.restore(records)
        self._engine.number = max(self._engine.number, number)

    def ask(self) -> bool:
        """Try to become the writer, until this process is; whether to wait for the first attempt."""
        if self.offer or self._broken:
            return False
        if self._asking is None or self._asking.done():
            self._asked = 0
            self._asking = asyncio.create_task(self._ask(), name="doorward: journal")
            asyncio.get_running_loop().call_later(WAIT, self._wake_late, self._asking)
        return not self._asked

    def _wake_late(self, task: asyncio.Task[None]) -> None:
        if task is self._asking and not self.offer and not self._asked:
            self._asked += 1
            self._wake()

    async def _ask(self) -> None:
        assert is_shared(self._journal)
        while True:
            try:
                self.offer = await asyncio.to_thread(self._taken, self._journal)
                self._wake()
                return
            except JournalLost as error:
                self._lose(error)
                return
            except JournalOutbid as error:
                _log.info("the journal has seen a later term; the Lease is raised above it", term=error.term)
                self._outbid(error.term)
                await asyncio.sleep(OUTBID)
            except Exception as error:
                if isinstance(error, JournalLocked) and self._term() is None:
                    self._lose(error)
                    return
                self._apart(error)
                self._asked += 1
                self._wake()
                await asyncio.sleep(RETRY)

    def _taken(self, journal: SharedJournal) -> Offer:
        journal.lead(self._term())
        return Offer(list(journal.restore()), journal.last_number)

    async def take_over(self) -> list[Record]:
        """Let the engine go on from what is offered; the records of that are kept already.

        Nothing may be in flight, and nothing be received meanwhile: it is worked out in a thread, since it takes time.
        """
        assert self.offer is not None
        offer = self.offer
        try:
            adopt = await asyncio.to_thread(self._engine.taking_over, offer.records, offer.number, self._clock())
        except Exception as error:
            self._broken = True
            self.problem = f"the journal can't be gone on from: {error}"
            _log.exception("the journal can't be gone on from; it is left as it is until the next start")
            return []
        finally:
            self.offer = None
        records = adopt()
        self.keeps = True
        self.problem = ""
        _log.info("the journal is taken over", record=offer.number)
        self.keep(records)
        return records

    def _apart(self, error: Exception) -> None:
        """Go on without the journal, for now."""
        self.keeps = False
        problem = f"the journal can't be written: {error or 'no answer'}"
        if problem != self.problem:
            _log.warning("nothing is kept in the journal; doors are opened all the same", problem=str(error))
        self.problem = problem

    def _lose(self, error: Exception) -> None:
        self._broken, self.keeps = True, False
        self.problem = str(error)
        if not self.deposed.is_set():
            _log.error("somebody else has the journal; this process must not write any more", problem=str(error))
            self.deposed.set()
            self._wake()

    # -- keeping -----------------------------------------------------------------------------------------------------

    def keep(self, records: Sequence[Record]) -> None:
        if not records or self._broken or not self.keeps:
            return
        try:
            self._journal.append(records)
        except Exception as error:
            if is_shared(self._journal):
                self._apart(error)  # what is missing is told anew when the journal is taken over again
                self._wake()
                return
            # A gap can't be mended: what would follow it would be restored as if nothing were missing.
            self._broken = True
            self.problem = f"the journal takes no more records: {error}"
            _log.exception("the journal takes no more records; it is left as it is until the next start")
            return
        self._unkept.set()

    async def run(self) -> None:
        """Commit what was appended, again and again; to be cancelled."""
        while True:
            await self._unkept.wait()
            await asyncio.sleep(GATHER)
            self._unkept.clear()
            if not self.keeps:
                continue
            if not await self._tried(self._journal.commit):
                self._unkept.set()
                await asyncio.sleep(RETRY)
            elif self._journal.since_snapshot >= snapshot_after(self._size, self._every):
                await self.snapshot()

    async def snapshot(self) -> bool:
        """Keep the state, and forget what retention no longer asks for; whether that was done."""
        through, captured = self._engine.number, self._engine.capture()

        def write() -> None:
            records = captured()
            self._size = len(records)
            self._journal.snapshot(records, through)
            self._journal.prune(self._clock())

        return await self._tried(write)

    async def close(self) -> None:
        """Keep everything, with a snapshot where there is something new, so that the next start is a quick one."""
        if self._asking:
            self._asking.cancel()
        if self._broken or not self.keeps:
            return
        if self._journal.since_snapshot and not await self.snapshot() and is_shared(self._journal):
            return  # a database that doesn't answer now isn't waited for a second time
        await self._tried(self._journal.commit)

    async def _tried(self, write: Callable[[], None]) -> bool:
        try:
            await asyncio.to_thread(write)
        except JournalLost as error:
            self._lose(error)
            return False
        except JournalGap as error:
            self._apart(error)
            self._wake()
            return False
        except JournalAway as error:
            if not self.problem:
                _log.warning("the journal can't be written; doors are opened all the same", problem=str(error))
            self.problem = f"the journal can't be written: {error}"
            return False
        except Exception as error:
            self.problem = f"the journal can't be written: {error}"
            _log.exception("the journal can't be written; doors are opened all the same")
            return False
        if not self._broken:
            self.problem = ""
        return True
