"""Records as bytes, with a checksum; and what must never become bytes: the contents of Secrets.

JSON, so that a journal can be read with nothing but ``sqlite3``.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import msgspec

from doorward.model.event import AnyEvent, Applied, Issued, Observed, Record
from doorward.model.reference import JsonObject

_SECRET = "Secret"
_CONTENTS = ("data", "stringData")
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Record).decode
decode_all = msgspec.json.Decoder(list[Record]).decode


def checksum(number: int, body: bytes) -> int:
    """CRC-32 of a body, and of the number under which it is kept, so that no body passes under another number."""
    return zlib.crc32(body, number & 0xFFFFFFFF)


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
