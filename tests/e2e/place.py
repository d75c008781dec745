"""Namespaces with settings on a real API server, and a daemon that serves them, shared by the tests of a file."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any, TypeVar

from doorward.cluster.kube import KubeCluster
from doorward.model.reference import JsonObject

from tests.e2e.daemon import Daemon
from tests.e2e.rights import withdrawn
from tests.e2e.world import make_namespaces, remove_namespaces, resources, settings

T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """Where tests do their work: namespaces, the first with the settings, and who serves them."""

    kubeconfig: Path
    namespaces: tuple[str, ...]
    daemon: Daemon | None


@contextmanager
def place(
    kubeconfig: Path,
    ingress: JsonObject | None = None,
    *arguments: str,
    names: tuple[str, ...] = (),
    serve: bool = True,
    secrets: tuple[str, ...] = (),
    **keys: str,
) -> Iterator[Place]:
    """A namespace of its own, and those of ``names`` besides; ``arguments`` are the daemon's, ``keys`` as settings.

    ``secrets`` are names of Secrets that it may read beside those of ``deploy/authz.yaml``.
    """
    namespaces = (f"e2e-{token_hex(4)}", *names)
    apart(make_namespaces(kubeconfig, *namespaces))
    apart(_configure(kubeconfig, settings(namespaces[0], ingress, **keys)))
    try:
        if serve:
            with Daemon(kubeconfig, namespaces, *arguments, secrets=secrets) as daemon:
                yield Place(kubeconfig, namespaces, daemon)
        else:
            yield Place(kubeconfig, namespaces, None)
    finally:
        apart(remove_namespaces(kubeconfig, *namespaces))
        apart(withdrawn(kubeconfig, namespaces[0]))


def apart(work: Coroutine[Any, Any, T]) -> T:
    """Run something in an event loop of its own, whether there is one here or not."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


async def _configure(kubeconfig: Path, config_map: JsonObject) -> None:
    cluster = KubeCluster.from_kubeconfig(kubeconfig)
    try:
        await cluster.create(resources()["ConfigMap"], config_map["metadata"]["namespace"], config_map)
    finally:
        await cluster.close()
