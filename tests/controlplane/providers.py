"""Where a real API server comes from: the first provider that applies."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.controlplane.binaries import Binaries, Tell, built, built_folder, find_go
from tests.controlplane.definitions import install
from tests.controlplane.server import control_plane

K3S = "rancher/k3s:v1.34.1-k3s1"
HOW = (
    "no real API server: put Go 1.26 or later on PATH (it is built once, in about five minutes), start Docker, "
    "or set KUBEBUILDER_ASSETS or DOORWARD_TEST_KUBECONFIG"
)


@dataclass(frozen=True)
class ApiServer:
    """A running API server: a kubeconfig for its administrator, and which provider it is from."""

    kubeconfig: Path
    provider: str


Start = Callable[[Path, Sequence[Path]], AbstractContextManager[ApiServer]]
"""Starts a server that keeps its state in the folder given and serves the definitions in these files, and ends it."""


def required() -> bool:
    """Whether tests must not be skipped for want of a server (``DOORWARD_REQUIRE_CLUSTER=1``)."""
    return os.environ.get("DOORWARD_REQUIRE_CLUSTER", "") not in ("", "0")


def find(tell: Tell, *, own: bool = False, port: int = 0) -> Start | None:
    """How to start a server here; None where there is no way (:data:`HOW` says what would be one).

    ``own``: one that is new and nobody else's, never the cluster that a kubeconfig names.  ``port`` is for servers
    that run from binaries.
    """
    if (external := os.environ.get("DOORWARD_TEST_KUBECONFIG")) and not own:
        return lambda _, files: _external(Path(external), files)
    assets = _assets()
    if assets.complete:
        return lambda folder, files: _binaries(assets, folder, files, port, "binaries")
    if _k3s_at_hand(tell):
        return _k3s
    ready = _built(tell)
    return (lambda folder, files: _binaries(ready, folder, files, port, "built")) if ready else None


def local(tell: Tell) -> Binaries | None:
    """Binaries to start a server from, whatever other ways there are; None where there are none."""
    assets = _assets()
    return assets if assets.complete else _built(tell)


def _assets() -> Binaries:
    return Binaries(Path(os.environ.get("KUBEBUILDER_ASSETS") or "/usr/local/kubebuilder/bin"))


def _built(tell: Tell) -> Binaries | None:
    return built(None, tell) or built(find_go(install=required(), tell=tell), tell)


def kubectl() -> Path | None:
    """A kubectl: of the provider's binaries, or on PATH."""
    for folder in (os.environ.get("KUBEBUILDER_ASSETS"), built_folder()):
        if folder and (found := Binaries(Path(folder)).path("kubectl")):
            return found
    return Path(on_path) if (on_path := shutil.which("kubectl")) else None


@contextmanager
def _external(kubeconfig: Path, files: Sequence[Path]) -> Iterator[ApiServer]:
    server = ApiServer(kubeconfig.expanduser().absolute(), "kubeconfig")
    if files:
        install(server.kubeconfig, files)
    yield server


@contextmanager
def _binaries(binaries: Binaries, folder: Path, files: Sequence[Path], port: int, provider: str) -> Iterator[ApiServer]:
    with control_plane(binaries, folder, port, files) as kubeconfig:
        yield ApiServer(kubeconfig, provider)


@contextmanager
def _k3s(folder: Path, files: Sequence[Path]) -> Iterator[ApiServer]:
    from testcontainers.community.k3s import K3SContainer

    with K3SContainer(K3S) as container:
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(container.config_yaml())
        if files:
            install(kubeconfig, files)
        yield ApiServer(kubeconfig, "k3s")


def _k3s_at_hand(tell: Tell) -> bool:
    """Whether a Docker engine answers and has, or can get, the image."""
    try:
        from testcontainers.core.docker_client import DockerClient

        engine = DockerClient(timeout=5).client
        engine.ping()
    except Exception:  # The package may be missing, and the engine fail in any way that HTTP and sockets have.
        return False
    try:
        if not engine.images.list(name=K3S):
            tell(f"pulling {K3S}")
            engine.images.pull(K3S)
    except Exception as error:
        tell(f"Docker answers, but {K3S} can't be had: {error}")
        return False
    return True
