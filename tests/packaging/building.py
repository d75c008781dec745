"""The wheels of all members and what is in them: ``./dev build [FOLDER]``.

A wheel has the same bytes wherever and whenever it is built: hatchling sorts its files, and gives them all one time
(``SOURCE_DATE_EPOCH``, or its own).  Beside the wheels there is an SBOM, ``doorward.cdx.json``, with the same property.
"""

from __future__ import annotations

import sys
from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

from tests.packaging.sbom import text

ROOT = Path(__file__).parents[2]
SBOM = "doorward.cdx.json"


def members(root: Path = ROOT) -> list[Path]:
    """The folders of all distributions, that of ``doorward`` itself last."""
    found = (*root.glob("*/pyproject.toml"), *root.glob("plugins/*/pyproject.toml"))
    return [*sorted(file.parent for file in found), root]


def wheel(member: Path, folder: Path) -> Path:
    return Path(next(WheelBuilder(str(member)).build(directory=str(folder), versions=["standard"])))


def build(folder: Path, root: Path = ROOT) -> list[Path]:
    """Every wheel, and the SBOM."""
    folder.mkdir(parents=True, exist_ok=True)
    made = [wheel(member, folder) for member in members(root)]
    bill = folder / SBOM
    bill.write_text(text())
    return [*made, bill]


if __name__ == "__main__":
    for file in build(Path(sys.argv[1] if sys.argv[1:] else "dist")):
        print(file)
