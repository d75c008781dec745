"""A promise that a backend doesn't keep, with the smallest door that shows it."""

from __future__ import annotations

from typing import Any

import msgspec
import yaml

from doorward.model.door import Door

_PLAIN = Door(namespace="", name="")


class Breach(AssertionError):
    """``what`` is broken, in words for the author; ``shown_by`` is what shows it."""

    def __init__(self, what: str, shown_by: object = None) -> None:
        self.what = what
        self.shown_by = shown_by
        super().__init__(f"{what}\n\nThe smallest that shows it:\n{_readable(shown_by)}" if shown_by else what)


def told(door: Door) -> dict[str, Any]:
    """What a door has that not every door has; its settings left out."""
    fields = (field for field in Door.__struct_fields__ if field != "settings")
    values = {field: getattr(door, field) for field in fields}
    return {
        f: msgspec.to_builtins(v) for f, v in values.items() if v != getattr(_PLAIN, f) or f in ("namespace", "name")
    }


def _readable(shown: object) -> str:
    if isinstance(shown, list) and all(isinstance(each, Door) for each in shown):
        return "".join(map(_readable, shown))
    plain = {"door": told(shown)} if isinstance(shown, Door) else _brief(msgspec.to_builtins(shown))
    return yaml.safe_dump(plain, sort_keys=False, width=100)


def _brief(value: Any) -> Any:
    """A value without who wrote which field of an object, which is longer than the object and nobody's question."""
    if isinstance(value, dict):
        return {key: _brief(each) for key, each in value.items() if key != "managedFields"}
    return [_brief(each) for each in value] if isinstance(value, list) else value
