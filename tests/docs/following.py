"""A page that is followed: its files written, its commands run, and what it says that they print looked for.

The comment right above a block says what it is:

- ``<!-- FILE -->``: what a reader writes there.  Python that doesn't begin with a docstring is a part of the file: each
  function takes the place of the one of its name, and one that is new comes after the one before it in the block.
- ``<!-- shows FILE -->``: what a file has.
- ``<!-- prints -->``: what the commands before it print, line by line, others in between.
- a block of commands has none, or ``<!-- fails -->``: the last of them ends with status 1.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.docs import Block, blocks
from tests.docs.environment import PYTHON, write
from tests.patience import PATIENCE


def sections(page: Path) -> dict[str, list[Block]]:
    """The blocks of a page by the heading of the second level that they stand under."""
    found: dict[str, list[Block]] = {}
    for part in re.split(r"^## ", page.read_text(), flags=re.MULTILINE)[1:]:
        heading, _, text = part.partition("\n")
        found[heading] = list(blocks(text))
    return found


@dataclass(frozen=True)
class Reader:
    """Where a reader is, and with which environment; following blocks gives where they are then."""

    home: Path
    environ: dict[str, str]
    folder: Path
    printed: str = field(default="", repr=False)

    @classmethod
    def at(cls, home: Path) -> Reader:
        """Someone with a Python, and nothing else."""
        (home / "bin").mkdir(parents=True)
        write(home / "bin" / "python3", PYTHON, Path(sys.executable))
        path = os.pathsep.join((str(home / "bin"), os.defpath))
        kept = {name: value for name, value in os.environ.items() if name in ("HOME", "LANG", "TMPDIR")}
        (home / "work").mkdir()
        return cls(home, {**kept, "PATH": path, "NO_COLOR": "1", "COLUMNS": "200"}, home / "work")

    def follow(self, block: Block) -> Reader:
        """Raises AssertionError where the page says what isn't so."""
        if block.language == "sh":
            return self._run(block.text, 1 if block.note == "fails" else 0)
        if block.note == "prints":
            self._look_for(block.text)
        elif block.note.startswith("shows "):
            assert block.text in (self.folder / block.note.removeprefix("shows ")).read_text(), block.text
        else:
            assert re.fullmatch(r"[\w./-]+", block.note), f"nothing says what this is: {block.text}"
            self._write(self.folder / block.note, block.text)
        return self

    def _run(self, commands: str, status: int) -> Reader:
        environ, folder = self.home / "environ", self.home / "folder"
        script = f"trap 'env -0 > {environ}; pwd > {folder}' EXIT\n{commands}"
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", script],
            cwd=self.folder,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=10 * PATIENCE,
            check=False,
        )
        assert done.returncode == status, f"{commands}ended with {done.returncode}:\n{done.stdout}"
        lines = [line for line in environ.read_text().split("\0") if line]
        left = dict(line.split("=", 1) for line in lines)
        return Reader(self.home, left, Path(folder.read_text().strip()), done.stdout)

    def _look_for(self, text: str) -> None:
        lines = [" ".join(line.split()) for line in self.printed.splitlines()]
        for line in text.splitlines():
            wanted = " ".join(line.split())
            if wanted != "…":
                assert wanted in lines, f"{line!r} isn't printed (any more):\n{self.printed}"
                del lines[: lines.index(wanted) + 1]

    @staticmethod
    def _write(file: Path, text: str) -> None:
        whole = file.suffix != ".py" or text.startswith('"""')
        file.write_text(text if whole else edited(file.read_text(), text))


def edited(text: str, part: str) -> str:
    """A module with functions written anew."""
    before = ""
    for node in ast.parse(part).body:
        assert isinstance(node, ast.FunctionDef), ast.unparse(node)
        there = {each.name: each for each in ast.parse(text).body if isinstance(each, ast.FunctionDef)}
        lines, new = text.splitlines(), part.splitlines()[_first(node) : node.end_lineno]
        if node.name in there:
            lines[_first(there[node.name]) : there[node.name].end_lineno] = new
        else:
            end = there[before].end_lineno
            assert end is not None
            lines[end:end] = ["", "", *new]
        text, before = "\n".join(lines) + "\n", node.name
    return text


def _first(node: ast.FunctionDef) -> int:
    """The index of its first line, decorators included."""
    return min(each.lineno for each in (node, *node.decorator_list)) - 1
