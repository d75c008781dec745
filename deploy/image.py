#!/usr/bin/env python3
"""Put together the root of doorward's image: ``python deploy/image.py FOLDER``.

The Containerfile runs it in its first stage.  What the folder has then is all that the image has: the interpreter that
runs this and its library, doorward and what it depends on by pinned hashes, the shared libraries that these load, the
certificates of authorities, and a user.  Whatever is named in the variable PLUGINS is installed, too.
"""

from __future__ import annotations

import compileall
import os
import re
import shutil
import ssl
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
MEMBERS = (
    "core",
    "daemon",
    "plugins/cluster_local",
    "plugins/gateway_api",
    "plugins/istio",
    "plugins/k8s_ingress",
    "plugins/kserve",
    "plugins/loadbalancer",
    "plugins/ome",
    "plugins/service",
)
HOME = "opt/doorward"
USER = 65532
UNUSED = (
    *("__pycache__", "*.a", "config-*", "ensurepip", "idlelib", "lib2to3", "pydoc_data", "site-packages", "test"),
    *("tkinter", "turtledemo", "venv"),
)
"""Of Python's library: what no daemon imports."""
START = """\
#!{python} -IB
import sys

sys.path.insert(0, "/{home}/lib")
from doorward_daemon.main import main

main()
"""


def main(root: Path) -> None:
    install(root / HOME / "lib")
    python = Path(sys.executable).resolve()
    library = Path(sysconfig.get_path("stdlib")).resolve()
    put(root, python)
    ignored = shutil.ignore_patterns(*UNUSED)
    shutil.copytree(library, root / library.relative_to("/"), ignore=ignored, dirs_exist_ok=True)
    start = root / HOME / "bin" / "doorward"
    start.parent.mkdir(parents=True)
    start.write_text(START.format(python=python, home=HOME))
    start.chmod(0o755)
    for each in loaded([python, *extensions(root)]):
        put(root, each)
    authorities = Path(ssl.get_default_verify_paths().openssl_cafile)
    for file in (authorities, Path("/etc/ssl/certs/ca-certificates.crt")):
        if file.is_file():
            put(root, file)
    write(root / "etc" / "passwd", f"doorward:x:{USER}:{USER}::/tmp:/sbin/nologin\n")
    write(root / "etc" / "group", f"doorward:x:{USER}:\n")
    for folder in ("tmp", "var/lib/doorward"):
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder).chmod(0o1777)
    compileall.compile_dir(root, quiet=2, stripdir=str(root), workers=0)


def install(target: Path) -> None:
    """What requirements/doorward.txt pins, the members, and PLUGINS."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--target", str(target)]
    run([*pip, "--no-deps", "--require-hashes", "--requirement", str(HERE / "requirements" / "doorward.txt")])
    run([*pip, "--no-deps", *(str(HERE / member) for member in MEMBERS)])
    if plugins := os.environ.get("PLUGINS", "").split():
        run([*pip, *plugins])
    shutil.rmtree(target / "bin", ignore_errors=True)


def extensions(root: Path) -> list[Path]:
    """What Python loads of its own accord."""
    return [file for file in root.rglob("*.so*") if file.is_file() and not file.is_symlink()]


def loaded(programs: Iterable[Path]) -> set[Path]:
    """The shared libraries that these need, and the loader."""
    found: set[Path] = set()
    for program in programs:
        told = subprocess.run(["ldd", str(program)], capture_output=True, text=True).stdout
        found.update(Path(path) for path in re.findall(r"(/\S+) \(0x", told))
    return {path for path in found if path.is_file()}


def put(root: Path, file: Path) -> None:
    """A file, at the place that it has here."""
    target = root / file.relative_to("/")
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, target)


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def run(command: list[str]) -> None:
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
