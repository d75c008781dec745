"""The reference: every public object, from its signature and its docstring.

Public is what a module names in ``__all__``.  ``python -m tests.docs.reference`` writes the pages of
``docs/reference`` anew, that of the metrics too.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from inspect import cleandoc
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

import griffe

from tests.docs import ROOT, metrics

FOLDER = ROOT / "docs" / "reference"
SOURCES = ROOT / "core"


class Page(NamedTuple):
    """A page, and the modules whose public objects it tells."""

    name: str
    title: str
    about: str
    modules: tuple[str, ...]

    @property
    def file(self) -> Path:
        return FOLDER / f"{self.name}.md"


PAGES = (
    Page(
        "hooks",
        "doorward.hooks",
        "What a backend implements, and what it takes from doorward to do so. [Hooks](../hooks.md) explains them one "
        "by one; the types of doors, manifests and references are in [What hooks take and give](model.md).",
        ("doorward.hooks",),
    ),
    Page(
        "model",
        "What hooks take and give",
        "The types of [hooks](hooks.md), by the module that each is imported from.",
        ("doorward.model.door", "doorward.model.reference", "doorward.model.settings"),
    ),
    Page(
        "testing",
        "doorward.testing",
        "What authors of backends and programs that embed the engine test with. [Conformance](../conformance.md) "
        "explains the kit.",
        ("doorward.testing", "doorward.testing.conformance"),
    ),
    Page(
        "api",
        "doorward",
        "What programs that embed the engine use, imported from `doorward`. [Embedding](../embedding.md) explains how.",
        ("doorward",),
    ),
)


class Public(NamedTuple):
    """An object, and where it is told."""

    name: str
    module: str
    page: Page
    object: griffe.Object


@cache
def package() -> griffe.Module:
    loaded = griffe.load("doorward", search_paths=[SOURCES], resolve_aliases=True, allow_inspection=False)
    assert isinstance(loaded, griffe.Module)
    return loaded


def find(path: str) -> griffe.Object | None:
    """The object that a path leads to, over however many imports; None for what isn't doorward's."""
    if not path.startswith("doorward."):
        return None
    try:
        found = package()[path.removeprefix("doorward.")]
        return found.final_target if isinstance(found, griffe.Alias) else found  # type: ignore[return-value]
    except (KeyError, griffe.AliasResolutionError, griffe.CyclicAliasError):
        return None


def exported(module: str) -> list[str]:
    found = package() if module == "doorward" else find(module)
    assert isinstance(found, griffe.Module), module
    return sorted(str(name) for name in found.exports or () if not str(name).startswith("_"))


@cache
def everything() -> dict[str, Public]:
    """Every public object by its path; one that several modules export is told by the first."""
    public: dict[str, Public] = {}
    for page in PAGES:
        for module in page.modules:
            for name in exported(module):
                found = find(f"{module}.{name}")
                assert found is not None, f"{module}.__all__ names {name}, which isn't there"
                if not isinstance(found, griffe.Module):
                    public.setdefault(found.path, Public(name, module, page, found))
    return public


# -- what is asked of the docstring of a public object


def told(obj: griffe.Object) -> str:
    """A docstring: an object's own, else that of what it overrides, or of a public protocol that its class follows."""
    if obj.docstring:
        return obj.docstring.value
    if isinstance(obj.parent, griffe.Class):
        for base in (*ancestors(obj.parent), *followed(obj.parent)):
            if obj.name in base.members and (inherited := base.members[obj.name].docstring):
                return inherited.value
    return ""


def followed(cls: griffe.Class) -> Iterator[griffe.Class]:
    """The public protocols that have no method which this class doesn't have."""
    for public in everything().values():
        protocol = public.object
        if isinstance(protocol, griffe.Class) and any(str(base) == "Protocol" for base in protocol.bases):
            names = {each.name for each in members(protocol)}
            if protocol is not cls and names <= cls.members.keys():
                yield protocol


def ancestors(cls: griffe.Class) -> Iterator[griffe.Class]:
    for base in cls.bases:
        found = find(base.canonical_path) if isinstance(base, griffe.Expr) else None
        if isinstance(found, griffe.Class):
            yield found
            yield from ancestors(found)


def members(cls: griffe.Class) -> list[griffe.Object]:
    """The public members of a class in their order; what is set in ``__init__`` where a docstring tells of it."""
    own = [each for each in cls.members.values() if isinstance(each, griffe.Object)]
    public = [each for each in own if not each.name.startswith(("_", "model_config")) and not each.is_class]
    return [each for each in public if "instance-attribute" not in each.labels or is_field(each) or each.docstring]


def is_field(obj: griffe.Object) -> bool:
    return "class-attribute" in obj.labels or (isinstance(obj, griffe.Attribute) and is_struct(obj.parent))


def is_struct(cls: object) -> bool:
    """Whether what is set in the body of a class are its fields."""
    return isinstance(cls, griffe.Class) and "__init__" not in cls.members


def untold(obj: griffe.Object) -> Iterator[str]:
    """What the docstrings of a public object leave out: all of it, a field, or an error that it raises."""
    docstring = told(obj)
    if not docstring:
        yield f"{obj.path} has no docstring"
    if isinstance(obj, griffe.Class):
        init = obj.members.get("__init__")
        if isinstance(init, griffe.Function):
            yield from unnamed(init, docstring)
        for each in members(obj):
            if is_told_apart(each):
                yield from untold(each)
            elif not told(each) and f"``{each.name}``" not in docstring:
                yield f"{each.path} has no docstring, and that of its class doesn't name it"
    if isinstance(obj, griffe.Function):
        yield from unnamed(obj, docstring)


def unnamed(function: griffe.Function, docstring: str) -> Iterator[str]:
    for error in raised(ast.parse(dedent(function.source))):
        if not re.search(rf"\b{error}\b", docstring):
            yield f"{function.path} raises {error}, which its docstring doesn't name"


def raised(tree: ast.AST) -> set[str]:
    """The errors that a function raises itself.

    What a callee raises isn't seen, nor an error that is raised by a variable; what only says that code isn't there or
    is wrong is nobody's to catch.
    """
    found = (node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise))
    called = (error.func if isinstance(error, ast.Call) else error for error in found)
    names = {ast.unparse(error).rpartition(".")[2] for error in called if error is not None}
    return {name for name in names if name[:1].isupper()} - {"NotImplementedError", "AssertionError"}


# -- pages


def text(page: Page) -> str:
    parts = [f"# {page.title}", page.about]
    for module in page.modules:
        names = exported(module)
        mine = [each for each in everything().values() if each.module == module]
        if len(page.modules) > 1 and names:
            parts.append(f"Module `{module}`:")
        index = [f"- {link}" for name in names if (link := link_to(find(f"{module}.{name}"), page))]
        parts.append("\n".join(index))
    for module in page.modules:
        mine = sorted((each for each in everything().values() if each.module == module), key=lambda each: each.name)
        for each in mine:
            parts += about(each)
    return "\n\n".join(part for part in parts if part) + "\n"


def heading(obj: griffe.Object) -> str:
    if isinstance(obj, griffe.Class):
        return f"class {obj.name}"
    owner = f"{obj.parent.name}." if isinstance(obj.parent, griffe.Class) else ""
    return f"{owner}{obj.name}" + ("()" if isinstance(obj, griffe.Function) else "")


def link_to(obj: griffe.Object | None, page: Page) -> str:
    """A link from a page to where an object is told; empty where it isn't."""
    owner = obj.parent if obj is not None and isinstance(obj.parent, griffe.Class) else obj
    if obj is None or owner is None or owner.path not in everything():
        return ""
    place = everything()[owner.path].page
    shown = obj if obj is owner or is_told_apart(obj) else owner
    anchor = re.sub(r"[^\w -]", "", heading(shown).lower()).replace(" ", "-")  # type: ignore[arg-type]
    name = heading(obj).removeprefix("class ")
    return f"[`{name}`]({'' if place is page else place.file.name}#{anchor})"


def is_told_apart(obj: griffe.Object) -> bool:
    return isinstance(obj, griffe.Function) or "property" in obj.labels


def about(public: Public) -> Iterator[str]:
    obj, page = public.object, public.page
    yield f"## {heading(obj)}"
    yield code(signature(obj))
    yield prose(told(obj), obj, page)
    if isinstance(obj, griffe.Class):
        fields = [each for each in members(obj) if not is_told_apart(each)]
        yield "\n".join(f"- `{each.name}`: {line}" for each in fields if (line := prose(told(each), each, page, True)))
    yield types(obj, page)
    yield f"Source: [{source(obj)}](../../{source(obj)})"
    if isinstance(obj, griffe.Class):
        for each in members(obj):
            if is_told_apart(each):
                yield f"### {heading(each)}"
                yield code(signature(each))
                yield prose(told(each), each, page)
                yield types(each, page)


def code(lines: str) -> str:
    """A block of Python, which quotes as the sources do."""
    lines = re.sub(r"'([^'\"]*)'", r'"\1"', lines)
    return f"```python\n{lines}\n```"


def source(obj: griffe.Object) -> str:
    assert isinstance(obj.filepath, Path)
    return str(obj.filepath.relative_to(ROOT))


def signature(obj: griffe.Object) -> str:
    if isinstance(obj, griffe.Function):
        return "\n".join(callable_as_written(each) for each in obj.overloads or (obj,))
    if isinstance(obj, griffe.Class):
        bases = [each for base in obj.bases if (each := str(base).rpartition(".")[2]) not in ("Struct", "NamedTuple")]
        head = f"class {obj.name}({', '.join(bases)})" if bases else f"class {obj.name}"
        fields = [f"    {annotated(each)}" for each in members(obj) if not is_told_apart(each)]
        init = obj.members.get("__init__")
        if isinstance(init, griffe.Function):
            return "\n".join([f"{head}:", f"    {callable_as_written(init)}", *fields])
        return "\n".join([f"{head}:" if fields else head, *fields])
    return annotated(obj)


def annotated(obj: griffe.Object) -> str:
    assert isinstance(obj, griffe.Attribute)
    kind = f": {obj.annotation}" if obj.annotation is not None else ""
    return f"{obj.name}{kind}" + (f" = {obj.value}" if obj.value is not None else "")


def callable_as_written(function: griffe.Function) -> str:
    """One line where it fits, else a line for each parameter."""
    word = "async def" if "async" in function.labels else "def"
    given = [each for each in function.parameters if each.name not in ("self", "cls")]
    parts, starred = [], False
    for each in given:
        if each.kind is griffe.ParameterKind.keyword_only and not starred:
            parts.append("*")
            starred = True
        star = {griffe.ParameterKind.var_positional: "*", griffe.ParameterKind.var_keyword: "**"}.get(each.kind, "")  # type: ignore[arg-type]
        starred = starred or star == "*"
        kind = f": {each.annotation}" if each.annotation is not None else ""
        default = f" = {each.default}" if each.default is not None and not star else ""
        parts.append(f"{star}{each.name}{kind}{default if kind else default.replace(' ', '')}")
    gives = f" -> {function.returns}" if function.returns is not None and function.name != "__init__" else ""
    line = f"{word} {function.name}({', '.join(parts)}){gives}"
    if len(line) <= 100:
        return line
    inner = "".join(f"    {part},\n" for part in parts)
    return f"{word} {function.name}(\n{inner}){gives}"


def types(obj: griffe.Object, page: Page) -> str:
    """Links to the public types that a signature names."""
    expressions: list[object] = []
    if isinstance(obj, griffe.Function):
        expressions = [obj.returns, *(each.annotation for each in obj.parameters)]
    elif isinstance(obj, griffe.Attribute):
        expressions = [obj.annotation, obj.value]
    elif isinstance(obj, griffe.Class):
        expressions = [*obj.bases, *(each.annotation for each in members(obj) if isinstance(each, griffe.Attribute))]
        init = obj.members.get("__init__")
        expressions += [each.annotation for each in init.parameters] if isinstance(init, griffe.Function) else []
    links: dict[str, None] = {}
    for expression in expressions:
        if isinstance(expression, griffe.Expr):
            for name in expression.iterate(flat=True):
                if isinstance(name, griffe.ExprName) and (link := link_to(find(name.canonical_path), page)):
                    links[link] = None
    links.pop(link_to(obj, page), None)
    return f"Types: {', '.join(links)}" if links else ""


_ROLE = re.compile(r":(?:class|func|meth|attr|data|mod|exc):`~?([^`]+)`")


def prose(docstring: str, obj: griffe.Object, page: Page, in_one_line: bool = False) -> str:
    """A docstring as Markdown, its references as links."""

    def link(found: re.Match[str]) -> str:
        name = found[1].strip(".")
        places = [obj.path, *(parent.path for parent in parents(obj))]
        candidates = [name, *(f"{place}.{name}" for place in places)]
        targets = (link_to(find(candidate), page) for candidate in candidates)
        return next((target for target in targets if target), f"`{name}`")

    done = _ROLE.sub(link, cleandoc(docstring))
    done = re.sub(r"``(.+?)``", r"`\1`", done)
    done = re.sub(r"^\.\. versionadded:: (.+)$", r"Since \1.", done, flags=re.MULTILINE)
    done = re.sub(r"^\.\. deprecated:: (.+)$", r"Deprecated since \1.", done, flags=re.MULTILINE)
    done = re.sub(r"::\n\n((?:    .*\n?|\n)+)", lambda found: f":\n\n{code(cleandoc(found[1]))}\n", done)
    done = re.sub(r"docs/([\w-]+\.md)", r"[docs/\1](../\1)", done)
    done = re.sub(r"(?<=[.?!;])  (?=\S)", " ", done)
    return " ".join(done.split()) if in_one_line else done


def parents(obj: griffe.Object) -> Iterator[griffe.Object]:
    while isinstance(obj.parent, griffe.Object):
        obj = obj.parent
        yield obj


if __name__ == "__main__":
    for each in PAGES:
        each.file.write_text(text(each))
    metrics.FILE.write_text(metrics.page())
