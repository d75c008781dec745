"""What a run found: as a table for people, as JSON to be kept, as charts for the documentation."""

from __future__ import annotations

from pathlib import Path

import msgspec

from benchmarks import chart
from benchmarks.figure import Figure

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "performance.md"
KEPT = DOCS / "reference" / "performance.json"
MARKS = ("<!-- measured -->", "<!-- /measured -->")


class Report(msgspec.Struct):
    """One run."""

    machine: dict[str, str]
    quick: bool
    figures: list[Figure]

    def table(self) -> str:
        """Figure, measured, goal, met or not; in Markdown, which reads well in a terminal too."""
        rows = [("Figure", "Measured", "Goal", "Met"), ("---", "---:", "---:", "---")]
        rows += [(f.name, shown(f.measured, f.unit), goal(f), met(f)) for f in self.figures]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
        return "\n".join(f"| {line} |" for line in lines)

    def about(self) -> str:
        """The machine, in one line."""
        return ", ".join(f"{key} {value}" for key, value in self.machine.items())

    def keep(self, file: Path) -> None:
        file.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")

    def draw(self, folder: Path) -> None:
        """``goals.svg``: all ratios beside their goals; ``cold.svg``: the doors that stand over the time."""
        about = f"{self.machine.get('date', '')}, {self.machine.get('processor', '')}"
        folder.mkdir(parents=True, exist_ok=True)
        bars = [chart.Bar(f.name, f.measured, f.goal, f.bound, bool(f.met)) for f in self.figures if f.goal]
        if bars:
            (folder / "goals.svg").write_text(chart.against_goals(bars, about))
        for figure in self.figures:
            if figure.series:
                (folder / "cold.svg").write_text(chart.over_time(figure.series, about))

    def publish(self) -> None:
        """Keep it, draw it, and put the table into the page, between the two marks."""
        self.keep(KEPT)
        self.draw(KEPT.parent)
        before, _, rest = PAGE.read_text().partition(MARKS[0])
        after = rest.partition(MARKS[1])[2]
        PAGE.write_text(f"{before}{MARKS[0]}\n{self.section()}\n{MARKS[1]}{after}")

    def section(self) -> str:
        """The table and where it was measured, as the documentation has it."""
        how = "A quick run" if self.quick else "A whole run"
        return f"{self.table()}\n\n{how}: {self.about()}."


def read(file: Path) -> Report:
    return msgspec.json.decode(file.read_bytes(), type=Report)


def shown(value: float, unit: str = "") -> str:
    """Three digits that count."""
    digits = f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
    return f"{digits} {unit}".strip()


def goal(figure: Figure) -> str:
    return "" if figure.goal is None else f"{figure.bound} {shown(figure.goal, figure.unit)}"


def met(figure: Figure) -> str:
    return {True: "yes", False: "no", None: ""}[figure.met]
