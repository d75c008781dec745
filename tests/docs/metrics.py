"""The page of metrics, from where each is made: its name, its kind, its labels and the text that ``/metrics`` has.

``python -m tests.docs.reference`` writes it with the other pages of the reference.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.docs import ROOT

FILE = ROOT / "docs" / "reference" / "metrics.md"
SOURCES = sorted((ROOT / "daemon" / "doorward_daemon").rglob("*.py"))
KINDS = ("counter", "gauge", "histogram", "summary", "info")
HEAD = """# Metrics

What `/metrics` has, from the code; [Operations](../operations.md#health) says which of them to alert on, and which are
the authorization service's. A histogram `NAME` is read as `NAME_bucket`, `NAME_sum` and `NAME_count`.

| Metric | Kind | Labels | Meaning |
|---|---|---|---|
"""


class MetricMade(NamedTuple):
    """A metric as it is made; ``name`` as Prometheus has it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    text: str


def metrics() -> list[MetricMade]:
    """Those of all sources, by name."""
    return sorted(made for file in SOURCES for made in made_in(file))


def made_in(file: Path) -> Iterator[MetricMade]:
    """The calls whose first two arguments are the name of a metric and its text."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call) and len(node.args) >= 2:
            name, text = (each.value if isinstance(each, ast.Constant) else None for each in node.args[:2])
            if isinstance(name, str) and name.startswith("doorward_") and isinstance(text, str):
                kind = next(kind for kind in KINDS if kind in ast.unparse(node.func).lower())
                yield MetricMade(f"{name}_total" if kind == "counter" else name, kind, tuple(labels(node)), text)


def labels(call: ast.Call) -> Iterator[str]:
    """Labels are given as a list, by position or by name, or one by one."""
    given = [*call.args[2:], *(each.value for each in call.keywords if each.arg in ("labels", "labelnames"))]
    for each in given:
        for part in each.elts if isinstance(each, (ast.List, ast.Tuple)) else [each]:
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                yield part.value


def page() -> str:
    rows = [(f"`{name}`", kind, ", ".join(f"`{label}`" for label in of), text) for name, kind, of, text in metrics()]
    return HEAD + "".join(f"| {' | '.join(cells).rstrip('.')} |\n" for cells in rows)
