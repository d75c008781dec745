"""From a name to the files of a distribution."""

from __future__ import annotations

import re
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from string import Template

__all__ = ["Unwritable", "write"]

_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
_TAKEN = ("istio", "k8s_ingress", "gateway_api", "loadbalancer", "cluster_local")
_SUFFIX = ".in"


class Unwritable(Exception):
    """Something is there already, which isn't overwritten."""


def write(name: str, into: Path | None = None) -> tuple[Path, list[PurePosixPath]]:
    """Write the distribution of backend ``name``; the folder, and the files below it in their order.

    Raises ValueError for a name that no backend can have, Unwritable where the folder isn't empty.
    """
    if not _NAME.fullmatch(name) or len(name) > 40:
        raise ValueError(
            f"{name!r} is no name for a backend: a lower-case letter, then lower-case letters and digits, up to 40 in "
            "all; one - or _ may stand between, as in my_gateway"
        )
    if name in _TAKEN:
        raise ValueError(f"{name} is a backend that comes with doorward; take another name")
    folder = into or Path(f"doorward-{name.replace('_', '-')}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Unwritable(f"{folder} is there already, and isn't empty; name another folder with --into")
    words = _words(name)
    written = []
    for template, where in _templates(files(__package__) / "template", PurePosixPath()):
        path = PurePosixPath(Template(str(where).removesuffix(_SUFFIX)).substitute(words))
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(Template(template.read_text()).substitute(words))
        written.append(path)
    return folder, written


def _words(name: str) -> dict[str, str]:
    """What stands for the name in the templates."""
    dashed = name.replace("_", "-")
    camel = "".join(word.capitalize() for word in dashed.split("-"))
    kind = f"{camel}Route"
    return {
        "name": name,
        "dashed": dashed,
        "module": f"doorward_{name.replace('-', '_')}",
        "camel": camel,
        "kind": kind,
        "plural": f"{kind.lower()}s",
        "constant": f"{name.replace('-', '_').upper()}_ROUTE",
        "version": version("doorward-core"),
    }


def _templates(folder: Traversable, below: PurePosixPath) -> list[tuple[Traversable, PurePosixPath]]:
    """The files of a folder and those below it, by where they go."""
    found = []
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        where = below / entry.name
        if entry.is_dir():
            found += _templates(entry, where)
        elif entry.name.endswith(_SUFFIX):
            found.append((entry, where))
    return found
