"""How often an object may be repaired: somebody who keeps undoing that is met with growing pauses."""

from __future__ import annotations

from doorward.state.memory import BackOff

ROUNDS = 5
"""Repairs of one object within a minute, before the pauses between them double."""
MINUTE = 60.0
LONGEST_PAUSE = 300.0


def after_repair(back_off: BackOff, now: float) -> BackOff:
    """With one more repair, which went out ``now``; one that was only decided on doesn't count."""
    rounds = (*(t for t in back_off.rounds if t > now - MINUTE), now)
    contested = len(rounds) > ROUNDS or (back_off.pause > 0 and now - back_off.until < MINUTE)
    pause = min(max(1.0, back_off.pause * 2), LONGEST_PAUSE) if contested else 0.0
    return BackOff(rounds[-ROUNDS - 1 :], pause, now + pause if contested else 0.0)
