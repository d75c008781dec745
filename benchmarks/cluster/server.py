"""API servers that begin alike: etcd is filled once, and each run starts from a copy of it.

There is no kube-controller-manager, whose own work on each new Service is nobody's whom we measure.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.figure import tell
from tests.controlplane import providers
from tests.controlplane.binaries import Binaries
from tests.controlplane.definitions import default_files, install
from tests.controlplane.server import control_plane

STATE = "etcd"
"""The folder of a control plane's folder in which etcd keeps everything."""


class Servers:
    """Starts API servers, in new folders, from programs that are at hand."""

    def __init__(self, binaries: Binaries, folder: Path) -> None:
        self._binaries = binaries
        self._folder = folder
        self._count = 0

    @contextmanager
    def empty(self) -> Iterator[tuple[Path, Path]]:
        """A server with the CustomResourceDefinitions; its kubeconfig, and the folder to :meth:`copy` once it ended."""
        folder = self._new()
        with control_plane(self._binaries, folder) as kubeconfig:
            install(kubeconfig, default_files())
            yield kubeconfig, folder

    @contextmanager
    def copy(self, of: Path) -> Iterator[tuple[Path, Path]]:
        """A server that begins as the one of folder ``of`` ended."""
        folder = self._new()
        shutil.copytree(of / STATE, folder / STATE)
        with control_plane(self._binaries, folder) as kubeconfig:
            install(kubeconfig, [])
            yield kubeconfig, folder

    def _new(self) -> Path:
        self._count += 1
        folder = self._folder / f"server-{self._count}"
        folder.mkdir()
        return folder


@contextmanager
def servers() -> Iterator[Servers]:
    """Raises SystemExit where there is nothing to start one from."""
    found = providers.local(tell)
    if found is None:
        raise SystemExit("no API server to measure against: see tests/controlplane")
    with TemporaryDirectory(prefix="doorward-bench-") as name:
        folder = Path(name)
        programs = folder / "bin"
        programs.mkdir()
        for program in ("etcd", "kube-apiserver"):
            (programs / program).symlink_to(found.folder / program)
        yield Servers(Binaries(programs), folder)
