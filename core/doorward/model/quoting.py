"""How others' values are quoted in what people read: a value may be as large as an annotation, a message may not.

Nor may it hold what a terminal obeys, what hides or turns around its neighbours, or what looks like another line.
"""

from __future__ import annotations

__all__ = ["LONGEST_MESSAGE", "bounded", "quoted", "short", "visible"]

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


def visible(text: str) -> str:
    """``text`` with escapes for what can't be seen: control characters, ends of lines, marks of direction.

    Source: what Python's ``str.isprintable`` says of Unicode's categories Other and Separator.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def bounded(message: str, end: str = "") -> str:
    """``message`` and ``end``, which stays whole, with at most 1,024 bytes in UTF-8, all of them visible."""
    room = LONGEST_MESSAGE - len(end.encode())
    message = visible(message if len(message) <= LONGEST_MESSAGE else message[:LONGEST_MESSAGE] + "…")
    if len(message) * 4 <= room or len(data := message.encode("utf-8", "replace")) <= room:
        return message + end
    return data[: room - len("…".encode())].decode("utf-8", "ignore") + "…" + end
