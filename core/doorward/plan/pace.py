"""How often an object may be repaired: somebody who keeps undoing that is met with growing pauses."""

from __future__ import annotations

from doorward.graph.memory import Pace

ROUNDS = 5
"""Repairs of one object within a minute, before the pauses between them double."""
MINUTE = 60.0
LONGEST_PAUSE = 300.0


def after_repair(pace: Pace, now: float) -> Pace:
    """With one more repair, which went out ``now``; one that was only decided on doesn't count."""
    rounds = (*(t for t in pace.rounds if t > now - MINUTE), now)
    contested = len(rounds) > ROUNDS or (pace.pause > 0 and now - pace.until < MINUTE)
    pause = min(max(1.0, pace.pause * 2), LONGEST_PAUSE) if contested else 0.0
    return Pace(rounds[-ROUNDS - 1 :], pause, now + pause if contested else 0.0)
