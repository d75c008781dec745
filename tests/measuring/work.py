"""What the engine does, counted: the same on every machine, where seconds are not."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import orjson
import pytest

from tests.engine.stage import Stage


class Work:
    """Counts so far."""

    def __init__(self) -> None:
        self.decided = 0
        """Times that a door was decided."""
        self.rendered = 0
        """Calls of the hook ``render``."""
        self.decoded = 0
        """Bytes of JSON that were read, by whatever decoder."""
        self.requests = 0
        """What was asked of the API server beside lists and watches."""

    def counts(self) -> dict[str, int]:
        return dict(vars(self))


class _Counting:
    """A decoder that counts what it is given."""

    def __init__(self, decode: Callable[..., Any], work: Work) -> None:
        self._decode = decode
        self._work = work

    def decode(self, data: bytes | str, *more: Any, **options: Any) -> Any:
        caller = sys._getframe(1).f_globals["__name__"]
        if caller.startswith("doorward") and ".embedded" not in caller:
            self._work.decoded += len(data)
        return self._decode(data, *more, **options)

    __call__ = decode


@contextmanager
def counted(stage: Stage) -> Iterator[Work]:
    """What the engine of a stage does in this block; the store's own reading isn't counted."""
    work = Work()
    before, decided, performed = stage.engine, stage.engine.decided, len(stage.performed)

    def observer(_: str, hook: str) -> Callable[[], None]:
        work.rendered += hook == "render"
        return lambda: None

    with pytest.MonkeyPatch.context() as patch:
        for name, module in list(sys.modules.items()):
            if name.startswith("doorward"):
                for attribute, value in list(vars(module).items()):
                    if isinstance(value, msgspec.json.Decoder):
                        patch.setattr(module, attribute, _Counting(value.decode, work))
        patch.setattr(msgspec.json, "decode", _Counting(msgspec.json.decode, work))
        patch.setattr(orjson, "loads", _Counting(orjson.loads, work))
        before.backends.observe_calls(observer)
        try:
            yield work
        finally:
            before.backends.observe_calls(None)
            work.decided = stage.engine.decided - (decided if stage.engine is before else 0)
            work.requests = len(stage.performed) - performed
