"""An input for which something doesn't hold: made smaller, and kept."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.fuzz.choices import OfBytes
from tests.fuzz.target import LIMIT, Target, shown

FOLDER = Path(__file__).parents[2] / ".cache" / "fuzz"


@dataclass(frozen=True)
class Finding:
    """``where`` tells findings apart: the kind of error, and the line that raised it."""

    target: str
    where: str
    error: str
    value: Any

    def keep(self) -> Path:
        """Write the input where findings are looked at; one that is mended goes to ``tests/fuzz/found``."""
        text = shown(self.value)
        file = FOLDER / self.target / f"{sha256(text.encode()).hexdigest()[:12]}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file


def tried(target: Target, data: bytes, limit: float = LIMIT) -> Finding | None:
    """What doesn't hold for the input that these bytes make."""
    value = target.make(OfBytes(data))
    try:
        target.run(value, limit)
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{type(error).__name__} in {last.name}, {Path(last.filename).name}:{last.lineno}"
        return Finding(target.name, where, str(error)[:500], value)
    return None


def smaller(target: Target, data: bytes, finding: Finding, limit: float = LIMIT) -> Finding:
    """The same with fewer choices, and simpler ones."""
    shrinking = True
    while shrinking:
        shrinking = False
        for candidate in _candidates(data):
            found = tried(target, candidate, limit)
            if found and found.where == finding.where:
                data, finding, shrinking = candidate, found, True
                break
    return finding


def _candidates(data: bytes) -> Iterator[bytes]:
    size = len(data)
    while size:
        for start in range(0, len(data), size):
            yield data[:start] + data[start + size :]
        size //= 2
    for at, byte in enumerate(data):
        if byte:
            yield data[:at] + b"\0" + data[at + 1 :]
