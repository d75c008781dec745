"""A figure: what was measured, and the goal for it."""

from __future__ import annotations

import sys
from statistics import median
from typing import Literal

import msgspec


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A ratio of two things that one run measured side by side, or a count or size that means the same everywhere."""

    name: str
    measured: float
    goal: float | None = None
    """None: it is told, and has no goal of its own."""
    bound: Literal["at most", "at least"] = "at most"
    unit: str = ""
    """Empty for a ratio."""
    parts: dict[str, float] = {}
    """What it was worked out from, each with its unit in its name; seconds of this machine among them."""
    series: dict[str, list[float]] = {}
    """Of each side, when things happened, for a chart."""

    @property
    def met(self) -> bool | None:
        if self.goal is None:
            return None
        return self.measured <= self.goal if self.bound == "at most" else self.measured >= self.goal


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """How much is measured: all of it, or enough in five minutes to see that nothing has gone wrong."""

    quick: bool = False

    def of(self, whole: int, quick: int) -> int:
        """A number of services, of rounds, of whatever there is to choose."""
        return quick if self.quick else whole


def ratio(
    name: str,
    ours: list[float],
    theirs: list[float],
    goal: float | None,
    *,
    bound: Literal["at most", "at least"] = "at most",
    unit: str = "s",
    sides: tuple[str, str] = ("doorward", "other"),
) -> Figure:
    """The median of the rounds' ratios, of two things that each round measured one after the other."""
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    parts = {f"{sides[0]} ({unit})": median(ours), f"{sides[1]} ({unit})": median(theirs)}
    if len(ratios) > 1:
        parts |= {"least": min(ratios), "most": max(ratios)}
    return Figure(name=name, measured=median(ratios), goal=goal, bound=bound, parts=parts)


def percentile(values: list[float], share: float = 0.99) -> float:
    """The least value that so large a share of them doesn't exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def tell(message: str) -> None:
    """Progress, for who waits."""
    print(f"  {message}", file=sys.stderr, flush=True)
