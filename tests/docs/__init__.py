"""The documentation, held to what it says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
GUIDES = sorted((ROOT / "docs" / "guides").glob("*.md"))
PAGES = [README, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")), *GUIDES]
REFERENCE = sorted((ROOT / "docs" / "reference").glob("*.md"))
"""What is generated from docstrings."""
TUTORIAL = ROOT / "docs" / "writing-a-backend.md"

_FENCE = re.compile(
    r"(?:<!-- (?P<note>[^>]*) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)


class Block(NamedTuple):
    """A fenced block, and the comment right above it."""

    language: str
    text: str
    note: str


def blocks(page: Path | str, language: str = "") -> Iterator[Block]:
    """Those of a page, or of a part of one."""
    for found in _FENCE.finditer(page if isinstance(page, str) else page.read_text()):
        if language in ("", found["language"]):
            yield Block(found["language"], found["text"], found["note"] or "")


def commands(page: Path) -> list[str]:
    """What a page tells its readers to type."""
    lines = [line for block in blocks(page, "sh") for line in block.text.replace("\\\n", " ").splitlines()]
    return [" ".join(line.split()) for line in lines if line.strip() and not line.startswith("#")]
