"""The library's log: structlog's, as the process has configured it, whose failures are nobody else's.

Who embeds the library says where lines go, and that may end before the process does: a pipe that nobody reads any
more, a stream that was closed, a processor that raises.  A line that can't be written is lost, and nothing but the
line; what was about to be done after it is done.
"""

from __future__ import annotations

from contextlib import suppress

import structlog

__all__ = ["Log"]


class Log:
    """A logger by this name that never raises; ``known`` is added to each of its lines."""

    def __init__(self, name: str, **known: object) -> None:
        self._name = name
        self._known = known
        self._log = structlog.get_logger(name, **known)

    def bind(self, **known: object) -> Log:
        """The same, with more that is added to each line."""
        return Log(self._name, **{**self._known, **known})

    def info(self, event: str, **known: object) -> None:
        self._tell("info", event, known)

    def warning(self, event: str, **known: object) -> None:
        self._tell("warning", event, known)

    def error(self, event: str, **known: object) -> None:
        self._tell("error", event, known)

    def exception(self, event: str, **known: object) -> None:
        """With the traceback of the exception that is being handled."""
        self._tell("exception", event, known)

    def _tell(self, level: str, event: str, known: dict[str, object]) -> None:
        with suppress(Exception):
            getattr(self._log, level)(event, **known)
