"""Errors and lines, without a server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import orjson
import pytest
from doorward.cluster.kube.answer import decode, error_of, lines
from doorward.cluster.protocol import ApiError


def status(**fields: object) -> bytes:
    return orjson.dumps({"kind": "Status", "apiVersion": "v1", **fields})


def test_a_status_gives_reason_and_message() -> None:
    error = error_of(409, {}, status(reason="AlreadyExists", message="there is one", code=409))
    assert (error.status, error.reason, error.message) == (409, "AlreadyExists", "there is one")
    assert error.retry_after is None


def test_the_header_counts_more_than_the_status() -> None:
    body = status(reason="TooManyRequests", code=429, details={"retryAfterSeconds": 1})
    assert error_of(429, {"Retry-After": "7"}, body).retry_after == 7
    assert error_of(429, {}, body).retry_after == 1


def test_retry_after_may_be_a_date() -> None:
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert error_of(503, {"Retry-After": then}, b"").retry_after == pytest.approx(60, abs=3)
    past = format_datetime(datetime.now(UTC) - timedelta(seconds=60), usegmt=True)
    assert error_of(503, {"Retry-After": past}, b"").retry_after == 0


@pytest.mark.parametrize("value", ["soon", "", "Tuesday", "Wed, 99 Nov 2026 00:00:00 GMT"])
def test_a_retry_after_that_makes_no_sense_is_left_out(value: str) -> None:
    assert error_of(503, {"Retry-After": value}, b"").retry_after is None


@pytest.mark.parametrize("body", [b"<html>bad gateway</html>", b"[1]", b"\xff\xfe", b""])
def test_an_error_that_is_no_status_keeps_the_code_and_what_was_said(body: bytes) -> None:
    error = error_of(404, {}, body)
    assert (error.status, error.reason) == (404, "NotFound")
    assert error.message == body.decode(errors="replace")


def test_an_answer_that_is_no_json_is_no_answer() -> None:
    with pytest.raises(ApiError) as caught:
        decode(b"<html>log in</html>")
    assert caught.value.status == 0


async def split(*chunks: bytes) -> list[bytes]:
    async def stream() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    return [line async for line in lines(stream())]


async def test_lines_come_out_whole_however_they_are_cut() -> None:
    whole = b'{"a":1}\n{"b":2}\n\n{"c":3}\n'
    expected = [b'{"a":1}', b'{"b":2}', b'{"c":3}']
    assert await split(whole) == expected
    assert await split(*(whole[i : i + 1] for i in range(len(whole)))) == expected


async def test_a_stream_that_ends_within_a_line_is_no_whole_answer() -> None:
    with pytest.raises(ApiError) as caught:
        await split(b'{"a":1}\n{"b"')
    assert caught.value.status == 0
