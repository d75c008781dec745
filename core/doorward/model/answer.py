"""What a request can be answered with instead of an object."""

from __future__ import annotations


class ApiError(Exception):
    """An error answer of the API server (a ``Status``), or the lack of an answer; of a backend that keeps objects, too.

    ``status`` is the HTTP code, 0 where no whole answer came (a time-out, a dropped connection): the request may have
    been carried out.  ``reason`` is the Status' machine-readable reason (``NotFound``, ``Conflict``, ``Expired`` …).
    ``retry_after`` is in seconds.
    """

    def __init__(self, status: int, reason: str = "", message: str = "", retry_after: float | None = None) -> None:
        super().__init__(message or reason or str(status))
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_after = retry_after
