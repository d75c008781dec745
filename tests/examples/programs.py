"""What the programs that doorward is embedded in have already: a client, a cache that informs, a work queue."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from urllib.parse import urlencode

import orjson
from doorward import AnyEvent, ApiError, Collection, KubeCluster, Ref, Request
from doorward.cluster.kube import kubeconfig as kubeconfigs
from doorward.cluster.kube.credentials import Credential
from doorward.cluster.kube.tls import context_of

from benchmarks.peers.installed import packages
from tests.controlplane.server import die_with
from tests.patience import PATIENCE

AGAIN = 0.5
"""Seconds until an informer whose list or watch failed begins anew."""


class Client:
    """Of the standard library, one request at a time."""

    def __init__(self, kubeconfig: Path) -> None:
        access = kubeconfigs.read([kubeconfig], None)
        self._server = access.server
        self._tls = context_of(access, Credential())
        self._headers = {"Authorization": f"Bearer {access.user['token']}"} if "token" in access.user else {}

    def send(self, request: Request) -> tuple[int, bytes]:
        url = f"{self._server}{request.path}?{urlencode(request.query)}"
        body = None if request.body is None else orjson.dumps(request.body)
        headers = {"Content-Type": request.content_type, **self._headers}
        asked = urllib.request.Request(url, data=body, headers=headers, method=request.method)
        try:
            with urllib.request.urlopen(asked, context=self._tls, timeout=PATIENCE) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()


async def inform(cluster: KubeCluster, collection: Collection, tell: Callable[[list[AnyEvent]], None]) -> None:
    """List and watch the whole of a kind, and call handlers."""
    resource, scope = collection.resource, collection.namespace
    while True:
        with suppress(ApiError):
            version = await cluster.served(resource)
            if version is None:
                tell(collection.unlisted("absent", time.time()))
            else:
                page = await cluster.list(resource, scope, version=version)
                since = page.resource_version
                tell(collection.listed(page.items, since, time.time(), version=version))
                async for event in cluster.watch(resource, scope, version=version, resource_version=since):
                    if event.type != "BOOKMARK":
                        handler = collection.deleted if event.type == "DELETED" else collection.observed
                        tell(handler(event.object, time.time()))
        await asyncio.sleep(AGAIN)


class WorkQueue:
    """As ``k8s.io/client-go/util/workqueue``: a key that waits is there once, and no two workers have the same."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._later: list[tuple[float, int, Ref]] = []
        self._number = itertools.count()
        self._waiting: dict[Ref, None] = {}
        self._worked_on: set[Ref] = set()
        self._closed = False

    def add(self, key: Ref) -> None:
        with self._changed:
            self._waiting[key] = None
            self._changed.notify_all()

    def add_after(self, key: Ref, seconds: float) -> None:
        with self._changed:
            heapq.heappush(self._later, (time.monotonic() + seconds, next(self._number), key))
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def work(self, reconcile: Callable[[Ref], None]) -> None:
        """One worker, until the queue is closed."""
        while (key := self._take()) is not None:
            reconcile(key)
            with self._changed:
                self._worked_on.discard(key)
                self._changed.notify_all()

    def _take(self) -> Ref | None:
        with self._changed:
            while not self._closed:
                while self._later and self._later[0][0] <= time.monotonic():
                    self._waiting[heapq.heappop(self._later)[2]] = None
                for key in self._waiting:
                    if key not in self._worked_on:
                        del self._waiting[key]
                        self._worked_on.add(key)
                        return key
                self._changed.wait(self._later[0][0] - time.monotonic() if self._later else None)
        return None


@contextmanager
def program(kubeconfig: Path, *command: str) -> Iterator[Callable[[], str]]:
    """A program in Python with the packages that the peers of benchmarks have; gives what it has said so far.

    It has to run until it is told to end.
    """
    environ = {**os.environ, "KUBECONFIG": str(kubeconfig), "PYTHONPATH": str(packages(print))}
    parent = os.getpid()
    with NamedTemporaryFile() as output:

        def said() -> str:
            return Path(output.name).read_text()

        with subprocess.Popen(
            [sys.executable, *command],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: die_with(parent),
        ) as process:
            try:
                yield said
                assert process.poll() is None, said()
                process.terminate()
                process.wait(PATIENCE)
            finally:
                process.kill()
