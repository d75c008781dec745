"""What the deployment is checked with: helm, built from the module that ``go/`` pins; promtool, buildah, from Debian.

helm and promtool are made once, into the cache; buildah is installed, by root and where tests are required.  Where one
can't be had, its tests are skipped, or fail where they are required, as those that need an API server.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.controlplane import binaries, providers
from tests.controlplane.binaries import Tell, cache_folder, digest_of, find_go, one_at_a_time, version_of

SOURCES = Path(__file__).parent / "go"
MODULE = "helm.sh/helm/v4"
HOW = "the deployment isn't checked whole: {} (docs/installing.md says how it is tested)"


class Missing(Exception):
    """A tool can't be had here; the message says why, in one line."""


def helm(tell: Tell) -> Path:
    """The program, built on first use.  Raises Missing, and BuildError where a build fails."""
    folder = cache_folder() / f"helm-{digest_of(SOURCES)}" / "bin"
    if not (folder / "helm").exists():
        go = find_go(install=providers.required(), tell=tell)
        if go is None:
            raise Missing(HOW.format("no helm, and no Go 1.26 or later on PATH to build it"))
        with one_at_a_time(folder):
            if not (folder / "helm").exists():
                version = version_of(MODULE, SOURCES)
                binaries.build(go, SOURCES, [f"{MODULE}/cmd/helm"], folder, tell, version=version)
    return folder / "helm"


def promtool(tell: Tell) -> Path:
    """The program: that of PATH, or out of Debian's package prometheus, which isn't installed.  Raises Missing."""
    if there := shutil.which("promtool"):
        return Path(there)
    folder = cache_folder() / "promtool"
    if not (folder / "promtool").exists():
        if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
            raise Missing(HOW.format("no promtool on PATH, and no apt-get to get it"))
        with one_at_a_time(folder):
            if not (folder / "promtool").exists():
                tell("taking promtool out of Debian's package prometheus (once)")
                _unpack(folder)
    return folder / "promtool"


def buildah(tell: Tell) -> Path:
    """The program: that of PATH, which root installs from Debian where tests are required.  Raises Missing."""
    if not shutil.which("buildah") and providers.required() and os.geteuid() == 0 and shutil.which("apt-get"):
        # Others that install or download Debian's packages have the same lock.
        with one_at_a_time(cache_folder() / "buildah"):
            if not shutil.which("buildah"):
                tell("installing Debian's buildah (once)")
                _install("buildah")
    if there := shutil.which("buildah"):
        return Path(there)
    raise Missing("the image isn't built: no buildah on PATH (apt-get install buildah, on Debian)")


def _install(package: str) -> None:
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", package]):
        subprocess.run(["apt-get", "--quiet", *arguments], env=environ, capture_output=True, check=False)


def _unpack(folder: Path) -> None:
    with TemporaryDirectory(dir=folder.parent) as scratch:
        download = ["apt-get", "download", "--quiet", "prometheus"]
        if _fails(download, scratch):
            # The lists of packages may be missing, as in a fresh container, or too old.
            _fails(["apt-get", "update", "--quiet"], scratch)
            if said := _fails(download, scratch):
                raise Missing(HOW.format(f"Debian's package prometheus can't be had: {said}"))
        (package,) = Path(scratch).glob("*.deb")
        if said := _fails(["dpkg-deb", "--extract", str(package), "out"], scratch):
            raise Missing(HOW.format(f"Debian's package prometheus can't be unpacked: {said}"))
        made = Path(scratch, "made")
        made.mkdir()
        (Path(scratch) / "out" / "usr" / "bin" / "promtool").rename(made / "promtool")
        made.rename(folder)


def _fails(command: Sequence[str], folder: str) -> str:
    """The last thing that a command says as it fails; empty where it doesn't."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
    return (done.stderr.strip().rpartition("\n")[2] or f"status {done.returncode}") if done.returncode else ""
