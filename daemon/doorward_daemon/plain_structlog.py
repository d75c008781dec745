"""structlog without rich, which it imports wherever that is installed, to draw tracebacks.

A daemon's are plain, on a terminal too, and rich is installed with typer: importing it took a tenth of what a daemon
took until its first request.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

__all__ = ["prepare"]


def prepare() -> None:
    """Import structlog so, before anything else does; where it is there already, nothing changes."""
    with _hidden("rich"):
        import_module("structlog")


@contextmanager
def _hidden(name: str) -> Iterator[None]:
    """Let a package that nobody has imported yet be as if it weren't installed."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # Source: docs.python.org, "The import system", 5.3.1
    try:
        yield
    finally:
        del sys.modules[name]
