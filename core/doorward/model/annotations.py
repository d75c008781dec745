"""Which of a service's annotations may pass to its objects, by key and by value, and how users hear of the rest.

A proxy may read a value as configuration, and a line's end in it as the end of a directive: so a value passes only if
it has, in full, the form that is known for its key.  A key that a setting lets pass is the administrator's to answer
for; control characters are held back there as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

import msgspec

from doorward.model.door import Door, Warning
from doorward.model.quoting import quoted
from doorward.model.reference import JsonObject

__all__ = ["Form", "HeldBack", "by_setting", "cloud_keys", "forms", "told", "value_problem"]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LONGEST = 256
"""Of a value whose form is known: a size, a time, a word, or a short list of them."""
_MOST_NAMED = 16
_LONGEST_KEY = 100
_LONGEST_MESSAGE = 1000


class Form(msgspec.Struct, frozen=True):
    """What the values of a key look like: a pattern for all of it, and words for people."""

    pattern: str
    says: str

    def fits(self, value: str) -> bool:
        # Compiled when a value is first held to it: a backend's data has dozens, and most services none of their keys.
        return re.fullmatch(self.pattern, value) is not None


class HeldBack(msgspec.Struct, frozen=True):
    """A key that doesn't pass, and why."""

    key: str
    why: str


def forms(data: JsonObject) -> dict[str, Form]:
    """The forms that a backend's data names, each with ``pattern`` and ``says``."""
    return {name: Form(form["pattern"], form["says"]) for name, form in data.items()}


def value_problem(value: str, form: Form | None) -> str | None:
    """Why a value doesn't pass; ``form`` is None for keys that a setting lets pass."""
    if _CONTROL.search(value):
        return f"its value {quoted(value)} has a control character"
    if form is None:
        return None
    if len(value) > _LONGEST:
        return f"its value {quoted(value)} has {len(value)} characters, and at most {_LONGEST} pass"
    if form.fits(value):
        return None
    return f"its value {quoted(value)} isn't {form.says}"


def by_setting(door: Door, to: str) -> tuple[dict[str, str], tuple[Warning, ...]]:
    """The annotations that setting ``passAnnotations`` alone lets pass, and what of them was held back from ``to``."""
    passed: dict[str, str] = {}
    held_back = []
    for key in door.settings.pass_annotations:
        if key not in door.annotations:
            continue
        if why := value_problem(door.annotations[key], None):
            held_back.append(HeldBack(key, why))
        else:
            passed[key] = door.annotations[key]
    return passed, told(held_back, to)


def cloud_keys(namespace: str, allowed: Mapping[str, Iterable[str]]) -> frozenset[str]:
    """The keys that setting ``passCloudAnnotations`` allows a namespace: those of every pattern that names it."""
    return frozenset(key for pattern, keys in allowed.items() if fnmatchcase(namespace, pattern) for key in keys)


def told(held_back: Iterable[HeldBack], to: str) -> tuple[Warning, ...]:
    """One warning that names every key that didn't pass to ``to``; none where all did."""
    reasons: dict[str, list[str]] = {}
    for each in sorted(held_back, key=lambda each: (each.why, each.key)):
        reasons.setdefault(each.why, []).append(each.key)
    if not reasons:
        return ()
    parts = [f"{_named(keys)}: {why}" for why, keys in reasons.items()]
    message = f"not passed to {to}: {'; '.join(parts)}"
    if len(message) > _LONGEST_MESSAGE:
        message = message[:_LONGEST_MESSAGE] + "..."
    return (Warning("AnnotationHeldBack", message),)


def _named(keys: list[str]) -> str:
    named = [key if len(key) <= _LONGEST_KEY else f"{key[:_LONGEST_KEY]}..." for key in keys[:_MOST_NAMED]]
    more = len(keys) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")
