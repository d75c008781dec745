"""The names that others write or look for, and that stay (docs/stability.md, What is public).

``python -m tests.docs.promised`` writes those of this version into ``tests/docs/promised``, at a release.
"""

from __future__ import annotations

import inspect
import json
import re
import tomllib
from typing import get_args

import msgspec
import typer.main
from doorward import hooks
from doorward.model.event import AnyEvent
from doorward.model.settings import DEPLOY_FIELDS, DOORWARD_FIELDS, INGRESS_FIELDS, spelling
from doorward_daemon.commands import app

from tests.docs import ROOT
from tests.docs.reference import everything, members

FOLDER = ROOT / "tests" / "docs" / "promised"
SOURCES = [f for f in (*(ROOT / "core").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")) if "testing" not in f.parts]


def found(pattern: str) -> set[str]:
    return {name for source in SOURCES for name in re.findall(pattern, source.read_text())}


def annotations() -> set[str]:
    keys = found(r'"((?:networking\.knative\.dev|(?:networking\.)?ome\.io|doorward\.io)/[A-Za-z-]+)"')
    return keys - {"doorward.io/DoorReady", "doorward.io/doorward"}


def reasons() -> set[str]:
    reasons = found(r'\b(?:Refusal|Warning)\(\s*"([A-Za-z]+)"') | found(r'\breason="([A-Z][A-Za-z]+)"')
    reasons |= found(r'\bREASON = "([A-Za-z]+)"') | found(r'"([A-Z][A-Za-z]+)": "(?:ClusterLocal|IngressDisabled)"')
    reasons |= {f"{part}NotReady" for part in ("Engine", "Router", "Decoder")} | {"ClusterLocal", "IngressDisabled"}
    return reasons


def metrics() -> set[str]:
    files = (ROOT / "daemon" / "doorward_daemon" / name for name in ("metrics.py", "metered.py"))
    return {name for file in files for name in re.findall(r'"(doorward_\w+)"', file.read_text())}


def settings() -> set[str]:
    return {spelling(field) for field in (*INGRESS_FIELDS, *DEPLOY_FIELDS, *DOORWARD_FIELDS)}


def implementable() -> set[str]:
    """Hooks with their arguments, as ``render(door)``, one each."""
    specs = {name: getattr(hooks, name) for name in hooks.__all__}
    specs = {name: spec for name, spec in specs.items() if hasattr(spec, "doorward_spec")}
    return {f"{name}({arg})" for name, spec in specs.items() for arg in inspect.signature(spec).parameters} | {*specs}


def public() -> set[str]:
    """Objects by the module that gives them, and what they have."""
    names = set()
    for each in everything().values():
        name = f"{each.module}.{each.name}"
        names.add(name)
        if each.object.is_class:
            names.update(f"{name}.{member.name}" for member in members(each.object))  # type: ignore[arg-type]
    return names


def records() -> set[str]:
    """What a journal holds, and the fields of each."""
    events = get_args(AnyEvent)
    return {f"{event.__name__}.{field.name}" for event in events for field in msgspec.structs.fields(event)}


def commands() -> set[str]:
    """Commands with their options."""
    root = typer.main.get_command(app)
    found = set()
    waiting = [("doorward", root)]
    while waiting:
        name, command = waiting.pop()
        found.update(f"{name} {option}" for each in command.params for option in each.opts if option[:1] == "-")
        for inner, below in getattr(command, "commands", {}).items():
            found.add(f"{name} {inner}")
            waiting.append((f"{name} {inner}", below))
    return found


NAMES = {
    "annotations": annotations,
    "commands": commands,
    "hooks": implementable,
    "metrics": metrics,
    "public objects": public,
    "reasons": reasons,
    "records of a journal": records,
    "settings": settings,
}

if __name__ == "__main__":
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"].rpartition(".")[0]
    FOLDER.mkdir(exist_ok=True)
    text = json.dumps({what: sorted(names()) for what, names in NAMES.items()}, indent=1)
    (FOLDER / f"{version}.json").write_text(text + "\n")
