"""What a journal does: keep records in order, give them back, and stand for what came before with a snapshot.

The theory.  A journal is one run of records without a gap, and snapshots.  A snapshot *through* N is the engine's state
after record N, itself written as records; it stands for all records up to N, which may then be forgotten:

    1 2 3 4 5 6 7 8 9          records; ``replay()`` gives them
          S     S              snapshots through 4 and through 7
                [S 8 9]        ``restore()``: the newest snapshot's records, then those after it

Retention forgets from the left, up to a snapshot and never beyond the newest one.  A journal knows records and nothing
of what they mean; the engine folds them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, TypeGuard

from doorward.model.event import Record


class Journal(Protocol):
    """All methods may be called from any thread, one call at a time of each."""

    @property
    def last_number(self) -> int:
        """The number of the newest record, kept or stood for by a snapshot; 0 in an empty journal."""
        ...

    @property
    def since_snapshot(self) -> int:
        """How many records came after the newest snapshot: when a new one is worth its price."""
        ...

    def append(self, records: Iterable[Record]) -> None:
        """Take records in; each number is the last one plus one.

        What is appended is seen by all reading methods at once, but outlives the process only after :meth:`commit`.
        The contents of Secrets are left out.  Raises ValueError for a number out of turn, and takes none of them then.
        """
        ...

    def commit(self) -> None:
        """Make everything that was appended durable.  Raises JournalError; what was appended is then still pending."""
        ...

    def replay(self, start: int = 0) -> Iterator[Record]:
        """The records with numbers above ``start``, in order, as far back as retention goes."""
        ...

    def snapshot(self, records: Sequence[Record], through: int) -> None:
        """Keep the state after record ``through`` (commits first).  Raises ValueError for a number not reached yet."""
        ...

    def restore(self, through: int | None = None) -> Iterator[Record]:
        """The records of the newest snapshot, then all records after it: what the engine's state is the fold of.

        With ``through``, the state after that record: the newest snapshot that isn't later, and the records up to it.
        Raises JournalError where retention, or damage, has left nothing that it could follow from.
        """
        ...

    def chain(self, number: int) -> list[Record]:
        """The record, its cause, the cause of that, and so on to the root, or to where retention ends."""
        ...

    def prune(self, now: float) -> int:
        """Forget what retention no longer asks for at time ``now`` (seconds since the epoch): how many records."""
        ...

    def close(self) -> None:
        """Commit and let go; closing twice is fine."""
        ...


class SharedJournal(Journal, Protocol):
    """A journal that several processes have open at a time, of which one writes: who leads.

    Its reading methods answer all of them; what one writes, the others read once it is committed.
    """

    def lead(self, term: int | None = None) -> None:
        """Become the writer, under a term of the Lease; None: without a Lease.

        What another has written is read from here on, and what was appended and not committed is forgotten.  From then
        on, nothing that an earlier writer commits is taken.  Asked for again, it says whether this process still is the
        writer.  Raises JournalAway where that can't be asked now, JournalLost where another process has taken over from
        this one, JournalLocked where another one writes without this Lease, and JournalOutbid where one has written
        under a later term.
        """
        ...


def is_shared(journal: Journal) -> TypeGuard[SharedJournal]:
    """Whether a journal is taken over by who leads, rather than this process's own."""
    return callable(getattr(type(journal), "lead", None))
