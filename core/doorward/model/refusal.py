"""Why a service can't have the door that it asks for."""

from __future__ import annotations


class Refusal(Exception):
    """A reason from the list in docs/status.md, For you to solve, with a message that names the field and the remedy.

    ``status`` is what the condition becomes: ``False``, or ``Unknown`` where nobody can tell yet.
    """

    def __init__(self, reason: str, message: str, status: str = "False") -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message
        self.status = status
