"""The shell around the engine: it watches, performs, retries and keeps the clock.

One direction, no way back, and nothing that the engine doesn't ask for:

    cluster --watchers--> queue --receive--> engine --actions--> lanes --workers--> cluster
                            ^                   |                          |
                            |                records --> journal           |
                            +---------------- outcomes --------------------+

There is one task per kind and scope that watches, a fixed number of workers that perform, one that turns the engine,
and one that commits the journal; none is made per event or per action.  The engine is turned in slices of some
milliseconds, so that requests, health checks and signals get their turn however much is to be decided.

A task that fails is logged and begins again; an event that the engine chokes on is logged and left out.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from time import perf_counter
from types import TracebackType
from typing import Any

import msgspec
from tenacity.wait import wait_base

from doorward.cluster.protocol import ApiError, Cluster
from doorward.engine import SETTINGS_NAME, Engine
from doorward.journal import Journal
from doorward.log import Log
from doorward.model.action import Action
from doorward.model.event import AnyEvent, Elapsed, Leading, Record, Started, Unknown, issued
from doorward.model.reference import CONFIG_MAP, Resource
from doorward.runtime.clock import SteadyClock
from doorward.runtime.external import EXTERNAL_EVERY, External
from doorward.runtime.keeper import Keeper
from doorward.runtime.leadership import Leadership
from doorward.runtime.listener import Listener
from doorward.runtime.performing import Outcome, failed, perform, succeeded
from doorward.runtime.secrets import Secrets
from doorward.runtime.watcher import PAUSES, watch_kind

__all__ = ["Shell", "Summary"]

SLICE = 0.01
"""Seconds for which the engine is turned before others get their turn."""
ROOM = 20_000
"""Events that may wait for the engine before watches are read no further."""
WAITING = 1
"""Actions per worker that wait to be performed, but for those that close a door; the rest waits in the engine, where it
may still be thought over, and where a door that is more urgent passes it."""
SLOW_HOOK = 0.05
"""Seconds from which on a call of a plugin is named."""
LONGEST_REQUEST = 60.0
"""Seconds after which a request counts as unanswered, whatever the cluster's client thinks."""
GRACE = 5.0
"""Seconds that requests in flight are given when the shell stops."""
PATIENCE = 15.0
"""Seconds: what is timed for later than that, beyond an overlap, isn't waited for by :meth:`Shell.once`."""
LIST_ATTEMPTS = 6
"""Failed first lists of a kind, about half a minute's worth, after which doors that don't need it open without it."""
RESTART = 1.0
"""Seconds before a task that failed begins again."""

_log = Log(__name__)


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What came of reconciling until everything was still."""

    services: int
    """InferenceServices that are known."""
    writes: dict[str, int]
    """Actions that were carried out, by verb (in a dry run: that would be)."""
    refused: int
    """Actions that the server refused, or that nobody knows the outcome of, repeated ones included."""
    problems: tuple[str, ...]
    """What is wrong with the settings, if anything."""
    missing: dict[str, str]
    """Kinds that can't be seen: ``absent`` or ``forbidden``."""
    seconds: float
    """How long ago the shell was started."""


class Shell:
    """An engine, running before a cluster.

    ::

        async with Shell(Engine(budget=100), cluster, journal) as shell:
            await shell.run()

    ``journal``: where records are kept, and what the engine is restored from; None: nowhere.  ``clock`` gives seconds
    since the epoch and must not go back.  ``concurrency`` is how many requests are made at a time.  With ``dry_run``
    nothing is written: listeners are told what would be.  With ``leadership`` it writes while it leads, and stands by
    until then: it watches, so that nothing has to be listed when its turn comes.  ``grace`` is how many seconds
    requests in flight are given when it stops, ``pauses`` how long a watch that failed rests, ``external_every`` how
    many seconds pass before what backends keep themselves is observed again.  Cluster and journal belong to the caller,
    who closes them.  Raises ValueError where ``leadership`` is given and the engine doesn't stand by.
    """

    def __init__(
        self,
        engine: Engine,
        cluster: Cluster,
        journal: Journal | None = None,
        *,
        clock: Callable[[], float] | None = None,
        concurrency: int = 16,
        listeners: Sequence[Listener] = (),
        dry_run: bool = False,
        leadership: Leadership | None = None,
        grace: float = GRACE,
        pauses: wait_base = PAUSES,
        external_every: float = EXTERNAL_EVERY,
    ) -> None:
        self.engine = engine
        self.cluster = cluster
        self.clock = clock or SteadyClock()
        self.dry_run = dry_run
        self.listeners = list(listeners)
        self.errors = 0
        """How many times a task or the engine failed unexpectedly; each is in the log."""
        self.counts: Counter[tuple[str, str]] = Counter()
        """Actions by verb and outcome: ``Applied``, ``Refused``, ``Unknown``, ``Planned``."""
        self.unwatched: dict[tuple[str, str], str] = {}
        """By kind (a Secret by its name) and namespace, what the server said of those that may be listed and not
        watched: what changes there is seen by the next list, half a minute later at most."""
        if leadership and not engine.stands_by:
            raise ValueError("an engine that waits until it leads is made with stands_by=True")
        self._leadership = leadership
        self._keeper = self._keeping(journal) if journal is not None else None
        self._concurrency = concurrency
        self._grace = grace
        self._pauses = pauses
        self._external_every = external_every
        resources, backends = engine.backends.resources, engine.backends.external
        self._external = {kind: External(each, resources[kind], self.clock) for kind, each in backends.items()}
        self.secrets = Secrets(
            cluster,
            clock=self.clock,
            emit=self._emit,
            pauses=pauses,
            supervise=self._supervised,
            unwatched=lambda ref, why: self._note_unwatched(str(ref), "", why),
        )
        """The Secrets that guards go by, for those who compare keys."""
        self._events: deque[AnyEvent] = deque()
        self._woken = asyncio.Event()
        self._room = asyncio.Event()
        self._lanes: asyncio.PriorityQueue[tuple[tuple[int, int], Action]] = asyncio.PriorityQueue()
        self._outstanding = 0
        self._working = 0
        self._more = False
        self._last = 0.0
        self._since: dict[str, float] = {}
        """Since when something waits, by what does."""
        self._began = 0.0
        self._watchers: list[asyncio.Task[None]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self._ended = asyncio.Event()
        self._waiters: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    def _keeping(self, journal: Journal) -> Keeper:
        if (leads := self._leadership) is None:
            return Keeper(self.engine, journal, self.clock, wake=self.wake)
        return Keeper(
            self.engine, journal, self.clock, term=lambda: leads.term, outbid=leads.raise_term, wake=self.wake
        )

    # -- life ----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Restore the engine from the journal and set everything going.

        Raises RuntimeError the second time, and JournalError where the journal can't be used.
        """
        if self._tasks or self._stopping:
            raise RuntimeError("a shell is started once")
        self._began = perf_counter()
        self.engine.backends.observe_calls(self._observe_call)
        self.engine.observe_decisions(self._observe_decision)
        if self._keeper:
            await self._keeper.begin(leads=self._leadership is None)
            self._spawn(self._keeper.run, "keeper")
        self._put(Started(at=self.clock()))
        self._spawn(self._turning, "engine")
        for number in range(self._concurrency):
            self._spawn(self._working_off, f"worker {number}")
        for kind, scopes in self.engine.scopes.items():
            resource = self.engine.backends.resources[kind]
            for scope in scopes:
                self._watchers.append(self._supervised(self._watching(resource, scope), f"watch {kind} {scope}"))

    async def stop(self) -> None:
        """Watch no more, wait a moment for requests in flight, keep everything.  Stopping twice is fine."""
        if self._stopping:
            await self._ended.wait()
            return
        self._stopping = True
        await _cancelled(self._watchers)
        await self.secrets.stop()
        while not self._lanes.empty():
            self._lanes.get_nowait()
        with suppress(TimeoutError):
            await self.wait_for(lambda: not self._working, self._grace)
        await _cancelled(self._tasks)
        while self._events:
            self._receive(self._events.popleft())
        if self._keeper:
            await self._keeper.close()
        self.engine.backends.observe_calls(None)
        self.engine.observe_decisions(None)
        for _, waiter in self._waiters:
            waiter.cancel()
        self._ended.set()

    async def __aenter__(self) -> Shell:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    async def run(self, until: Awaitable[object] | None = None) -> None:
        """Reconcile until ``until`` is done, or for ever: until cancelled, or stopped by another task."""
        ended = asyncio.ensure_future(self._ended.wait())
        awaited = {ended} if until is None else {ended, asyncio.ensure_future(until)}
        try:
            done, _ = await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                each.result()
        finally:
            for each in awaited:
                each.cancel()

    async def once(self, timeout: float | None = None) -> Summary:
        """Reconcile until everything is still: listed, decided, written, and overlaps waited for.

        What a server keeps refusing is tried for :data:`PATIENCE` seconds' worth of pauses, and then left.  Raises
        TimeoutError after ``timeout`` seconds.
        """
        await self.wait_for(self._at_rest, timeout)
        return self.summary()

    async def wait_for(self, condition: Callable[[], bool], timeout: float | None = None) -> None:
        """Wait until something is so; looked at each time that the engine was turned.  Raises TimeoutError."""
        if condition():
            return
        waiter = asyncio.get_running_loop().create_future()
        entry = (condition, waiter)
        self._waiters.append(entry)
        try:
            async with asyncio.timeout(timeout):
                await waiter
        finally:
            self._waiters.remove(entry)

    def summary(self) -> Summary:
        """What was done so far."""
        done: Counter[str] = Counter()
        for (verb, outcome), count in self.counts.items():
            if outcome in ("Applied", "Planned") and verb != "verify":
                done[verb] += count
        refused = sum(count for (_, outcome), count in self.counts.items() if outcome in ("Refused", "Unknown"))
        return Summary(
            services=self.engine.service_count,
            writes=dict(sorted(done.items())),
            refused=refused,
            problems=self.engine.problems,
            missing=self.engine.missing,
            seconds=perf_counter() - self._began,
        )

    @property
    def journal_problem(self) -> str:
        """Why records aren't kept just now; empty where they are, or where there is no journal."""
        return self._keeper.problem if self._keeper else ""

    @property
    def leading(self) -> bool:
        """Whether it may write, rather than stand by."""
        return self._seconds() > 0

    @property
    def deposed(self) -> asyncio.Event | None:
        """Set once another process has taken over the journal that they share; None where it is nobody else's."""
        return self._keeper.deposed if self._keeper else None

    def _seconds(self) -> float:
        """For how long it may go on writing."""
        if self._keeper and self._keeper.deposed.is_set():
            return 0.0
        return LONGEST_REQUEST if self._leadership is None else min(LONGEST_REQUEST, self._leadership.seconds())

    def wake(self) -> None:
        """Look again at what there is to do: to be called where this process begins to lead, and at each renewal."""
        self._woken.set()

    @property
    def backlog(self) -> int:
        """Events that wait for the engine."""
        return len(self._events)

    @property
    def queues(self) -> dict[str, tuple[int, float]]:
        """How much waits, by what waits, and for how many seconds something has.

        ``events`` wait for the engine, and the age is that of the oldest; ``doors`` wait for a decision, ``writes`` to
        be sent, and their age is the time for which some have. Doors that wait for writes to be sent have none, and
        neither has who stands by: its turn comes.
        """
        now = self.clock()
        waiting = {"doors": self.engine.undecided, "writes": self.engine.unissued + self._lanes.qsize()}
        events = max(0.0, now - self._events[0].at) if self._events else 0.0
        ages = {name: max(0.0, now - self._since[name]) if name in self._since else 0.0 for name in waiting}
        return {"events": (len(self._events), events), **{name: (n, ages[name]) for name, n in waiting.items()}}

    # -- turning the engine --------------------------------------------------------------------------------------

    def _put(self, event: AnyEvent) -> None:
        self._events.append(event)
        self._woken.set()

    async def _turning(self) -> None:
        while True:
            await self._work()
            self._woken.clear()
            until = perf_counter() + SLICE
            while self._events and perf_counter() < until:
                # What happened to one door doesn't wait for the decisions of many, which take longer than all of this.
                self._receive(self._events.popleft(), more=True)
            if self._left() == 0.0:
                self._receive(Elapsed(at=self.clock()))
            if len(self._events) < ROOM:
                self._room.set()
            await self._lead()
            self._hand_out()
            if not self._stopping:
                self.secrets.follow(self.engine.secrets)
            self._note_waiting()
            self._judge()
            await asyncio.sleep(0)

    def _note_waiting(self) -> None:
        engine = self.engine
        undecided = bool(engine.undecided) and not engine.is_ahead
        waits = {"doors": undecided, "writes": bool(engine.unissued or self._lanes.qsize())}
        for name, some in waits.items():
            if not some or engine.stands_by:
                self._since.pop(name, None)
            elif name not in self._since:
                self._since[name] = self.clock()

    async def _work(self) -> None:
        """Wait until there is something to do."""
        left = self._left()
        if self._events or left == 0.0 or (self._more and self._lanes.empty()):
            return
        timer = asyncio.get_running_loop().call_later(left, self._woken.set) if left is not None else None
        try:
            await self._woken.wait()
        finally:
            if timer:
                timer.cancel()

    def _left(self) -> float | None:
        """Seconds until time itself is an event; None: nothing is timed."""
        wait = self.engine.wait()
        if not wait:
            return wait
        return max(0.0, self._last + wait - self.clock())

    def _receive(self, event: AnyEvent, *, more: bool = False) -> None:
        before = self.engine.number
        self._last = max(self._last, event.at)
        try:
            records = self.engine.receive(event, more=more)
        except Exception:
            # The records are lost, so their numbers are given anew: a journal has no gaps.
            self.engine.number = before
            self.errors += 1
            _log.exception("the engine failed on an event; it is left out", event_type=type(event).__name__)
            return
        self._keep(records)

    def _keep(self, records: list[Record]) -> None:
        if not records:
            return
        if self._keeper:
            self._keeper.keep(records)
        for listener in self.listeners:
            self._tell(listener.recorded, records)

    async def _lead(self) -> None:
        """Let the engine decide once this process leads, from the journal of who led before where they share one."""
        if not self.leading or self._stopping:
            return
        if (keeper := self._keeper) and not keeper.keeps and await self._awaits(keeper):
            return
        if self.engine.stands_by and self._leadership:
            self._receive(Leading(at=self.clock(), term=self._leadership.term))
            self._woken.set()

    async def _awaits(self, keeper: Keeper) -> bool:
        """Ask for the journal, or take it over; whether the engine is to wait for that."""
        if keeper.offer is None:
            return keeper.ask()
        if self._outstanding:
            return True
        while self._events:  # outcomes are among them, of what the engine that takes over doesn't know
            self._receive(self._events.popleft())
        records = await keeper.take_over()
        for listener in self.listeners:
            self._tell(listener.recorded, records)
        self._woken.set()
        return False

    def _hand_out(self) -> None:
        if self._stopping or not self.leading or (self._keeper and self._keeper.offer):
            self._more = False
            return
        room = max(0, WAITING * self._concurrency - self._lanes.qsize())
        actions = self.engine.actions(room)
        self._more = not room or bool(actions)
        self._keep([issued(action) for action in actions])
        for action in actions:
            if self.dry_run and action.verb != "verify":
                self.counts[action.verb, "Planned"] += 1
                for listener in self.listeners:
                    self._tell(listener.planned, action)
            else:
                self._outstanding += 1
                self._lanes.put_nowait((action.place, action))

    def _judge(self) -> None:
        for condition, waiter in self._waiters:
            if not waiter.done() and condition():
                waiter.set_result(None)

    def _at_rest(self) -> bool:
        if self._events or self._outstanding or self._more or self.engine.unsynced:
            return False
        left = self._left()
        if self.dry_run:
            return left != 0.0
        settings = self.engine.settings
        patience = max(PATIENCE, settings.overlap_seconds + 1.0 if settings else 0.0)
        return self.engine.idle and (left is None or left > patience)

    # -- performing ----------------------------------------------------------------------------------------------

    async def _working_off(self) -> None:
        while True:
            _, action = await self._lanes.get()
            began = perf_counter()
            self._working += 1
            try:
                outcome = await self._performed(action)
            finally:
                self._working -= 1
            self._outstanding -= 1
            self.counts[action.verb, type(outcome).__name__] += 1
            self._put(outcome)
            for listener in self.listeners:
                self._tell(listener.performed, action, outcome, perf_counter() - began)

    async def _performed(self, action: Action) -> Outcome:
        resource = self.engine.backends.resources[action.ref.kind]
        external = self._external.get(action.ref.kind)
        if not (seconds := self._seconds()):
            # Handed out while it led: it goes out no more, since somebody else may write by now.
            return Unknown(at=self.clock(), action=action.id, message="this process doesn't lead any more")
        try:
            async with asyncio.timeout(seconds):
                answer = await (external.apply(action) if external else perform(self.cluster, action, resource))
        except ApiError as error:
            return failed(action, error, self.clock())
        except TimeoutError:
            what = f"no answer within {seconds:.0f} s"
            return Unknown(at=self.clock(), action=action.id, message=what)
        except Exception as error:
            self.errors += 1
            _log.exception("the cluster's client failed", verb=action.verb, object=str(action.ref))
            return Unknown(at=self.clock(), action=action.id, message=repr(error))
        return succeeded(action, answer, self.clock())

    # -- watching ------------------------------------------------------------------------------------------------

    def _watching(self, resource: Resource, scope: str) -> Callable[[], Coroutine[Any, Any, None]]:
        selector = f"metadata.name={SETTINGS_NAME}" if resource.kind == CONFIG_MAP else ""
        external = self._external.get(resource.kind)

        def watch() -> Coroutine[Any, Any, None]:
            if external:
                every = self._external_every
                return external.watch(emit=self._emit, every=every, pauses=self._pauses, attempts=LIST_ATTEMPTS)
            return watch_kind(
                self.cluster,
                resource,
                scope,
                clock=self.clock,
                emit=self._emit,
                field_selector=selector,
                pauses=self._pauses,
                attempts=None if resource.kind in self.engine.backends.base_kinds else LIST_ATTEMPTS,
                unwatched=lambda why: self._note_unwatched(resource.kind, scope, why),
            )

        return watch

    def _note_unwatched(self, what: str, scope: str, why: str) -> None:
        if why:
            self.unwatched[what, scope] = why
        else:
            self.unwatched.pop((what, scope), None)

    def _emit(self, event: AnyEvent) -> Awaitable[None] | None:
        self._put(event)
        return self._wait_for_room() if len(self._events) >= ROOM else None

    async def _wait_for_room(self) -> None:
        self._room.clear()
        await self._room.wait()

    # -- tasks and plugins ---------------------------------------------------------------------------------------

    def _spawn(self, work: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        self._tasks.append(self._supervised(work, name))

    def _supervised(self, work: Callable[[], Coroutine[Any, Any, None]], name: str) -> asyncio.Task[None]:
        async def supervise() -> None:
            while True:
                try:
                    await work()
                except Exception:
                    self.errors += 1
                    _log.exception("a task failed and begins again", task=name)
                await asyncio.sleep(RESTART)

        return asyncio.create_task(supervise(), name=f"doorward: {name}")

    def _observe_call(self, plugin: str, hook: str) -> Callable[[], None]:
        began = perf_counter()

        def done() -> None:
            seconds = perf_counter() - began
            if seconds > SLOW_HOOK:
                _log.warning("a plugin takes long, and holds up every door", plugin=plugin, hook=hook, seconds=seconds)
                for listener in self.listeners:
                    self._tell(listener.slow_hook, plugin, hook, seconds)

        return done

    def _observe_decision(self) -> Callable[[str, str], None]:
        began = perf_counter()

        def done(backend: str, result: str) -> None:
            seconds = perf_counter() - began
            for listener in self.listeners:
                self._tell(listener.decided, backend, result, seconds)

        return done

    def _tell(self, tell: Callable[..., None], *what: object) -> None:
        try:
            tell(*what)
        except Exception:
            self.errors += 1
            _log.exception("a listener failed")


async def _cancelled(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
