"""What a target is, and what every one of them promises: an end within a tenth of a second."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import thread_time
from typing import Any

from tests.fuzz.choices import Choices

FOUND = Path(__file__).parent / "found"
LIMIT = 0.1
"""Seconds of CPU that one input may take."""
TRIES = 4
"""An input that took longer is tried again: the machine may have been slow, and the best of these counts."""


class TooSlow(AssertionError):
    """An input takes longer than it may, however often it is tried."""


@dataclass(frozen=True, kw_only=True)
class Target:
    name: str
    make: Callable[[Choices], Any]
    """An input of choices: JSON, so that it can be kept."""
    check: Callable[[Any], None]
    """Raises what isn't documented, and AssertionError where a promise is broken."""
    share: int
    """Of a hundred inputs, how many are for this target: the cheaper, the more."""

    def run(self, value: Any, limit: float = LIMIT) -> None:
        """Check an input, and its time."""
        for _ in range(TRIES):
            began = thread_time()
            self.check(value)
            spent = thread_time() - began
            if spent <= limit:
                return
        raise TooSlow(f"{spent:.2f} s of CPU, where {limit} s are allowed")

    def found(self) -> dict[str, Any]:
        """The inputs that are kept of this target, by their names."""
        return {file.stem: json.loads(file.read_text()) for file in sorted(FOUND.glob(f"{self.name}/*.json"))}


def shown(value: Any) -> str:
    """An input as it is kept."""
    return json.dumps(value, indent=1, sort_keys=True) + "\n"
