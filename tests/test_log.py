"""The library's log: what it adds to lines, and that it never raises."""

from __future__ import annotations

from io import StringIO

import pytest
import structlog
from doorward.log import Log
from structlog.testing import capture_logs

LEVELS = ("info", "warning", "error", "exception")


def test_lines_have_what_is_known_of_them_and_of_their_logger() -> None:
    log = Log("doorward", kind="Service").bind(namespace="a")
    with capture_logs() as lines:
        log.warning("watch failed", status=410)
    assert lines == [
        {"event": "watch failed", "log_level": "warning", "kind": "Service", "namespace": "a", "status": 410}
    ]


def test_a_line_about_an_exception_has_its_traceback() -> None:
    written = StringIO()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(written))
    try:
        raise KeyError("secret door")
    except KeyError:
        Log("doorward").exception("a task failed")
    assert "secret door" in written.getvalue()


def test_where_lines_go_is_what_was_configured_last() -> None:
    log, written = Log("doorward"), StringIO()
    log.bind(kind="Service")
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(written))
    log.info("leading")
    assert "leading" in written.getvalue()


@pytest.mark.parametrize("level", LEVELS)
def test_a_stream_that_is_closed_loses_the_line_alone(level: str) -> None:
    closed = StringIO()
    closed.close()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(closed))
    getattr(Log("doorward"), level)("leading")


@pytest.mark.parametrize("level", LEVELS)
def test_a_processor_that_raises_loses_the_line_alone(level: str) -> None:
    def fails(*_: object) -> str:
        raise RuntimeError("no")

    structlog.configure(processors=[fails])
    getattr(Log("doorward"), level)("leading")
