"""The daemon's log: one line of JSON per event, or a readable one on a terminal; one line per write and
per edit of the settings that is rejected."""

from __future__ import annotations

import sys
import warnings
from collections.abc import MutableMapping, Sequence
from contextlib import suppress
from typing import Any, Literal, TextIO

import orjson
import structlog
from doorward.hooks import Deprecated
from doorward.model.action import Action
from doorward.model.event import Applied, Configured, Record, Refused
from doorward.model.quoting import visible
from doorward.runtime.listener import Listener
from doorward.runtime.performing import Outcome
from doorward.runtime.shell import Shell

__all__ = ["Format", "WriteLog", "configure"]

Format = Literal["auto", "json", "pretty"]

_log = structlog.get_logger("doorward")
_DONE = {
    "create": "created",
    "patch": "updated",
    "status": "status written",
    "delete": "deleted",
    "event": "event told",
}


def configure(format: Format = "auto") -> None:
    """Log to standard error; ``auto``: readable on a terminal, JSON elsewhere."""
    terminal = sys.stderr.isatty()
    pretty = format == "pretty" or (format == "auto" and terminal)
    shared: list[Any] = [_visibly, structlog.processors.add_log_level, structlog.processors.StackInfoRenderer()]
    if pretty:
        stamp = structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False)
        processors = [
            *shared,
            stamp,
            structlog.dev.ConsoleRenderer(colors=terminal, exception_formatter=structlog.dev.plain_traceback),
        ]
    else:
        stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
        renderer = structlog.processors.JSONRenderer(serializer=_json)
        processors = [*shared, stamp, structlog.processors.format_exc_info, renderer]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger("info"),
        logger_factory=_Output,
        cache_logger_on_first_use=False,
    )
    warnings.simplefilter("default", Deprecated)
    warnings.showwarning = _log_warning


def _log_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """In place of :func:`warnings.showwarning`: a line of the log, which somebody reads."""
    del file, line
    _log.warning(
        "deprecated" if issubclass(category, Deprecated) else "warning",
        message=str(message),
        where=f"{filename}:{lineno}",
    )


def _visibly(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """What others wrote makes no second line, and nothing that a terminal obeys.  Tracebacks come later, and stay."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = visible(value)
        elif isinstance(value, list | tuple):
            event[key] = [visible(each) if isinstance(each, str) else each for each in value]
    return event


class _Output:
    """Writes to standard error; where nobody reads it any more, the daemon goes on without a log."""

    def __init__(self, *_: Any) -> None:
        pass

    def msg(self, message: str) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.write(message + "\n")
            sys.stderr.flush()

    debug = info = warning = error = critical = exception = msg


def _json(event: dict[str, Any], **_: Any) -> str:
    return orjson.dumps(event, default=str).decode()


class WriteLog(Listener):
    """Logs every write: for which service, to which object, why, which fields, and the record that it is.  And every
    edit of the settings that is rejected.

    ``number`` and ``cause`` are numbers of the journal's records: ask it for the chain that led there.
    """

    def __init__(self, shell: Shell) -> None:
        self._engine = shell.engine
        self._log = structlog.get_logger("doorward").bind()  # once, and not for each line

    def recorded(self, records: Sequence[Record]) -> None:
        for record in records:
            if isinstance(event := record.event, Configured) and event.problems:
                force = "no settings are in force" if event.good is None else "the last good ones stay in force"
                self._log.warning(f"the settings are rejected; {force}", problems=event.problems, number=record.number)

    def performed(self, action: Action, outcome: Outcome, seconds: float) -> None:
        known = {
            "service": self._engine.named(action.service),
            "object": str(action.ref),
            "reason": action.reason,
            "fields": list(action.fields),
            "number": action.id,
            "cause": action.cause,
            "seconds": round(seconds, 4),
        }
        if isinstance(outcome, Applied):
            log = self._log.debug if action.verb == "verify" else self._log.info
            log(_DONE.get(action.verb, action.verb), **known)
        elif isinstance(outcome, Refused):
            why = outcome.message or outcome.reason
            self._log.warning(f"{action.verb} refused", **known, status=outcome.status, message=why)
        else:
            self._log.warning(f"{action.verb} unanswered", **known, message=outcome.message)
