"""The public API: what ``doorward``, ``doorward.hooks`` and ``doorward.testing`` export, with signatures.

It is read from the sources.  ``python -m tests.docs.public_api`` writes it to ``docs/reference/public-api.txt``.  At a
release that file is kept as ``released-api.txt`` beside it: from there on the changelog has to name what is different.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.docs import ROOT

FILE = ROOT / "docs" / "reference" / "public-api.txt"
RELEASED = FILE.with_name("released-api.txt")
CHANGELOG = ROOT / "CHANGELOG.md"
MODULES = ("doorward", "doorward.hooks", "doorward.testing")

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Found(NamedTuple):
    """Where a name is defined, and its definition; a whole module where that is None."""

    module: str
    name: str
    node: ast.stmt | None


def text() -> str:
    """All of it: a paragraph for each object."""
    return "\n".join(f"{name}\n{block}" for name, block in sorted(objects().items()))


def objects() -> dict[str, str]:
    """What each public object looks like, by its path."""
    return {f"{module}.{name}": shown(find(module, name)) for module in MODULES for name in exported(module)}


def parsed(text: str) -> dict[str, str]:
    """The same, of a file."""
    blocks = re.findall(r"^(\S+)\n((?: .*\n)+)", text, re.MULTILINE)
    return dict(blocks)


def changed(before: dict[str, str], now: dict[str, str]) -> set[str]:
    """The bare names of what was added, removed or changed."""
    return {path.rpartition(".")[2] for path in before.keys() | now.keys() if before.get(path) != now.get(path)}


def unreleased(changelog: str) -> set[str]:
    """What the section Unreleased names in backticks, each part of dotted names too."""
    section = changelog.partition("## [Unreleased]")[2].partition("\n## ")[0]
    return {part for quoted in re.findall(r"`([\w.]+)`", section) for part in quoted.split(".")}


# -- what there is


@cache
def tree(module: str) -> ast.Module:
    path = ROOT / "core" / Path(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(file.read_text())


def exported(module: str) -> list[str]:
    for node in tree(module).body:
        if isinstance(node, ast.Assign) and [t.id for t in node.targets if isinstance(t, ast.Name)] == ["__all__"]:
            return sorted(ast.literal_eval(node.value))
    raise LookupError(f"{module} has no __all__")


def find(module: str, name: str) -> Found:
    """Follows imports to the definition.  Raises LookupError."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("doorward"):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return follow(node.module, alias.name)
    for node in tree(module).body:
        if name in defined(node):
            return Found(module, name, node)
    raise LookupError(f"{module} exports {name}, which isn't there")


def follow(module: str, name: str) -> Found:
    path = ROOT / "core" / Path(*module.split("."))
    if path.is_dir() and (path / f"{name}.py").exists():
        return Found(f"{module}.{name}", name, None)
    return find(module, name)


def defined(node: ast.stmt) -> set[str]:
    if isinstance(node, Function | ast.ClassDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}


# -- how it looks


def shown(found: Found) -> str:
    if found.node is None:
        inside = [shown(find(found.module, name)) for name in exported(found.module)]
        return "    module\n" + "".join(re.sub("^", "    ", each, flags=re.MULTILINE).rstrip(" ") for each in inside)
    siblings = [node for node in tree(found.module).body if found.name in defined(node)]
    return "".join(f"    {line}\n" for node in siblings for line in lines(node))


def lines(node: ast.stmt) -> Iterator[str]:
    match node:
        case ast.ClassDef():
            bases = ", ".join(ast.unparse(each) for each in (*node.bases, *node.keywords))
            yield f"class {node.name}({bases})" if bases else f"class {node.name}"
            for member in node.body:
                if any(name == "__init__" or not name.startswith("_") for name in defined(member)):
                    yield from (f"    {line}" for line in lines(member))
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            yield from (f"@{ast.unparse(each)}" for each in node.decorator_list)
            returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
            prefix = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
            yield f"{prefix} {node.name}({ast.unparse(node.args)}){returns}"
        case _:
            yield " ".join(ast.unparse(node).split())


if __name__ == "__main__":
    FILE.write_text(text())
