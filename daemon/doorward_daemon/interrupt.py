"""The wish of a user, or of a kubelet, that a command ends."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress


def interrupted() -> asyncio.Event:
    """Set by SIGTERM and SIGINT, where the platform lets the running event loop take them."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, stop.set)
    return stop
