"""Records as JSON, with a checksum; and what must never become bytes: the contents of Secrets.

In a table of PostgreSQL each record is a row; in a file they are packed (:mod:`doorward.journal.group`).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable

import msgspec

from doorward.journal.errors import JournalError
from doorward.model.event import AnyEvent, Applied, Issued, Observed, Record
from doorward.model.reference import JsonObject

_SECRET = "Secret"
_CONTENTS = ("data", "stringData")
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

Unreadable = Callable[[str, Exception], JournalError]
"""What to raise for a part of a journal (``record 7``) that isn't understood, and why it isn't."""

encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Record).decode
decode_lines = msgspec.json.Decoder(Record).decode_lines
decode_all = msgspec.json.Decoder(list[Record]).decode


def checksum(number: int, body: bytes) -> int:
    """CRC-32 of a body, and of the number under which it is kept, so that no body passes under another number."""
    return zlib.crc32(body, number & 0xFFFFFFFF)


def read_record(body: bytes, number: int, unreadable: Unreadable) -> Record:
    """A record as it was kept.  Raises what ``unreadable`` makes of one that isn't understood."""
    try:
        return decode(body)
    except msgspec.MsgspecError as error:
        raise unreadable(f"record {number}", error) from error


def read_snapshot(body: bytes, through: int, unreadable: Unreadable) -> list[Record]:
    """The records of a snapshot, alike."""
    try:
        return decode_all(body)
    except msgspec.MsgspecError as error:
        raise unreadable(f"snapshot through {through}", error) from error


def without_secrets(records: Iterable[Record]) -> list[Record]:
    """The same records; where one holds a Secret, its contents are left out."""
    return [record if (event := _clean(record.event)) is None else _with(record, event) for record in records]


def _with(record: Record, event: AnyEvent) -> Record:
    return Record(record.number, record.cause, event)


def _clean(event: AnyEvent) -> AnyEvent | None:
    """The event without contents of a Secret; None where it has none."""
    match event:
        case Observed(kind=kind, object=body) if kind == _SECRET or _is_secret(body):
            return msgspec.structs.replace(event, object=_emptied(body))
        case Applied(object=body) if body is not None and _is_secret(body):
            return msgspec.structs.replace(event, object=_emptied(body))
        case Issued(action=action) if action.body is not None and (
            action.ref.kind == _SECRET or _is_secret(action.body)
        ):
            emptied = msgspec.structs.replace(action, body=_emptied(action.body))
            return msgspec.structs.replace(event, action=emptied)
    return None


def _is_secret(body: JsonObject) -> bool:
    return body.get("kind") == _SECRET and "/" not in str(body.get("apiVersion", ""))


def _emptied(body: JsonObject) -> JsonObject:
    kept = {key: value for key, value in body.items() if key not in _CONTENTS}
    metadata = kept.get("metadata")
    if isinstance(metadata, dict) and _LAST_APPLIED in (metadata.get("annotations") or {}):
        annotations = {key: value for key, value in metadata["annotations"].items() if key != _LAST_APPLIED}
        kept["metadata"] = {**metadata, "annotations": annotations}
    return kept
