"""What keeps a question from being answered: said in one line, with status 2, since 1 is an answer."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from doorward_daemon.saying import say_error

__all__ = ["NO_ANSWER", "Unanswered", "answering", "warn_beside"]

NO_ANSWER = 2
_EXPECTED = (
    ("doorward.backends", "NoSource"),
    ("doorward.cluster.kube.access", "AccessError"),
    ("doorward.model.answer", "ApiError"),
    ("doorward.journal.errors", "JournalError"),
    ("doorward_daemon.manifests", "InputError"),
)
"""What isn't imported, nobody has raised."""


class Unanswered(Exception):
    """A question that makes no sense, in words for who asked it."""


@contextmanager
def answering() -> Iterator[None]:
    """Turn what may go wrong into a line on standard error and the exit status.  Raises typer.Exit."""
    try:
        yield
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
    except Exception as error:
        known = [getattr(sys.modules[module], name) for module, name in _EXPECTED if module in sys.modules]
        if not isinstance(error, (Unanswered, OSError, *known)):
            raise
        say_error(error)
        raise typer.Exit(NO_ANSWER) from None


def warn_beside() -> None:
    """Have warnings of the library appear on standard error, so that an answer can be read by programs."""
    import structlog

    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger("warning"),
        cache_logger_on_first_use=False,
    )
