"""Choices of which an input is made, from bytes or from hypothesis."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")

ODD = (
    *"\x00\t\n\r\x1b\x7f\x85\x9b ;{}()[]<>|&$`'\"\\#%?*+^~!@:=,./-_",
    *"\u00ad\u00e4\u0130\u200b\u2028\u202e\u3002\uff0e\uff42\ufeff\U0001f600",
    "${x}",
    "{{",
    "}}",
    "%2e",
    "%2F",
    "%00",
    "%25",
    "%61",
    "..",
    "//",
    "/./",
    "..;",
    "\r\n",
    "\n}\n",
    "; return 200 stolen;",
    "x" * 64,
    "9" * 20,
    "a." * 130,
)
"""What has a meaning to some proxy, parser, terminal or server."""


class Choices(ABC):
    """One after the other; only :meth:`below` is a matter of where they come from."""

    @abstractmethod
    def below(self, count: int) -> int:
        """A number from 0 up to, and without, ``count``, which is at most 65,536; the first ones are the simplest."""

    def pick(self, among: Sequence[T]) -> T:
        return among[self.below(len(among))]

    def once_in(self, count: int) -> bool:
        return self.below(count) == count - 1

    def some(self, among: Sequence[T], most: int) -> list[T]:
        """Up to so many, each anew."""
        return [self.pick(among) for _ in range(self.below(most + 1))]

    def repeated(self, make: Callable[[], T], most: int) -> list[T]:
        return [make() for _ in range(self.below(most + 1))]

    def text(self, words: Sequence[str], most: int = 6) -> str:
        """Words, and now and then something odd between them."""
        return "".join(self.pick(ODD) if self.once_in(5) else self.pick(words) for _ in range(self.below(most + 1)))

    def mutated(self, text: str, words: Sequence[str], most: int = 3) -> str:
        """``text`` with up to so many pieces cut out, doubled or put in."""
        for _ in range(self.below(most + 1)):
            start = self.below(min(len(text), 65_535) + 1)
            end = start + self.below(min(len(text) - start, 40) + 1)
            piece = (text[start:end] * 2, "", self.pick(words), self.pick(ODD))[self.below(4)]
            text = text[:start] + piece + text[end:]
        return text


class OfBytes(Choices):
    """Those that bytes give; when they are used up, all further ones are 0, which ends every repetition."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def below(self, count: int) -> int:
        size = 1 if count <= 256 else 2
        number = int.from_bytes(self._data[self._at : self._at + size])
        self._at += size
        return number % count


class Drawn(Choices):
    """Those that hypothesis draws, and shrinks."""

    def __init__(self, draw: Callable[[st.SearchStrategy[int]], int]) -> None:
        self._draw = draw

    def below(self, count: int) -> int:
        return self._draw(st.integers(0, count - 1))
