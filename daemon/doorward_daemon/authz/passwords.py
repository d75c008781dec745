"""Passwords against their hashes: bcrypt is slow on purpose, so each is tried once and its outcome remembered.

What is remembered goes by a digest of user, password and hash: an edit of the Secret is another hash, and so another
trial.  Right and wrong ones are kept apart and bounded, so that a flood of guesses pushes no client out.  Trials run in
a few threads; who has to wait behind too many of them is told to come again.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

import bcrypt

from doorward_daemon.authz.decision import Trial
from doorward_daemon.authz.keys import digest

__all__ = ["Passwords"]

THREADS = 2
MOST_WAITING = 32
"""Trials that may wait for a thread."""
MOST_REMEMBERED = 4096
"""Of right ones, and of wrong ones."""
LONGEST = 72
"""Bytes of a password that bcrypt looks at; a longer one is wrong."""


class Passwords:
    """Tries passwords, and remembers what came of it."""

    def __init__(self) -> None:
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._wrong: OrderedDict[bytes, None] = OrderedDict()
        self._threads = ThreadPoolExecutor(THREADS, "bcrypt")
        self._under_way: dict[bytes, asyncio.Future[bool]] = {}

    def tried(self, trial: Trial) -> bool | None:
        """Whether a password is right; None where it wasn't tried yet, or so long ago that nobody remembers."""
        kept = digest(trial.user, trial.password, trial.hashed)
        for outcome, memory in ((True, self._right), (False, self._wrong)):
            if kept in memory:
                memory.move_to_end(kept)
                return outcome
        return None

    async def try_(self, trial: Trial) -> bool:
        """Try a password.  Raises OverflowError where too many wait already."""
        kept = digest(trial.user, trial.password, trial.hashed)
        under_way = self._under_way.get(kept)
        if under_way is None:
            if len(self._under_way) >= MOST_WAITING:
                raise OverflowError
            under_way = asyncio.get_running_loop().run_in_executor(self._threads, _matches, trial)
            self._under_way[kept] = under_way
            under_way.add_done_callback(lambda done: self._remember(kept, done))
        return await asyncio.shield(under_way)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _remember(self, kept: bytes, done: asyncio.Future[bool]) -> None:
        del self._under_way[kept]
        if done.cancelled() or done.exception():
            return
        memory = self._right if done.result() else self._wrong
        memory[kept] = None
        if len(memory) > MOST_REMEMBERED:
            memory.popitem(last=False)


def _matches(trial: Trial) -> bool:
    password = trial.password.encode()
    if len(password) > LONGEST or b"\0" in password:
        return False
    return bcrypt.checkpw(password, trial.hashed.encode())
