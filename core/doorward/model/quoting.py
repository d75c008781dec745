"""How others' values are quoted in what people read: a value may be as large as an annotation, a message may not."""

from __future__ import annotations

__all__ = ["LONGEST_MESSAGE", "bounded", "quoted", "short"]

LONGEST_MESSAGE = 1024
"""Bytes of a condition's or an Event's message; the API server refuses longer Events."""
_LONGEST = 100


def short(value: object) -> str:
    """``value`` as text, at most 100 characters of it; an ellipsis says that there was more."""
    text = str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def quoted(value: object) -> str:
    """The same between quotation marks, with escapes for what can't be seen."""
    return repr(short(value))


def bounded(message: str, end: str = "") -> str:
    """``message`` and ``end``, which stays whole, with at most 1,024 bytes in UTF-8."""
    room = LONGEST_MESSAGE - len(end.encode())
    if len(message) * 4 <= room or len(data := message.encode("utf-8", "replace")) <= room:
        return message + end
    return data[: room - len("…".encode())].decode("utf-8", "ignore") + "…" + end
