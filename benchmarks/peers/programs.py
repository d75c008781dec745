"""The peers in Go, built once from the modules that ``go/`` pins."""

from __future__ import annotations

from pathlib import Path

from tests.controlplane.binaries import (
    Binaries,
    Tell,
    build,
    cache_folder,
    digest_of,
    find_go,
    one_at_a_time,
    version_of,
)

SOURCES = Path(__file__).parent / "go"
PROGRAMS = ("controller_runtime", "raw")
MODULE = "sigs.k8s.io/controller-runtime"


def version() -> str:
    """Of controller-runtime."""
    return version_of(MODULE, SOURCES)


def folder() -> Path:
    """Where the programs of exactly these sources go."""
    return cache_folder() / f"peers-{digest_of(SOURCES)}" / "bin"


def built(tell: Tell) -> Path:
    """The folder with both.  Raises BuildError, and SystemExit where there is no Go."""
    made = Binaries(folder())
    if not all(made.path(program) for program in PROGRAMS):
        go = find_go(install=True, tell=tell)
        if go is None:
            raise SystemExit("the peers in Go need Go 1.26 or later on PATH, once")
        with one_at_a_time(made.folder):
            if not all(made.path(program) for program in PROGRAMS):
                packages = [f"./{program}" for program in PROGRAMS]
                build(go, SOURCES, packages, made.folder, tell, version=version())
    return made.folder
