"""Environments for what a page tells its readers to install: made as they make them, and offline.

An environment sees all that is installed where the tests run, so that nothing has to be fetched; what is installed into
it comes first.  ``python tests/docs/environment.py FOLDER`` makes one.
"""

from __future__ import annotations

import sys
import sysconfig
import venv
from pathlib import Path

COMMANDS = {"doorward": "doorward_daemon", "mypy": "mypy", "pytest": "pytest"}
PIP = """case "$1" in
install|wheel) verb=$1; shift; exec "{python}" -m pip "$verb" --quiet --no-index --no-build-isolation "$@" ;;
*) exec "{python}" -m pip "$@" ;;
esac"""
PYTHON = '''if [ "$1 $2" = "-m venv" ]; then exec "{tests}" "{here}" "$3"; fi
exec "{python}" "$@"'''


def make(folder: Path) -> None:
    """Make an environment with the commands of doorward's, of pip, and of the tools that check a distribution."""
    venv.create(folder, symlinks=True, with_pip=False)
    site = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)}))
    (site / "tests.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    scripts = {name: f'exec "{{python}}" -m {module} "$@"' for name, module in COMMANDS.items()}
    for name, text in {**scripts, "pip": PIP, "python3": PYTHON}.items():
        write(folder / "bin" / name, text, folder / "bin" / "python")
    # Not a module: it looks for a program of its name, first in the environment.
    (folder / "bin" / "ruff").symlink_to(Path(sys.executable).parent / "ruff")


def write(file: Path, text: str, python: Path) -> None:
    """Write a command that begins ``python``."""
    file.unlink(missing_ok=True)
    words = {"python": str(python), "tests": sys.executable, "here": str(Path(__file__).resolve())}
    for word, value in words.items():
        text = text.replace(f"{{{word}}}", value)
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


if __name__ == "__main__":
    make(Path(sys.argv[1]).absolute())
