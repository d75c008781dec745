"""What is promised of every backend, one rule each."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from doorward.testing.conformance.subject import Subject

Check = Callable[[Subject], None]


class Rule(NamedTuple):
    """One promise."""

    name: str
    promise: str
    """What is promised, in one sentence."""
    check: Check
    """Raises Breach where it isn't kept."""
    applies: Callable[[Subject], bool]
    served: bool = False
    """It takes a real API server to try it."""


def always(subject: Subject) -> bool:
    del subject
    return True


def with_hosts(subject: Subject) -> bool:
    """Rules about hosts are for backends that open doors by host."""
    return subject.evaluator.hosts


class Rules(list[Rule]):
    """The rules of one module, in the order in which they are written; ``served``: for a real API server."""

    def __init__(self, *, served: bool = False) -> None:
        super().__init__()
        self._served = served

    def rule(self, name: str, *, applies: Callable[[Subject], bool] = always) -> Callable[[Check], Check]:
        """Register a check; the first sentence of its docstring is what is promised."""

        def register(check: Check) -> Check:
            promise = " ".join((check.__doc__ or "").split()).partition(". ")[0].rstrip(".")
            self.append(Rule(name, promise, check, applies, self._served))
            return check

        return register
