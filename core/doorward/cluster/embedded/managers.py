"""Who wrote what: ``metadata.managedFields`` (Kubernetes API concepts, "Server-Side Apply", "Field management").

An Update gives its manager the fields that it changed and takes them from everyone else; who makes a map has the map
itself too (``.``).  Lists count as one field each, where a real server looks into those that have keys: who wrote is
right, how finely may differ.
"""

from __future__ import annotations

from typing import Any

from doorward.model.reference import JsonObject

Paths = set[tuple[str, ...]]

_UNTRACKED = frozenset({"apiVersion", "kind"})
_MAPS = frozenset({("metadata", "labels"), ("metadata", "annotations"), ("data",)})
"""What of a built-in object is a map; of custom resources it is everything that isn't a list or a scalar."""
_TRACKED_METADATA = ("annotations", "finalizers", "generateName", "labels", "ownerReferences")


def managed(
    before: JsonObject | None,
    after: JsonObject,
    *,
    manager: str,
    api_version: str,
    subresource: str,
    time: str,
    untracked: frozenset[str] = frozenset(),
    custom: bool = False,
) -> list[JsonObject] | None:
    """The managedFields of ``after``; None for none.  ``untracked`` are top-level fields that the server resets."""
    entries: list[JsonObject] = (before or {}).get("metadata", {}).get("managedFields") or []
    if before is not None and not entries:
        return None  # a real server, too, doesn't begin to track in the middle of an object's life
    written, gone = _difference(before or {}, after, untracked, custom)
    if not written and not gone:
        return entries or None
    result: list[JsonObject] = []
    mine: JsonObject | None = None
    for entry in entries:
        own = _is(entry, manager, api_version, subresource)
        paths = _paths(entry["fieldsV1"])
        kept = {path for path in paths if not _taken(path, gone if own else written | gone)}
        if own:
            mine = entry = {**entry, "fieldsV1": _tree(kept | written)}
            if written:
                entry["time"] = time
            kept |= written
        elif kept != paths:
            entry = {**entry, "fieldsV1": _tree(kept)}
        if kept:
            result.append(entry)
    if mine is None and written:
        entry = {"manager": manager, "operation": "Update", "apiVersion": api_version, "time": time}
        entry |= {"fieldsType": "FieldsV1", "fieldsV1": _tree(written)}
        result.append(entry | {"subresource": subresource} if subresource else entry)
    return result or None


def _is(entry: JsonObject, manager: str, api_version: str, subresource: str) -> bool:
    identity = (entry["manager"], entry["operation"], entry["apiVersion"], entry.get("subresource", ""))
    return identity == (manager, "Update", api_version, subresource)


def _taken(path: tuple[str, ...], changed: Paths) -> bool:
    return any(path[: len(other)] == other for other in changed) if changed else False


def _difference(before: JsonObject, after: JsonObject, untracked: frozenset[str], custom: bool) -> tuple[Paths, Paths]:
    """Paths of leaves that were written, and of what was removed."""
    written: Paths = set()
    gone: Paths = set()
    for key in before.keys() | after.keys():
        if key in _UNTRACKED or key in untracked:
            continue
        if key == "metadata":
            old, new = before.get(key, {}), after.get(key, {})
            for field in _TRACKED_METADATA:
                _walk((key, field), old.get(field), new.get(field), written, gone, custom)
        else:
            _walk((key,), before.get(key), after.get(key), written, gone, custom)
    return written, gone


def _walk(path: tuple[str, ...], before: Any, after: Any, written: Paths, gone: Paths, custom: bool) -> None:
    if before == after:
        return
    if after is None:
        gone.add(path)
    elif isinstance(after, dict) and (after or isinstance(before, dict)):
        old = before if isinstance(before, dict) else {}
        for key in old.keys() | after.keys():
            _walk((*path, key), old.get(key), after.get(key), written, gone, custom)
        if not after:
            written.add(path)
        elif not isinstance(before, dict) and (custom or path in _MAPS):
            written.add((*path, "."))
    else:
        written.add(path)


def _tree(paths: Paths) -> JsonObject:
    root: JsonObject = {}
    for path in sorted(paths):
        node = root
        for part in path:
            node = node.setdefault("." if part == "." else f"f:{part}", {})
    return root


def _paths(tree: JsonObject) -> Paths:
    found: Paths = set()
    _collect((), tree, found)
    return found


def _collect(path: tuple[str, ...], tree: JsonObject, found: Paths) -> None:
    for key, inner in tree.items():
        here = (*path, key.removeprefix("f:"))
        if inner:
            _collect(here, inner, found)
        else:
            found.add(here)
