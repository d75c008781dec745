"""What others are told of the shell's work: metrics, logs, a table on a screen."""

from __future__ import annotations

from collections.abc import Sequence

from doorward.model.action import Action
from doorward.model.event import Record
from doorward.runtime.performing import Outcome

__all__ = ["Listener"]


class Listener:
    """Override what is of interest; calls are made from the event loop and should be short.

    An exception that a listener raises is logged, and changes nothing.
    """

    def recorded(self, records: Sequence[Record]) -> None:
        """Records, in the order in which a journal holds them."""

    def planned(self, action: Action) -> None:
        """In a dry run: a write that would be made now."""

    def performed(self, action: Action, outcome: Outcome, seconds: float) -> None:
        """An action was carried out, or refused, or nobody knows; ``seconds`` is how long the request took."""

    def decided(self, backend: str, result: str, seconds: float) -> None:
        """A door was decided; ``seconds`` is how long that took.

        ``backend`` is empty where none was chosen; ``result``: ``written`` (something is to be), ``unchanged``,
        ``waiting`` for a kind to be listed, or ``error`` of a plugin.
        """

    def slow_hook(self, plugin: str, hook: str, seconds: float) -> None:
        """A plugin's hook took long, and held everything else up."""
