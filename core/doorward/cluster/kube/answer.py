"""What the API server says: its errors, and the lines of a watch."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from doorward.cluster.protocol import ApiError
from doorward.cluster.status import REASONS, status_error


def decode(body: bytes) -> Any:
    """The JSON of a 2xx answer; ApiError 0 where it is none, since then nobody knows what answered."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ApiError(0, "", f"the answer is not JSON: {body[:200]!r}") from error


def error_of(status: int, headers: Mapping[str, str], body: bytes) -> ApiError:
    """The error that an answer with an HTTP status of 300 or more stands for."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        content = None
    if isinstance(content, dict) and content.get("kind") == "Status":
        return status_error(content, status, _seconds(headers.get("Retry-After")))
    message = body[:500].decode(errors="replace").strip()
    return ApiError(status, REASONS.get(status, ""), message, _seconds(headers.get("Retry-After")))


def _seconds(header: str | None) -> float | None:
    """Retry-After in seconds: RFC 9110, section 10.2.3 has a number or a date."""
    if not header:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


async def lines(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """The non-empty lines of a stream, however long and however they are cut; ApiError 0 where the last has no end."""
    parts: list[bytes] = []
    async for chunk in chunks:
        head, *rest = chunk.split(b"\n")
        parts.append(head)
        for tail in rest:
            if line := b"".join(parts):
                yield line
            parts = [tail]
    if any(parts):
        raise ApiError(0, "", "the stream ended within a line")
