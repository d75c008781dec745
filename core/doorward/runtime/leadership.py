"""What a shell asks of whoever chooses one leader among several processes: see :mod:`doorward.lease`."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Leadership"]


class Leadership(Protocol):
    """Whether this process leads."""

    @property
    def term(self) -> int:
        """Which leader it is: one more than the one before, whoever that was."""

    def seconds(self) -> float:
        """For how long this process may go on writing; 0: it may not, now.  Asked before each request."""

    def raise_term(self, above: int) -> None:
        """Lead under a term above this one, which a shared journal has seen, once whoever chooses has agreed."""
