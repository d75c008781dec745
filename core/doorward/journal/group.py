"""What a row of the SQLite file holds: a group of records that were committed together, or a snapshot.

Records that follow each other are much alike, so that a group of them takes a tenth of their JSON.  All of it is frames
of LZ4 (its document ``lz4_Frame_format.md``), from which the command ``lz4 -d`` gives the JSON back:

    a group       a skippable frame with the number of records (4 bytes, big-endian), then a frame of JSON lines
    a snapshot    a frame of one JSON array of records
    version 1     no frame: the JSON of one record, or the array

The number of records is told apart so that where a group begins is known without unpacking it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from lz4 import frame

from doorward.journal.encoding import Unreadable, decode_lines, encode, read_snapshot
from doorward.model.event import Record

RECORDS = 128
"""How many records make a group: with more, hardly less is written, and more is unpacked to find one of them."""
BYTES = 1 << 20
"""Of JSON, after which a group ends sooner."""
HEADER = 12
"""Bytes of a body by which :func:`count` goes."""

_TOLD = b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little")
"""How a skippable frame of four bytes begins."""
_PLAIN = (b"{", b"[")
_MOST = 255
"""LZ4 makes at most so many bytes of one: a frame that claims more is none, however much it would take."""


class Malformed(ValueError):
    """A body is as it was written, and yet no group and no snapshot."""


def groups(records: Sequence[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """Numbers and JSON of records as the groups that they make: the number of the last one of each, and the body."""
    lines: list[bytes] = []
    size = 0
    for number, line in records:
        lines.append(line)
        size += len(line)
        if len(lines) == RECORDS or size >= BYTES:
            yield number, _group(lines)
            lines, size = [], 0
    if lines:
        yield number, _group(lines)


def count(body: bytes) -> int:
    """How many records a group has, from its first ``HEADER`` bytes; one that doesn't tell has one."""
    return int.from_bytes(body[len(_TOLD) : HEADER]) if body.startswith(_TOLD) else 1


def first(number: int, body: bytes) -> int:
    """The number of the first record of a group that ends with ``number``."""
    return number - count(body) + 1


def read(body: bytes, number: int, unreadable: Unreadable) -> list[Record]:
    """The records of a group that ends with ``number``.  Raises what ``unreadable`` makes of what isn't understood."""
    try:
        records = decode_lines(_unpacked(body))
        if [record.number for record in records] != list(range(first(number, body), number + 1)):
            raise Malformed("it holds other records")
    except (msgspec.MsgspecError, RuntimeError, ValueError) as error:
        raise unreadable(_named(body, number), error) from error
    return records


def cut(body: bytes, number: int, through: int, unreadable: Unreadable) -> bytes:
    """The same group without its records up to ``through``, which is in it."""
    try:
        lines = _unpacked(body).split(b"\n")[:-1]
    except (RuntimeError, ValueError) as error:
        raise unreadable(_named(body, number), error) from error
    return _group(lines[through - number :])


def snapshot(records: Sequence[Record]) -> bytes:
    """The body of a snapshot."""
    return _frame(encode(records))


def read_state(body: bytes, through: int, unreadable: Unreadable) -> list[Record]:
    """The records of a snapshot, alike."""
    try:
        plain = _unpacked(body)
    except (RuntimeError, ValueError) as error:
        raise unreadable(f"snapshot through {through}", error) from error
    return read_snapshot(plain, through, unreadable)


def _group(lines: Sequence[bytes]) -> bytes:
    return _TOLD + len(lines).to_bytes(4) + _frame(b"\n".join((*lines, b"")))


def _frame(plain: bytes) -> bytes:
    return frame.compress(plain, store_size=True)  # type: ignore[no-any-return]


def _unpacked(body: bytes) -> bytes:
    """The JSON of a body.  Raises RuntimeError and Malformed for what is no frame of LZ4."""
    if body.startswith(_PLAIN):
        return body
    framed = body[HEADER:] if body.startswith(_TOLD) else body
    size = frame.get_frame_info(framed)["content_size"]
    if not 0 < size <= _MOST * len(framed):
        raise Malformed(f"it claims to be of {size} bytes")
    return frame.decompress(framed)  # type: ignore[no-any-return]


def _named(body: bytes, number: int) -> str:
    """A group, for people."""
    begins = first(number, body)
    return f"record {number}" if begins == number else f"the group of records {begins} to {number}"
