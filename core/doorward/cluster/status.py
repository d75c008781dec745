"""What a ``Status`` object says: an error answer of an API server, or the end of a watch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from doorward.cluster.protocol import ApiError

REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    410: "Gone",
    413: "RequestEntityTooLarge",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}
"""Reasons of answers that aren't a Status, as a proxy in between gives them (``metav1.StatusReason``)."""


def status_error(content: Mapping[str, Any], status: int = 0, retry_after: float | None = None) -> ApiError:
    """The error that a ``Status`` object stands for; the HTTP code and header count more than what it repeats."""
    code = status or int(content.get("code") or 500)
    if retry_after is None:
        seconds = (content.get("details") or {}).get("retryAfterSeconds")
        retry_after = float(seconds) if seconds else None
    reason = content.get("reason") or REASONS.get(code, "")
    return ApiError(code, reason, content.get("message") or "", retry_after)
