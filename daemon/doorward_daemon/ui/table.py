"""The list as a table to take away: CSV for spreadsheets, JSON for programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping

import msgspec
from doorward.model.timestamp import rfc3339

from doorward_daemon.ui.doors import Row

__all__ = ["as_csv", "as_json", "chosen"]

_FIELDS = ("kind", "namespace", "name", "ready", "reason", "message", "url", "backend", "created", "since", "state")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet compute a cell."""


def chosen(rows: Iterable[Row], query: Mapping[str, str]) -> list[Row]:
    """The rows that a query asks for, sorted: ``namespace``, ``backend``, ``reason``, ``state``, ``search``.

    An empty value of ``backend`` or ``reason`` is one that a door may have.  The page filters by the same rules
    (``static/filters.js``).
    """
    words = query.get("search", "").lower().split()
    state = query.get("state", "")
    found = [
        row
        for row in rows
        if query.get("namespace", row.namespace) == row.namespace
        and query.get("backend", row.backend) == row.backend
        and query.get("reason", row.reason) == row.reason
        and state in ("", row.state)
        and all(word in _text(row) for word in words)
    ]
    return sorted(found, key=lambda row: (row.namespace, row.name, row.kind))


def _text(row: Row) -> str:
    return f"{row.namespace}/{row.name} {row.url} {row.reason} {row.backend} {row.message}".lower()


def _plain(row: Row) -> dict[str, str]:
    values = (row.kind, row.namespace, row.name, row.status, row.reason, row.message, row.url, row.backend)
    times = (rfc3339(each) if each else "" for each in (row.created, row.since))
    return dict(zip(_FIELDS, (*values, *times, row.state), strict=True))


def as_json(rows: Iterable[Row]) -> bytes:
    return msgspec.json.format(msgspec.json.encode([_plain(row) for row in rows]), indent=2) + b"\n"


def as_csv(rows: Iterable[Row]) -> bytes:
    """RFC 4180; what a spreadsheet would take for a formula has an apostrophe in front of it."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _FIELDS)
    writer.writeheader()
    for row in rows:
        writer.writerow({key: f"'{v}" if v.startswith(_FORMULA) else v for key, v in _plain(row).items()})
    return text.getvalue().encode()
