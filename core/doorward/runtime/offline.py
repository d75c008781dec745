"""The shell without I/O: the engine before a store in memory, on a clock that is told what time it is.

``render``, the cases and the simulator run on this; what it does in one thread and in virtual time is what
:mod:`doorward.runtime.shell` does with sockets and a clock.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from doorward.cluster.embedded import Store
from doorward.cluster.protocol import ApiError
from doorward.engine import Engine
from doorward.model.action import Action
from doorward.model.credentials import ABSENT, summary, unusable
from doorward.model.event import AnyEvent, Deleted, Elapsed, Observed, Record, Started, Synced, issued
from doorward.model.reference import CONFIG_MAP, SECRET, SECRETS, JsonObject, Resource
from doorward.runtime.performing import Outcome, failed, request, succeeded

if TYPE_CHECKING:
    import asyncio

    from doorward.runtime.external import External

Keep = Callable[[list[Record]], None]


class Clock:
    """Time that goes on when it is told to; seconds since the epoch."""

    def __init__(self, now: float = 1_767_225_600.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Offline:
    """An engine and a store, turned by hand.

    ``keep`` is given every record, in the order in which a journal would hold them.  What backends keep outside of the
    API server is in the store like everything else; with ``external`` they are asked themselves, on an event loop that
    turns until they have answered.
    """

    def __init__(
        self, engine: Engine, store: Store, clock: Clock, keep: Keep = lambda _: None, *, external: bool = False
    ) -> None:
        self.engine = engine
        self.store = store
        self.clock = clock
        self.keep = keep
        self.performed: list[Action] = []
        """Every action so far, for tests to look at."""
        self._watched: dict[tuple[str, str], str] = {}
        self._absent: set[str] = set()
        self._summaries: dict[str, JsonObject] = {}
        """What was told last of each Secret that is followed."""
        self._asks = external
        self._external: dict[str, External] = {}

    @cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        """What hooks of backends wait on; one for all calls, since clients of networks belong to theirs."""
        import asyncio  # which takes long to import, and is for backends that keep objects themselves

        loop = asyncio.new_event_loop()
        weakref.finalize(self, loop.close)
        return loop

    def start(self) -> None:
        """Begin, as a new process does: list every kind."""
        self._watched.clear()
        self._absent.clear()
        self._summaries.clear()
        if self._asks:
            from doorward.runtime.external import External  # which brings an event loop and a log

            resources, backends = self.engine.backends.resources, self.engine.backends.external
            self._external = {kind: External(each, resources[kind], self.clock) for kind, each in backends.items()}
        self.receive(Started(at=self.clock()))
        self.sync()

    def sync(self) -> None:
        """List every kind that isn't watched yet."""
        for kind, scopes in self.engine.scopes.items():
            for scope in scopes:
                if (kind, scope) not in self._watched and kind not in self._external:
                    self._list(self.engine.backends.resources[kind], scope)
        self._observe()

    def receive(self, event: AnyEvent) -> None:
        """Hand the engine an event, and keep the records that it returns."""
        self.keep(self.engine.receive(event))

    def deliver(self) -> bool:
        """Hand the engine what its watches have to tell; False where there is nothing."""
        told = self._observe()
        told = self._look_at_secrets() or told
        for (kind, scope), since in list(self._watched.items()):
            resource = self.engine.backends.resources[kind]
            try:
                changes = self.store.events_since(resource, scope, since)
            except ApiError:
                del self._watched[kind, scope]
                self._list(resource, scope)
                told = True
                continue
            self._watched[kind, scope] = changes.resource_version
            for event in changes.events:
                if kind == CONFIG_MAP and event.object["metadata"]["name"] != "inferenceservice-config":
                    continue
                told = True
                if event.type == "DELETED":
                    self.receive(Deleted.of(kind, event.object, self.clock()))
                else:
                    self.receive(Observed(at=self.clock(), kind=kind, object=event.object))
        for kind in list(self._absent):
            if self.store.serves(kind):
                self._absent.discard(kind)
                self.sync()
                told = True
        return told

    def perform(self, action: Action) -> Outcome:
        """Carry one action out on the store; the engine isn't told yet."""
        method, arguments = request(action, self.engine.backends.resources[action.ref.kind])
        self.performed.append(action)
        external = self._external.get(action.ref.kind)
        try:
            answer: JsonObject | None = (
                self._loop.run_until_complete(external.apply(action))
                if external
                else getattr(self.store, method)(**arguments)
            )
        except ApiError as error:
            return failed(action, error, self.clock())
        return succeeded(action, answer, self.clock())

    def act(self) -> bool:
        """Perform everything that the engine asks for now; False where that is nothing."""
        actions = self.engine.actions()
        self.keep([issued(action) for action in actions])
        for action in actions:
            self.receive(self.perform(action))
        return bool(actions)

    def settle(self, limit: int = 10_000) -> None:
        """Turn until nothing happens any more without time going by.  Raises RuntimeError after ``limit`` turns."""
        for _ in range(limit):
            busy = self.act()
            busy = self.deliver() or busy
            if not busy and self.engine.wait() == 0.0:
                self.receive(Elapsed(at=self.clock()))
                busy = True
            if not busy:
                return
        raise RuntimeError("the engine doesn't come to rest")

    def advance(self, seconds: float) -> None:
        """Let time go by, waking the engine each time that it asked for it."""
        end = self.clock.now + seconds
        self.settle()
        while (wait := self.engine.wait()) is not None and self.clock.now + wait <= end:
            self.clock.now += wait
            self.receive(Elapsed(at=self.clock()))
            self.settle()
        self.clock.now = end
        self.receive(Elapsed(at=self.clock()))
        self.settle()

    def rest(self, within: float = 3600.0) -> None:
        """Let time go by until nothing is timed any more, at most so many seconds."""
        end = self.clock.now + within
        self.settle()
        while (wait := self.engine.wait()) is not None and self.clock.now + wait <= end:
            self.advance(wait)

    def _observe(self) -> bool:
        """Hand the engine what backends keep themselves, where it differs; what they fail to tell is asked again."""
        told = False
        for kind, external in self._external.items():
            try:
                events = self._loop.run_until_complete(external.observed())
            except ApiError as error:
                if self.engine.missing.get(kind) == "forbidden" or kind not in self.engine.unsynced:
                    continue
                events = [Synced(at=self.clock(), kind=kind, state="forbidden", message=str(error))]
            for event in events:
                told = True
                self.receive(event)
        return told

    def _look_at_secrets(self) -> bool:
        """Tell what is new of the Secrets that guards go by."""
        told = False
        for ref in sorted(self.engine.secrets):
            page = self.store.list(SECRETS, ref.namespace, field_selector=f"metadata.name={ref.name}")
            now = summary(page.items[0]) if page.items else unusable(ref, page.resource_version, ABSENT)
            known = self._summaries.get(str(ref))
            if known is None or {**known, "metadata": None} != {**now, "metadata": None}:
                self._summaries[str(ref)] = now
                self.receive(Observed(at=self.clock(), kind=SECRET, object=now))
                told = True
        return told

    def _list(self, resource: Resource, scope: str) -> None:
        kind, at = resource.kind, self.clock()
        version = self.store.served(resource)
        if version is None:
            self._absent.add(kind)
            self.receive(Synced(at=at, kind=kind, scope=scope, state="absent"))
            return
        name = "metadata.name=inferenceservice-config" if kind == CONFIG_MAP else ""
        page = self.store.list(resource, scope, field_selector=name)
        keys = set()
        for item in page.items:
            metadata = item["metadata"]
            keys.add((metadata.get("namespace", ""), metadata["name"]))
            self.receive(Observed(at=at, kind=kind, object=item))
        listed = Synced(
            at=at,
            kind=kind,
            scope=scope,
            resource_version=int(page.resource_version),
            keys=frozenset(keys),
            version=version,
        )
        self.receive(listed)
        self._watched[kind, scope] = page.resource_version
