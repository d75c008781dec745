"""What ``requirements/`` pins, and under which licences it comes (``requirements/licenses.toml``)."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

REQUIREMENTS = Path(__file__).parents[2] / "requirements"
TABLE = REQUIREMENTS / "licenses.toml"

_PIN = re.compile(r"([a-z0-9-]+)==(\S+)(?: ; ([^\\]+?))? \\")
_HASH = re.compile(r"    --hash=sha256:([0-9a-f]{64})")
_WORDS = {
    "Apache 2.0": "Apache-2.0",
    "BSD 2-Clause License": "BSD-2-Clause",
    "ISC License": "ISC",
    "PSFL": "PSF-2.0",
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: MIT License": "MIT",
    "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
"""What metadata says that is no identifier of SPDX's, where it can mean one alone."""
_IDENTIFIER = re.compile(r"[A-Za-z]+-[0-9.]+(-[A-Za-z]+)?|MIT|ISC")


class Pin(NamedTuple):
    name: str
    version: str
    marker: str
    """Where it is installed; empty: everywhere."""
    hashes: tuple[str, ...]
    """SHA-256 of each file that may be installed."""


def pins(file: str) -> list[Pin]:
    """The pins of a file of ``requirements/``."""
    found: list[Pin] = []
    for line in (REQUIREMENTS / file).read_text().splitlines():
        if match := _PIN.fullmatch(line):
            found.append(Pin(match[1], match[2], match[3] or "", ()))
        elif match := _HASH.match(line):
            found[-1] = found[-1]._replace(hashes=(*found[-1].hashes, match[1]))
    return found


def files() -> list[str]:
    return sorted(file.name for file in REQUIREMENTS.glob("*.txt"))


def listed() -> dict[str, str]:
    """The licence of everything that is pinned, by its name, as an expression of SPDX."""
    table: dict[str, str] = tomllib.loads(TABLE.read_text())["licenses"]
    return table


def allowed() -> frozenset[str]:
    """The licences that there may be: none of them asks for more than to be named, and to keep its files' own terms."""
    return frozenset(tomllib.loads(TABLE.read_text())["allowed"])


def told(name: str) -> str:
    """The licence that installed metadata tells, as an expression of SPDX; empty where it tells none, or is vague."""
    try:
        metadata = distribution(name).metadata
    except PackageNotFoundError:
        return ""
    if expression := metadata.get("License-Expression"):
        return str(expression)
    text = str(metadata.get("License") or "").strip()
    if _IDENTIFIER.fullmatch(text) or " OR " in text:
        return text
    known = [_WORDS[each] for each in (text, *(metadata.get_all("Classifier") or ())) if each in _WORDS]
    return known[0] if known else ""
