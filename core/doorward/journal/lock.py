"""One writer per journal: a lock on ``FILE.lock``, which the kernel gives back when its holder dies.

Not on the journal itself: closing any descriptor of a file drops the locks that SQLite holds on it (POSIX, fcntl), and
a damaged journal is replaced by another file.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from doorward.journal.errors import JournalError, JournalLocked


class Lock:
    """Held from its creation until :meth:`release`.  Raises JournalLocked where somebody else holds it."""

    def __init__(self, journal: Path) -> None:
        path = journal.with_name(journal.name + ".lock")
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise JournalError(f"{path}: can't be opened ({error.strerror}); check the directory's rights") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._descriptor, 32).decode(errors="replace").strip()
            os.close(self._descriptor)
            who = f"process {holder}" if holder else "another process"
            raise JournalLocked(f"{journal}: {who} writes this journal; stop it, or name another file") from None
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Let go; the file stays, since another process may be about to lock it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
