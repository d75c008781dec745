"""Numbers of things in what people read."""

from __future__ import annotations

__all__ = ["counted"]


def counted(number: int, one: str, many: str = "") -> str:
    """``1 door``, ``2 doors``, ``0 doors``; ``many`` for what takes no ``s``, as in ``2 entries``."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"
