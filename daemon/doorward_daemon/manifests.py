"""Reading manifests from files, as kubectl takes them, and saying where something is wrong.

Whatever a file holds arrives as plain JSON: timestamps stay text, and lists (``kind: List``, or what ``kubectl get -o
yaml`` prints) are taken apart.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import orjson
import yaml
from doorward.model.reference import JsonObject, Ref, Resource, kind_of
from doorward.model.source import Source
from doorward.state.transform import of_many, selected

__all__ = ["Document", "InputError", "is_service", "read"]

STDIN = "-"
MOST_VALUES = 100_000
"""Keys and values of a document with every alias written out, unless it is long itself."""
SUFFIXES = (".yaml", ".yml", ".json")
ANNOTATIONS_LIMIT = 262_144
"""Bytes of all annotations of an object together (apimachinery, ``TotalAnnotationSizeLimitB``)."""


class InputError(Exception):
    """Input that can't be used: the file, the line where one is known, and the reason."""

    def __init__(self, file: str, line: int | None, reason: str) -> None:
        self.file, self.line, self.reason = file, line, reason
        super().__init__(f"{file}, line {line}: {reason}" if line else f"{file}: {reason}")


class Document(msgspec.Struct, frozen=True):
    """One object, and where it begins."""

    file: str
    line: int
    object: JsonObject

    def error(self, reason: str) -> InputError:
        return InputError(self.file, self.line, reason)


def read(names: Iterable[str], sources: Collection[Source]) -> list[Document]:
    """Every object in these files, folders (their ``.yaml``, ``.yml`` and ``.json`` files) and ``-``, standard input.

    ``sources`` tell which objects doors are for.  Raises InputError for the first thing that is wrong.
    """
    documents = [document for name in names for file in _files(name) for document in _documents(*file)]
    seen: dict[Ref, Document] = {}
    for document in documents:
        metadata = document.object["metadata"]
        ref = Ref(kind_of(document.object), metadata.get("namespace") or "default", metadata["name"])
        first = seen.setdefault(ref, document)
        if first is not document:
            raise document.error(f"{ref} is there twice; the other one is in {first.file}, line {first.line}")
    if not any(is_service(document.object, source) for document in documents for source in sources):
        raise _nothing_to_render(names, documents, [source.resource for source in sources])
    return documents


def is_service(obj: JsonObject, source: Source) -> bool:
    """Whether an object is one that a source makes doors for."""
    kind = source.resource.kind
    if kind_of(obj) != kind:
        return False
    return source.selected is None or selected(of_many(kind, obj), source, remains=False) is not None


def _nothing_to_render(names: Iterable[str], documents: list[Document], services: Collection[Resource]) -> InputError:
    versions = [each.api_version() for each in services if each.name == "InferenceService"]
    where = ", ".join("standard input" if name == STDIN else name for name in names)
    for document in documents:
        if document.object["kind"] == "InferenceService":
            given = document.object["apiVersion"]
            return document.error(f"an InferenceService of {given}; doorward serves those of {' and '.join(versions)}")
    found = ", ".join(sorted({str(document.object["kind"]) for document in documents})) or "nothing"
    return InputError(where, None, f"no InferenceService ({' or '.join(versions)}), but {found}")


def _files(name: str) -> Iterator[tuple[str, str]]:
    """Names and contents."""
    if name == STDIN:
        yield "standard input", _decoded("standard input", sys.stdin.buffer.read())
        return
    path = Path(name)
    try:
        found = sorted(each for each in path.iterdir() if each.suffix in SUFFIXES) if path.is_dir() else [path]
        if not found:
            raise InputError(name, None, "the folder has no .yaml, .yml or .json file")
        for file in found:
            yield str(file), _decoded(str(file), file.read_bytes())
    except OSError as error:
        raise InputError(name, None, f"can't be read: {error.strerror or error}") from None


def _decoded(name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(name, line, f"isn't UTF-8: byte {content[error.start]:#04x}") from None


class _Loader(yaml.CSafeLoader):
    """YAML as Kubernetes reads it: a timestamp is text, and no key is there twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"{key.value} is there twice", key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def _documents(file: str, text: str) -> Iterator[Document]:
    for line, content in _parsed(file, text):
        if content is None:
            continue
        document = Document(file, line, content)
        if not isinstance(content, dict):
            what = "a list" if isinstance(content, list) else f"{str(content)[:60]!r}"
            raise document.error(f"a document must be a mapping with apiVersion, kind and metadata, and this is {what}")
        plain = Document(file, line, _plain(document))
        for item in _taken_apart(plain):
            _check(item)
            yield item


def _parsed(file: str, text: str) -> Iterator[tuple[int, Any]]:
    """The documents of a file, each with the line that it begins in."""
    try:
        loader = _Loader(text)
        while loader.check_node():
            node = loader.get_node()
            assert node is not None
            if (size := _size(node, {})) > max(MOST_VALUES, len(text)):
                problem = f"its aliases stand for {size} values in all; write out what is meant, in fewer"
                raise InputError(file, node.start_mark.line + 1, problem)
            yield node.start_mark.line + 1, loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(filter(None, (error.context, error.problem)))
        lines = len(text.splitlines())
        raise InputError(file, min(mark.line + 1, lines) if mark else None, problem) from None
    except yaml.YAMLError as error:
        raise InputError(file, None, " ".join(str(error).split())) from None
    except (ValueError, RecursionError) as error:
        raise InputError(file, None, f"can't be read: {error}") from None


def _size(node: yaml.Node, known: dict[yaml.Node, int]) -> int:
    """The values that a node stands for, written out: a few aliases of aliases can be billions.

    Raises RecursionError for one that is within itself.
    """
    if node not in known:
        children = node.value if isinstance(node, yaml.CollectionNode) else ()
        parts = (part for child in children for part in (child if isinstance(child, tuple) else (child,)))
        known[node] = 1 + sum(_size(part, known) for part in parts)
    return known[node]


def _plain(document: Document) -> JsonObject:
    try:
        plain: JsonObject = orjson.loads(orjson.dumps(document.object))
    except orjson.JSONEncodeError as error:
        raise document.error(f"can't be written as JSON, which Kubernetes needs: {error}") from None
    return plain


def _taken_apart(document: Document) -> Iterator[Document]:
    obj = document.object
    items = obj.get("items")
    if not str(obj.get("kind", "")).endswith("List") or not isinstance(items, list):
        yield document
        return
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            raise document.error(f"items[{index}] must be a mapping with apiVersion, kind and metadata")
        yield Document(document.file, document.line, item)


def _check(document: Document) -> None:
    obj = document.object
    for field in ("apiVersion", "kind"):
        if not isinstance(obj.get(field), str) or not obj[field]:
            raise document.error(f"no {field}; every object needs apiVersion, kind and metadata.name")
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str) or not metadata["name"]:
        raise document.error(f"this {obj['kind']} has no metadata.name")
    what = f"{obj['kind']} {metadata['name']}"
    if not isinstance(metadata.get("namespace") or "", str):
        raise document.error(f"{what}: metadata.namespace is {_shown(metadata['namespace'])}, not text; quote it")
    for part in ("annotations", "labels"):
        values = metadata.get(part) or {}
        if not isinstance(values, dict):
            raise document.error(f"{what}: metadata.{part} must be a mapping of text to text")
        for key, value in values.items():
            if not isinstance(value, str):
                raise document.error(f"{what}: metadata.{part}: {key} is {_shown(value)}, not text; quote it")
    size = sum(len(key.encode()) + len(value.encode()) for key, value in (metadata.get("annotations") or {}).items())
    if size > ANNOTATIONS_LIMIT:
        raise document.error(
            f"{what}: metadata.annotations has {size} bytes; an API server takes at most {ANNOTATIONS_LIMIT} per object"
        )
    for part in ("spec", "status"):
        if obj.get(part) is not None and not isinstance(obj[part], dict):
            raise document.error(f"{what}: {part} must be a mapping")


def _shown(value: object) -> str:
    return orjson.dumps(value).decode()[:60]
