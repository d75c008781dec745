"""Charts as SVG, light and dark as the reader has it."""

from __future__ import annotations

import math
from html import escape
from typing import NamedTuple

WIDTH, ROW, LEFT, RIGHT, TOP = 900, 22, 410, 90, 54
COLOURS = ("#2563eb", "#d97706", "#059669")
STYLE = """<style>
text { font: 12px system-ui, sans-serif; fill: #1f2937 }
.title { font-size: 14px; font-weight: 600 }
.dim { fill: #6b7280 }
.grid { stroke: #9ca3af; stroke-width: 1; opacity: .4 }
.goal { stroke: #6b7280; stroke-width: 1.5; stroke-dasharray: 4 3 }
@media (prefers-color-scheme: dark) { text { fill: #e5e7eb } .dim { fill: #9ca3af } }
</style>"""


class Bar(NamedTuple):
    name: str
    measured: float
    goal: float
    bound: str
    met: bool


def against_goals(bars: list[Bar], about: str) -> str:
    """Each figure as a share of its goal, on a scale where the goal is one line: left of it is better."""
    shares = [(b.measured / b.goal if b.bound == "at most" else b.goal / max(b.measured, 1e-9)) for b in bars]
    most = 2.0 ** math.ceil(math.log2(max(2.0, *shares)))
    least = 1 / 8
    span = WIDTH - LEFT - RIGHT

    def x(share: float) -> float:
        return LEFT + span * math.log2(min(max(share, least), most) / least) / math.log2(most / least)

    height = TOP + ROW * len(bars) + 30
    parts = ['<text x="10" y="20" class="title">Measured, as a share of the goal (left of the line: met)</text>']
    parts.append(f'<text x="10" y="38" class="dim">{escape(about)}</text>')
    for row, (bar, share) in enumerate(zip(bars, shares, strict=True)):
        y = TOP + ROW * row
        colour = COLOURS[2] if bar.met else COLOURS[1]
        parts.append(f'<text x="{LEFT - 8}" y="{y + 13}" text-anchor="end">{escape(bar.name)}</text>')
        width = max(2.0, x(share) - LEFT)
        parts.append(f'<rect x="{LEFT}" y="{y + 3}" width="{width:.1f}" height="{ROW - 8}" rx="2" fill="{colour}"/>')
        parts.append(f'<text x="{LEFT + width + 6:.1f}" y="{y + 13}" class="dim">{share:.2f}</text>')
    bottom = TOP + ROW * len(bars)
    parts.append(f'<line x1="{x(1):.1f}" y1="{TOP}" x2="{x(1):.1f}" y2="{bottom}" class="goal"/>')
    parts.append(f'<text x="{x(1):.1f}" y="{bottom + 16}" text-anchor="middle" class="dim">the goal</text>')
    return _svg(height, parts)


def over_time(series: dict[str, list[float]], about: str) -> str:
    """How many have happened by when: a line for each side."""
    height, left, bottom = 320, 60, 280
    end = _round(max(max(times) for times in series.values()))
    count = max(len(times) for times in series.values())

    def place(seconds: float, done: int) -> str:
        across = left + (WIDTH - left - 40) * seconds / end
        return f"{across:.1f},{bottom - (bottom - TOP) * done / count:.1f}"

    parts = ['<text x="10" y="20" class="title">Doors that stand, from the start of the process</text>']
    parts.append(f'<text x="10" y="38" class="dim">{escape(about)}</text>')
    for step in range(6):
        across, _, up = place(end * step / 5, count * step // 5).partition(",")
        parts.append(f'<line x1="{across}" y1="{TOP}" x2="{across}" y2="{bottom}" class="grid"/>')
        parts.append(
            f'<text x="{across}" y="{bottom + 18}" text-anchor="middle" class="dim">{end * step / 5:g} s</text>'
        )
        parts.append(
            f'<text x="{left - 8}" y="{float(up) + 4}" text-anchor="end" class="dim">{count * step // 5}</text>'
        )
    for times, colour in zip(series.values(), COLOURS, strict=False):
        every = max(1, len(times) // 200)
        points = [place(0, 0), *(place(t, n + 1) for n, t in enumerate(times) if n % every == 0 or n + 1 == len(times))]
        parts.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}" stroke-width="2"/>')
    for row, (name, colour) in enumerate(zip(series, COLOURS, strict=False)):
        y = TOP + 16 + 18 * row
        parts.append(f'<rect x="{left + 14}" y="{y - 10}" width="12" height="12" rx="2" fill="{colour}"/>')
        parts.append(f'<text x="{left + 32}" y="{y}">{escape(name)}</text>')
    return _svg(height, parts)


def _round(value: float) -> float:
    """The next number that five equal steps lead to without odd fractions."""
    unit = 10.0 ** math.floor(math.log10(value))
    return next(step * unit for step in (1, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10) if value <= step * unit)


def _svg(height: int, parts: list[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">'
    return "\n".join([head, STYLE, *parts, "</svg>", ""])
