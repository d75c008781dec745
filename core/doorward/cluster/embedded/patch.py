"""The two patch formats: JSON merge patch (RFC 7386) and JSON patch (RFC 6902)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from doorward.cluster.embedded.errors import rejected
from doorward.model.reference import JsonObject


def merge(target: Any, patch: Any) -> Any:
    """``target`` with the merge patch applied, in place where it is an object."""
    if not isinstance(patch, dict):
        return patch
    result = target if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def operate(document: JsonObject, operations: Sequence[JsonObject]) -> Any:
    """``document`` with the operations applied in place, one after the other.

    Raises ApiError 422 for an operation that can't be applied, a failed ``test`` included.
    """
    root: Any = {"": document}
    for operation in operations:
        try:
            _apply(root, operation)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            raise rejected() from None
    return root[""]


def _apply(root: Any, operation: JsonObject) -> None:
    op, tokens = operation["op"], _tokens(operation["path"])
    if op == "add":
        _add(root, tokens, operation["value"])
    elif op == "remove":
        _remove(root, tokens)
    elif op == "replace":
        _replace(root, tokens, operation["value"])
    elif op == "move":
        _add(root, tokens, _remove(root, _tokens(operation["from"])))
    elif op == "copy":
        _add(root, tokens, _copied(_at(root, _tokens(operation["from"]))))
    elif op == "test":
        if not _same(_at(root, tokens), operation["value"]):
            raise ValueError(op)
    else:
        raise ValueError(op)


def _tokens(pointer: str) -> list[str]:
    if pointer and not pointer.startswith("/"):
        raise ValueError(pointer)
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")]


def _index(token: str) -> int:
    if not token.isdecimal() or (len(token) > 1 and token[0] == "0"):
        raise ValueError(token)
    return int(token)


def _at(container: Any, tokens: Sequence[str]) -> Any:
    for token in tokens:
        container = container[_index(token)] if isinstance(container, list) else container[token]
    return container


def _add(root: Any, tokens: Sequence[str], value: Any) -> None:
    container, last = _at(root, tokens[:-1]), tokens[-1]
    if isinstance(container, list):
        position = len(container) if last == "-" else _index(last)
        if position > len(container):
            raise IndexError(last)
        container.insert(position, value)
    else:
        container[last] = value


def _remove(root: Any, tokens: Sequence[str]) -> Any:
    container, last = _at(root, tokens[:-1]), tokens[-1]
    return container.pop(_index(last)) if isinstance(container, list) else container.pop(last)


def _replace(root: Any, tokens: Sequence[str], value: Any) -> None:
    # What isn't there can be replaced, although RFC 6902 says otherwise: so do API servers (evanphx/json-patch).
    container, last = _at(root, tokens[:-1]), tokens[-1]
    if isinstance(container, list):
        container[_index(last)] = value
    else:
        container[last] = value


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def _same(left: Any, right: Any) -> bool:
    """Equality of JSON values, where True isn't 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return bool(left == right)
