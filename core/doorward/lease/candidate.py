"""A process that wants to lead: it tries for the Lease, renews it, and leaves it when it ends.

One task watches the Lease, so that one that was left is taken at once; another bids and renews.  A holder that can't
renew stops acting before anybody else may begin (:meth:`Candidate.seconds`), and goes on if the Lease is still its own
when the API server answers again.  Where somebody else has taken it, it is :attr:`~Candidate.deposed`, for good.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from doorward.cluster.protocol import ApiError, Cluster
from doorward.lease.election import Election, Terms
from doorward.log import Log
from doorward.model.event import AnyEvent, Deleted, Observed, Synced
from doorward.model.reference import JsonObject, Resource
from doorward.runtime.watcher import watch_kind
from doorward.state.transform import FIELD_MANAGER

__all__ = ["LEASE", "Candidate"]

LEASE = Resource("Lease.coordination.k8s.io", "leases")
JITTER = 0.2
"""The part of ``Terms.retry`` by which a pause may be longer, so that candidates don't march in step."""

_log = Log(__name__)


class Candidate:
    """One of the processes among which a Lease chooses.

    ::

        candidate = Candidate(cluster, "ome", identity="pod-a_4f1c")
        shell = Shell(Engine(stands_by=True), cluster, leadership=candidate)
        candidate.changed = shell.wake
        async with candidate, shell:
            await candidate.deposed.wait()

    Leaving the context leaves the Lease, so that the next one begins at once: end what writes before.  ``changed`` is
    called whenever it begins to lead, and at each renewal.  ``clock`` gives seconds and never goes back; ``wall``
    seconds since the epoch.
    """

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        name: str = "doorward",
        *,
        identity: str,
        terms: Terms | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.namespace, self.name = namespace, name
        self.deposed = asyncio.Event()
        """Set once somebody else has the Lease that this one had."""
        self._failure = self._unlisted = self._unwatched = ""
        self._cluster = cluster
        self._election = Election(identity, terms or Terms())
        self.changed: Callable[[], None] = lambda: None
        self._clock, self._wall = clock, wall
        self._lease: JsonObject | None = None
        self._led = False
        self._news = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def identity(self) -> str:
        """By which the Lease knows this process."""
        return self._election.identity

    @property
    def holder(self) -> str:
        """Who holds the Lease, as far as it was seen; empty where nobody does."""
        return self._election.holder

    @property
    def term(self) -> int:
        """Which leader it is, or would be: one more than the one before."""
        return self._election.term

    @property
    def problem(self) -> str:
        """Why the Lease couldn't be asked for or renewed, last time, or may not be watched; empty where all is well."""
        return self._failure or self._unlisted or self._unwatched

    def seconds(self) -> float:
        """For how long this process may go on writing, unless it renews its Lease; 0: it may not, now."""
        return 0.0 if self.deposed.is_set() else self._election.seconds(self._clock())

    def raise_term(self, above: int) -> None:
        """Lead under a term above this one, from the next renewal on: the Lease is written so, if it is still held."""
        self._election.raise_term(above)

    async def __aenter__(self) -> Candidate:
        self._tasks = [
            asyncio.create_task(self._watch(), name="doorward: watch lease"),
            asyncio.create_task(self._campaign(), name="doorward: lease"),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._resign()

    # -- seeing ------------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        await watch_kind(
            self._cluster,
            LEASE,
            self.namespace,
            clock=self._wall,
            emit=self._see,
            unwatched=self._note_unwatched,
            field_selector=f"metadata.name={self.name}",
        )

    def _see(self, event: AnyEvent) -> None:
        """What a watch tells may be old; it only says that it is time to look."""
        if isinstance(event, Synced):
            self._unlisted = event.message
        if isinstance(event, Observed | Deleted | Synced):
            self._news.set()

    async def _look(self) -> None:
        try:
            lease = await self._cluster.get(LEASE, self.namespace, self.name)
        except ApiError as error:
            if error.status != 404:
                raise
            lease = None
        self._take(lease)

    def _take(self, lease: JsonObject | None) -> None:
        self._lease = lease
        self._election.observe(lease, self._clock())
        if self._led and self.holder not in ("", self.identity):
            self._lose()

    def _lose(self) -> None:
        if not self.deposed.is_set():
            _log.error("somebody else leads; this process must not write any more", holder=self.holder)
            self.deposed.set()
            self.changed()

    # -- bidding -----------------------------------------------------------------------------------------------------

    async def _campaign(self) -> None:
        while not self.deposed.is_set():
            self._news.clear()
            try:
                async with asyncio.timeout(self._election.terms.deadline / 2):
                    await self._try()
                self._failure = ""
            except (ApiError, TimeoutError) as error:
                self._note(str(error) or "no answer in time")
            except Exception:
                _log.exception("the cluster's client failed")
                self._note("the cluster's client failed; see the log")
            await self._pause()

    def _note(self, problem: str) -> None:
        if problem != self._failure:
            _log.warning("the lease can't be had", lease=f"{self.namespace}/{self.name}", problem=problem)
        self._failure = problem

    def _note_unwatched(self, problem: str) -> None:
        self._unwatched = problem

    async def _try(self) -> None:
        """Look, and bid where that may be; a leader looks only where somebody else has written the Lease."""
        if not self.seconds():
            await self._look()
        if self._election.free_in(self._clock()) or self.deposed.is_set():
            return
        began = self._clock()
        try:
            lease = await self._write(self._election.bid(self._wall()))
        except ApiError as error:
            if error.status not in (404, 409):
                raise
            await self._look()
            return
        self._lease = lease
        self._election.won(lease, began, self._clock())
        await asyncio.sleep(self._election.begins_in(self._clock()))
        if self.seconds():
            if not self._led:
                _log.info("leading", lease=f"{self.namespace}/{self.name}", identity=self.identity)
            self._led = True
            self.changed()

    async def _write(self, spec: JsonObject) -> JsonObject:
        """Write the Lease under the resourceVersion that was seen.  Raises ApiError: 409 where there is another."""
        if self._lease is None:
            body = {"apiVersion": LEASE.api_version(), "kind": LEASE.name, "metadata": {"name": self.name}}
            return await self._cluster.create(
                LEASE, self.namespace, {**body, "spec": spec}, field_manager=FIELD_MANAGER
            )
        body = {**self._lease, "apiVersion": LEASE.api_version(), "kind": LEASE.name, "spec": spec}
        return await self._cluster.replace(LEASE, self.namespace, self.name, body, field_manager=FIELD_MANAGER)

    async def _pause(self) -> None:
        """Until it is time to renew, or to look again: at the latest when the Lease of somebody else runs out."""
        retry = self._election.terms.retry
        if self.seconds():
            await asyncio.sleep(retry)
            return
        left = self._election.free_in(self._clock())
        pause = (left or retry) + random.uniform(0, JITTER * retry)
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._news.wait()

    # -- leaving -----------------------------------------------------------------------------------------------------

    async def _resign(self) -> None:
        """Leave the Lease, where it is this one's.  Where that fails, it runs out by itself."""
        if self.holder != self.identity or self.deposed.is_set():
            return
        try:
            async with asyncio.timeout(self._election.terms.retry):
                await self._write(self._election.resign(self._wall()))
        except (ApiError, TimeoutError) as error:
            _log.warning("the lease isn't left; it runs out", problem=str(error) or "no answer in time")
