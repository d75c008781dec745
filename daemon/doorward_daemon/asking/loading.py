"""Backends that aren't installed, to be tried beside those that are."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from doorward.backends import installed

from doorward_daemon.asking.failing import Unanswered

__all__ = ["loaded"]


def loaded(plugins: Sequence[str]) -> dict[str, object] | None:
    """Those that are installed and these, by their names; None where there are no others.  Raises Unanswered."""
    if not plugins:
        return None
    found: dict[str, object] = dict(installed())
    for plugin in plugins:
        name, equals, where = plugin.rpartition("=")
        try:
            module = _from_file(Path(where)) if where.endswith(".py") else importlib.import_module(where)
        except Exception as error:  # whatever a plugin's import raises
            raise Unanswered(f"plugin {where} can't be loaded: {type(error).__name__}: {error}") from error
        found[name if equals else module.__name__.rpartition(".")[2].removeprefix("doorward_")] = module
    return found


def _from_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module
