"""Python's collector of garbage: how often it looks, and at what.

Nearly all that is made while modules are imported stays.  Looking for garbage in it, again and again as it grows, and
once more at the end, took a tenth of what ``doorward render`` takes.
"""

from __future__ import annotations

import atexit
import gc

__all__ = ["look_at_what_comes", "look_rarely"]

_IMPORTED = 100_000
"""More objects that may be part of a circle than a command makes while it imports what it works with."""
_KEPT = 50_000
"""The same in a process that stays: what an engine makes it mostly keeps, and hardly any of it is part of a circle."""
_USUAL = gc.get_threshold()


def look_rarely() -> None:
    """Let a command import what it works with undisturbed, and end without a last look: from now on.

    It looks all the same where a command makes far more than that, which may be a long one.
    """
    gc.set_threshold(_IMPORTED, *_USUAL[1:])
    atexit.register(gc.freeze)


def look_at_what_comes() -> None:
    """Let what is there by now be, in a process that stays, and look seldom at what comes.

    As often as Python does by itself took up to a fifth of the processor's time of a cold start.  It doesn't look once
    more before, which took nearly a tenth of a second of the first door's time, and found next to nothing.
    """
    gc.freeze()
    gc.set_threshold(_KEPT, *_USUAL[1:])
