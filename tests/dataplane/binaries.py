"""What the tier runs beside API servers: istiod and Contour, built from modules that ``go/`` pins; Envoy, from PyPI."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from tests import packages
from tests.controlplane import binaries, providers
from tests.controlplane.binaries import Binaries, Tell, cache_folder, digest_of, find_go, one_at_a_time, version_of
from tests.dataplane.network import Network

SOURCES = Path(__file__).parent / "go"
HOW = "requests through real proxies aren't tested: {} (docs/traffic.md says what the tier needs)"


class Missing(Exception):
    """The tier can't run here; the message says what is missing, in one line."""


@dataclass(frozen=True)
class Parts:
    """Paths of what is run; ``packages`` is a folder for PYTHONPATH with what ``requirements/dataplane.txt`` pins."""

    control_plane: Binaries
    istiod: Path
    contour: Path
    packages: Path

    @property
    def envoy(self) -> Path:
        return self.packages / "envoy" / "_bin" / "envoy"

    @property
    def contour_definitions(self) -> list[Path]:
        """The kinds that Contour needs: its own, and those of the release of Gateway API that it is built with."""
        return sorted(self.contour.parent.glob("*.yaml"))


def find(tell: Tell) -> Parts:
    """All parts, built and installed on first use.  Raises Missing, and BuildError where a build fails."""
    if sys.platform != "linux":
        raise Missing(HOW.format("they need Linux and its network namespaces"))
    try:
        Network().close()
    except (OSError, subprocess.SubprocessError):
        raise Missing(HOW.format("making a network namespace needs root, and CAP_SYS_ADMIN")) from None
    control_plane = providers.local(tell)
    if control_plane is None:
        raise Missing(HOW.format("no kube-apiserver, and no Go 1.26 or later on PATH to build it"))
    if not control_plane.path("kube-controller-manager"):
        raise Missing(HOW.format(f"no kube-controller-manager in {control_plane.folder}"))
    return Parts(control_plane, _built(ISTIOD, tell), _built(CONTOUR, tell), _packages(tell))


class Program(NamedTuple):
    """What is built: ``package`` with the pins of ``go/SOURCES``, whose version is that of ``module``.

    ``data`` as :func:`tests.controlplane.binaries.build` takes it.
    """

    name: str
    sources: str
    module: str
    package: str
    data: Mapping[str, Sequence[str]] = MappingProxyType({})

    @property
    def folder(self) -> Path:
        """Where the program of exactly these sources goes."""
        return cache_folder() / f"{self.name}-{digest_of(SOURCES / self.sources)}" / "bin"


ISTIOD = Program("istiod", "istio", "istio.io/istio", "./istiod")
CONTOUR = Program(
    "contour",
    "contour",
    "github.com/projectcontour/contour",
    "github.com/projectcontour/contour/cmd/contour",
    {
        "github.com/projectcontour/contour": ["examples/contour/01-crds.yaml"],
        "sigs.k8s.io/gateway-api": ["config/crd/standard/*.yaml"],
    },
)


def _built(program: Program, tell: Tell) -> Path:
    made = Binaries(program.folder)
    if found := made.path(program.name):
        return found
    go = find_go(install=providers.required(), tell=tell)
    if go is None:
        raise Missing(HOW.format(f"no {program.name}, and no Go 1.26 or later on PATH to build it"))
    with one_at_a_time(made.folder):
        if not made.path(program.name):
            sources = SOURCES / program.sources
            version = version_of(program.module, sources)
            binaries.build(go, sources, [program.package], made.folder, tell, version=version, data=program.data)
    return made.folder / program.name


def packages_folder() -> Path:
    """Where exactly what ``requirements/dataplane.txt`` pins goes."""
    return packages.folder("dataplane")


def _packages(tell: Tell) -> Path:
    try:
        return packages.installed("dataplane", "Envoy, and gRPC for Python", tell)
    except packages.NotInstalled as error:
        raise Missing(HOW.format(error)) from None
