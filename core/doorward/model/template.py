"""The part of Go's text/template that hosts, paths and names are written in.

Text, and actions between ``{{`` and ``}}`` (``{{- `` and `` -}}`` trim white space beside them).  An action holds one
of

- a field, ``.Name``, or a key of a map, ``.Labels.team``;
- ``index .Annotations "example.com/team"``, where the key may be a field too;
- a string, ``"..."`` with Go's escapes or in backquotes;
- a comment, ``/* ... */``.

Everything else that Go knows (``if``, ``printf``, pipelines, variables …) is refused by name.  What is accepted means
the same as in Go 1.26 with ``missingkey=error``, but for one thing: ``index`` of a key that isn't there is an error
too, so that no host ever has a hole.

A template has at most 1,024 characters, and rendering stops where the text becomes longer than its reader has use for:
tenants write templates, and values of 256 KiB that a template may name as often as it likes.

Source: pkg.go.dev/text/template; ``lexText`` to ``lexRawQuote`` in text/template/parse/lex.go; strconv.Unquote.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple, NoReturn

from doorward.model.quoting import short

__all__ = ["LONGEST", "Template", "TemplateError", "TooLong", "Values", "compile"]

Values = Mapping[str, "str | Mapping[str, str]"]

LONGEST = 1024
"""Characters of a template."""

_MAPS = frozenset({"Annotations", "Labels"})
_SPACE = " \t\r\n"
_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\r\n]+)
  | (?P<field>\.[^\W\d]\w*)
  | (?P<word>[^\W\d]\w*)
  | (?P<string>"(?:[^"\\\n]|\\[^\n])*")
  | (?P<raw>`[^`]*`)
    """,
    re.VERBOSE | re.ASCII,
)
_TRIM_LEFT = re.compile(r"-[ \t\r\n]")
_CLOSING = re.compile(r"\}\}|[ \t\r\n]-\}\}[ \t\r\n]*")
_TERMINATOR = re.compile(r"[ \t\r\n.,|:()]|\}\}")
_ESCAPE = re.compile(rb"""\\(?:([abfnrtv\\"])|([0-7]{3})|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))""")
_PLAIN = dict(zip(b'abfnrtv\\"', b'\a\b\f\n\r\t\v\\"', strict=True))


class TemplateError(ValueError):
    """A template that can't be read, or that asks for a key that isn't there.

    ``column`` counts characters of the source from 1; ``message`` says what is wrong there.
    """

    def __init__(self, column: int, message: str) -> None:
        super().__init__(column, message)
        self.column = column
        self.message = message

    def __str__(self) -> str:
        return f"column {self.column}: {self.message}"


class TooLong(TemplateError):
    """A template, or what it gives, has more characters than it may have; no column is to blame."""

    def __init__(self, message: str) -> None:
        super().__init__(1, message)

    def __str__(self) -> str:
        return self.message


class _Value(NamedTuple):
    """Something to look up: a field, or the key of a map that ``key`` (text, or itself a value) names."""

    column: int
    field: str
    key: str | _Value | None = None

    def of(self, values: Values) -> str:
        found = values.get(self.field)
        if self.key is None:
            if isinstance(found, str):
                return found
            raise TemplateError(self.column, f".{self.field} has no value")
        key = self.key if isinstance(self.key, str) else self.key.of(values)
        if isinstance(found, Mapping) and (text := found.get(key)) is not None:
            return text
        raise TemplateError(self.column, f'.{self.field} has no key "{short(key)}"')


class Template:
    """A compiled template; immutable, and cheap to render."""

    __slots__ = ("_parts", "source")

    def __init__(self, source: str, parts: tuple[str | _Value, ...]) -> None:
        self.source = source
        self._parts = parts

    def __repr__(self) -> str:
        return f"Template({self.source!r})"

    def render(self, values: Values, most: int | None = None) -> str:
        """The text for these values: strings, and string maps for ``Annotations`` and ``Labels``.

        Raises TemplateError for a key (or a field) that isn't there, and TooLong where it would have over ``most``
        characters: before it is put together.
        """
        out = []
        for part in self._parts:
            if type(part) is str:
                out.append(part)
            elif part.key is None and type(found := values.get(part.field)) is str:  # type: ignore[union-attr]
                out.append(found)
            else:
                out.append(part.of(values))  # type: ignore[union-attr]
        if most is not None and sum(map(len, out)) > most:
            raise TooLong(f"it gives more than {most} characters")
        return "".join(out)


@lru_cache(maxsize=4096)
def compile(source: str, fields: frozenset[str]) -> Template:
    """Read a template that may use ``fields`` (names without their dot).

    Raises TemplateError, which names what isn't understood and where.
    """
    if len(source) > LONGEST:
        raise TooLong(f"it has {len(source)} characters; a template has at most {LONGEST}")
    return Template(source, _Parser(source, fields).parts())


class _Parser:
    def __init__(self, source: str, fields: frozenset[str]) -> None:
        self.source = source
        self.fields = fields
        self.position = 0

    def parts(self) -> tuple[str | _Value, ...]:
        found: list[str | _Value] = []
        while (start := self.source.find("{{", self.position)) >= 0:
            text = self.source[self.position : start]
            self.position = start + 2
            if _TRIM_LEFT.match(self.source, self.position):
                text = text.rstrip(_SPACE)
                self.position += 2
            found.append(text)
            # A comment follows right behind the delimiter, or behind a trim marker with its one space.
            if self.source.startswith("/*", self.position):
                self._comment(self.position)
            else:
                found.append(self._action(start))
        found.append(self.source[self.position :])
        return _joined(found)

    def _comment(self, start: int) -> None:
        end = self.source.find("*/", start + 2)
        if end < 0:
            self._refuse("the comment isn't closed with */", start)
        self.position = end + 2
        if not self._closes():
            self._refuse("a comment must be alone in its action, with }} right behind */", end + 2)

    def _closes(self) -> bool:
        """Step over a closing delimiter, and over the white space that it trims, if there is one here."""
        if match := _CLOSING.match(self.source, self.position):
            self.position = match.end()
        return match is not None

    def _action(self, start: int) -> str | _Value:
        """One action, from behind its opening delimiter to behind its closing one."""
        first, *others = self._operands(start)
        position, value = first
        if value == ("index",):
            return self._index(position, [each for _, each in others])
        if others:
            self._refuse("only one value can stand here; functions and arguments aren't supported", others[0][0])
        return value if isinstance(value, str) else self._lookup(position, value)

    def _operands(self, start: int) -> list[tuple[int, str | tuple[str, ...]]]:
        """Positions and values up to the closing delimiter: text, or the names of a chain (of ``index``: its own)."""
        found: list[tuple[int, str | tuple[str, ...]]] = []
        apart = True
        while not self._closes():
            here = self.position
            if here >= len(self.source):
                self._refuse("the action isn't closed with }}", start)
            match = _TOKEN.match(self.source, here)
            kind = match.lastgroup if match else None
            if match is None or kind is None:
                self._stranger(here)
            if not (apart or kind == "space"):
                self._refuse("a space is missing", here)
            self.position = match.end()
            if kind == "space":
                # The last white space may belong to a closing " -}}".
                if self.source.startswith("-}}", self.position):
                    self.position -= 1
                apart = True
                continue
            apart = False
            if kind == "string":
                found.append((here, self._unquoted(match[0][1:-1], here)))
            elif kind == "raw":
                found.append((here, match[0][1:-1].replace("\r", "")))
            elif kind == "word":
                if match[0] != "index":
                    self._refuse(f"{short(match[0])} isn't supported", here)
                if found:
                    self._refuse("index must come first", here)
                self._ends_here()
                found.append((here, ("index",)))
            else:
                found.append((here, ("", *self._chain(match[0][1:]))))
        if not found:
            self._refuse("the action is empty", start)
        return found

    def _chain(self, first: str) -> list[str]:
        names = [first]
        while (match := _TOKEN.match(self.source, self.position)) and match.lastgroup == "field":
            names.append(match[0][1:])
            self.position = match.end()
        self._ends_here()
        return names

    def _ends_here(self) -> None:
        if self.position < len(self.source) and not _TERMINATOR.match(self.source, self.position):
            self._stranger(self.position)

    def _index(self, position: int, arguments: list[str | tuple[str, ...]]) -> _Value:
        if len(arguments) != 2 or not isinstance(arguments[0], tuple):
            self._refuse('index takes a map and one key, as in index .Annotations "example.com/team"', position)
        map_names, key = arguments
        field = map_names[1]
        if len(map_names) != 2 or field not in _MAPS:
            self._refuse(f"{short('.'.join(map_names))} is no map", position)
        self._known(field, position)
        return _Value(position + 1, field, key if isinstance(key, str) else self._lookup(position, key))

    def _lookup(self, position: int, names: tuple[str, ...]) -> _Value:
        """What a chain stands for; strings have no fields, and a map is no text."""
        _, field, *keys = names
        self._known(field, position)
        if field in _MAPS and not keys:
            self._refuse(f".{field} is a map; name one of its keys", position)
        text = names[: 3 if field in _MAPS else 2]
        if len(names) > len(text):
            self._refuse(f"{short('.'.join(text))} is text and has no .{short(names[len(text)])}", position)
        return _Value(position + 1, field, keys[0] if keys else None)

    def _known(self, field: str, position: int) -> None:
        if field not in self.fields:
            known = ", ".join(f".{name}" for name in sorted(self.fields))
            self._refuse(f".{short(field)} isn't known here; there is {known}", position)

    def _unquoted(self, body: str, start: int) -> str:
        """The text between double quotes, as strconv.Unquote reads it."""
        data = body.encode("utf-8", "surrogatepass")
        out, position = bytearray(), 0
        while (slash := data.find(b"\\", position)) >= 0:
            out += data[position:slash]
            match = _ESCAPE.match(data, slash)
            if match is None:
                self._refuse(f"the string has an escape that Go doesn't know: {body[:40]!r}", start)
            plain, octal, byte, short, long = match.groups()
            number = int(octal, 8) if octal else int(byte or short or long or b"0", 16)
            if plain:
                out.append(_PLAIN[plain[0]])
            elif number > (0xFF if octal else 0x10FFFF) or ((short or long) and 0xD800 <= number < 0xE000):
                self._refuse(f"the string has an escape out of range: {body[:40]!r}", start)
            elif octal or byte:
                out.append(number)
            else:
                out += chr(number).encode()
            position = match.end()
        out += data[position:]
        try:
            return out.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            self._refuse("the string's escapes don't make up UTF-8", start)

    def _stranger(self, position: int) -> NoReturn:
        """Refuse what no token of ours begins with, by the name that Go's documentation has for it."""
        character = self.source[position]
        names = {
            "|": "a pipeline (|)",
            "$": "a variable ($)",
            "(": "a parenthesis",
            ")": "a parenthesis",
            "'": "a character constant",
            ":": "a declaration (:=)",
            "=": "an assignment (=)",
            ",": "a comma",
        }
        if character in '"`' and not _TOKEN.match(self.source, position):
            self._refuse("the string isn't closed", position)
        if character == ".":
            bare = self.source[position + 1 : position + 2]
            self._refuse("a number isn't supported" if bare.isdigit() else ". alone isn't supported", position)
        if character.isdigit() or (character in "+-" and self.source[position + 1 : position + 2].isdigit()):
            self._refuse("a number isn't supported", position)
        if character in names:
            self._refuse(f"{names[character]} isn't supported", position)
        self._refuse(f"{character!r} can't stand here", position)

    def _refuse(self, message: str, position: int) -> NoReturn:
        raise TemplateError(position + 1, message)


def _joined(parts: list[str | _Value]) -> tuple[str | _Value, ...]:
    """The same with neighbouring texts made one, and without empty ones."""
    out: list[str | _Value] = []
    for part in parts:
        if isinstance(part, str) and out and isinstance(out[-1], str):
            out[-1] += part
        elif part != "":
            out.append(part)
    return tuple(out)
