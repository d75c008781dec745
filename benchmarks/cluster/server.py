"""API servers that begin alike: etcd is filled once, and each run starts from a copy of it.

There is no kube-controller-manager, whose own work on each new Service is nobody's whom we measure.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from doorward.cluster.kube import KubeCluster
from doorward.cluster.protocol import ApiError
from doorward.engine import Engine
from doorward.model.reference import Resource

from benchmarks.figure import tell
from tests.controlplane import providers
from tests.controlplane.binaries import Binaries
from tests.controlplane.definitions import default_files, install
from tests.controlplane.server import control_plane

WARM_TIME = 120.0
"""Seconds within which a server must serve everything."""
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
            with ThreadPoolExecutor(1) as thread:
                thread.submit(asyncio.run, _warm(kubeconfig)).result()
            yield kubeconfig, folder

    def _new(self) -> Path:
        self._count += 1
        folder = self._folder / f"server-{self._count}"
        folder.mkdir()
        return folder


async def _warm(kubeconfig: Path) -> None:
    """Return once every kind can be listed and watched: a server that has just started says no for a while."""
    cluster = KubeCluster.from_kubeconfig(kubeconfig, timeout=60)
    try:
        async with asyncio.timeout(WARM_TIME):
            await asyncio.gather(*(_watchable(cluster, kind) for kind in Engine().backends.resources.values()))
    finally:
        await cluster.close()


async def _watchable(cluster: KubeCluster, kind: Resource) -> None:
    while True:
        try:
            if version := await cluster.served(kind):
                page = await cluster.list(kind, version=version, limit=1)
                watching = cluster.watch(kind, version=version, resource_version=page.resource_version, timeout=1)
                async with aclosing(watching) as events:
                    async for _ in events:
                        pass
                return
        except ApiError as error:
            if error.status not in {404, 429, 500, 503}:
                raise
        await asyncio.sleep(0.2)


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
