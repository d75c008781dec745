"""Keeping records: in the journal at once, on the disk within milliseconds, and the whole state now and then.

    keep()  --append-->  the journal's buffer  --every few milliseconds, in a thread-->  commit
                                               --every 10,000 records or so---------->  snapshot, prune

Records are appended before the requests that they speak of are started.  A journal that fails doesn't stop doors from
being opened: it is said, and tried again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from doorward.engine import Engine
from doorward.journal import Journal
from doorward.model.event import Record

__all__ = ["Keeper"]

GATHER = 0.005
"""Seconds for which records gather before they are committed together."""
SNAPSHOT_EVERY = 10_000
"""Records after which a snapshot is worth its price, unless the state itself is larger than that."""
RETRY = 5.0
"""Seconds between attempts to write to a journal that fails."""

_log = structlog.get_logger(__name__)


class Keeper:
    """Keeps the records of one engine in one journal."""

    def __init__(
        self, engine: Engine, journal: Journal, clock: Callable[[], float], *, snapshot_every: int | None = None
    ) -> None:
        self.problem = ""
        """Why records aren't kept just now; empty: they are."""
        self._engine = engine
        self._journal = journal
        self._clock = clock
        self._every = snapshot_every or SNAPSHOT_EVERY
        self._size = 0
        self._broken = False
        self._unkept = asyncio.Event()

    def restore(self) -> None:
        """Fold what the journal holds into the engine."""
        self._engine.restore(self._journal.restore())
        self._engine.number = max(self._engine.number, self._journal.last_number)

    def keep(self, records: Sequence[Record]) -> None:
        if not records or self._broken:
            return
        try:
            self._journal.append(records)
        except Exception as error:
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
            if not await self._tried(self._journal.commit):
                self._unkept.set()
                await asyncio.sleep(RETRY)
            elif self._journal.since_snapshot >= max(self._every, 2 * self._size):
                await self.snapshot()

    async def snapshot(self) -> None:
        """Keep the state, and forget what retention no longer asks for."""
        through, captured = self._engine.number, self._engine.capture()

        def write() -> None:
            records = captured()
            self._size = len(records)
            self._journal.snapshot(records, through)
            self._journal.prune(self._clock())

        await self._tried(write)

    async def close(self) -> None:
        """Keep everything, with a snapshot where there is something new, so that the next start is a quick one."""
        if self._broken:
            return
        if self._journal.since_snapshot:
            await self.snapshot()
        await self._tried(self._journal.commit)

    async def _tried(self, write: Callable[[], None]) -> bool:
        try:
            await asyncio.to_thread(write)
        except Exception as error:
            self.problem = f"the journal can't be written: {error}"
            _log.exception("the journal can't be written; doors are opened all the same")
            return False
        if not self._broken:
            self.problem = ""
        return True
