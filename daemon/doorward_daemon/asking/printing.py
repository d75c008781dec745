"""Answers on a terminal, and for programs.

What others wrote (names, hosts, messages) may hold anything; on a terminal it is shown, never obeyed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import orjson
import typer
import yaml
from doorward.model.quoting import visible
from doorward.model.reference import JsonObject

__all__ = ["Cell", "age", "echo", "filled", "line", "structured", "styled", "table"]

Cell = str | tuple[str, str]
"""Text, or text and the color that it has on a terminal."""

WIDEST = 64
"""Characters of the widest column."""
GAP = "   "
NONE = "-"
"""What a table shows for nothing."""


def table(columns: Sequence[str], rows: Sequence[Sequence[Cell]], *, widths: list[int] | None = None) -> list[str]:
    """Lines, as kubectl's; the head is left out where ``widths`` of an earlier table are given, which grow.

    What is longer than :data:`WIDEST` moves the rest of its own line alone.
    """
    cells = [[_cell(each) for each in row] for row in rows]
    head = [(name, "") for name in columns]
    first = not widths
    grown = widths if widths is not None else []
    grown[:] = [
        max(0 if first else grown[n], *(min(WIDEST, len(row[n][0])) for row in (head, *cells)))
        for n in range(len(columns))
    ]
    lines = [_line([(text, "bold") for text, _ in head], grown)] if first else []
    return [*lines, *(_line(row, grown) for row in cells)]


def structured(value: object, format: str) -> str:
    """JSON or YAML."""
    if format == "json":
        return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()
    return yaml.dump(value, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=120)


def line(value: object, format: str) -> str:
    """One of many that come by and by: a line of JSON, or a document of YAML."""
    if format == "json":
        return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE).decode()
    return f"---\n{structured(value, format)}"


def filled(value: Mapping[str, object]) -> JsonObject:
    """Without what is empty."""
    return {key: each for key, each in value.items() if each or (each == 0 and each is not False)}


def echo(text: str = "", *, nl: bool = True) -> None:
    """Print; colors reach a terminal alone, and none where NO_COLOR is set."""
    typer.echo(text, nl=nl, color=False if os.environ.get("NO_COLOR") else None)


def styled(text: str, style: str) -> str:
    """``text`` in a color, or bold."""
    if not style:
        return text
    return typer.style(text, bold=True) if style == "bold" else typer.style(text, fg=style)


def age(seconds: float) -> str:
    """A duration in one or two units, as kubectl tells it."""
    seconds = max(0, int(seconds))
    for unit, size, below, small in (("d", 86400, 8, "h"), ("h", 3600, 8, "m"), ("m", 60, 10, "s")):
        if seconds >= size * 2:
            whole, rest = divmod(seconds, size)
            part = rest // {"h": 3600, "m": 60, "s": 1}[small]
            return f"{whole}{unit}{part}{small}" if whole < below and part else f"{whole}{unit}"
    return f"{seconds}s"


def _cell(cell: Cell) -> tuple[str, str]:
    text, style = (cell, "") if isinstance(cell, str) else cell
    return visible(text) or NONE, style


def _line(cells: Sequence[tuple[str, str]], widths: Sequence[int]) -> str:
    last = len(cells) - 1
    parts = [
        styled(text, style) + ("" if number == last else " " * (widths[number] - len(text)))
        for number, (text, style) in enumerate(cells)
    ]
    return GAP.join(parts)
