"""One process: an engine, its watches, its journal, and its requests that are on their way.

    store --watch--> pending events --deliver--> engine --act--> requests --perform--> answers --answer--> engine

Each arrow is a step of its own, so that anything may happen in between.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections import deque
from collections.abc import Callable
from functools import cache

import msgspec
import orjson

from doorward.cluster.protocol import ApiError
from doorward.engine import Engine
from doorward.model.action import Action
from doorward.model.event import (
    AnyEvent,
    Applied,
    Deleted,
    Elapsed,
    Leading,
    Observed,
    Record,
    Refused,
    Started,
    Synced,
    Unknown,
    issued,
)
from doorward.model.reference import CONFIG_MAP, JsonObject, Ref, ref_of
from doorward.runtime.performing import failed, request, succeeded
from doorward.state.transform import OWNER
from doorward.testing.simulator.poison import backends
from doorward.testing.simulator.scenario import Fault
from doorward.testing.simulator.world import World

Outcome = Applied | Refused | Unknown
Told = Callable[[float], AnyEvent]
"""An event that awaits its delivery; it is stamped with the time of that."""

_REFUSALS = {"409": "Conflict", "429": "TooManyRequests", "500": "InternalError", "403": "Forbidden"}


class Watch:
    """What one watch has yet to tell, and from where it goes on."""

    __slots__ = ("kind", "pending", "scope", "seen", "since", "state", "stopped")

    def __init__(self, kind: str, scope: str) -> None:
        self.kind, self.scope = kind, scope
        self.pending: deque[Told] = deque()
        self.since = 0
        self.seen = -1
        self.state = "unlisted"
        self.stopped = False


class Replica:
    """A process that leads, or stands by."""

    def __init__(
        self,
        world: World,
        records: list[Record],
        skew: float = 0.0,
        *,
        folded: Engine | None = None,
        stands_by: bool = False,
    ) -> None:
        """``folded``: an engine that has the records folded already."""
        self.world = world
        self.skew = skew
        """Seconds by which this process's clock is off."""
        world.processes += 1
        self.serial = world.processes
        self.records: list[Record] = list(records)
        self.on_disk = len(self.records)
        self.engine = folded or fold(self.records, world)
        self.engine.stands_by = stands_by
        self.since = self.engine.number if self.records and self.records[0].number != 1 else 0
        """Records up to this number are told by a snapshot, and may be gone."""
        self.watches = [Watch(kind, scope) for kind, scopes in self.engine.scopes.items() for scope in scopes]
        self.issued: list[Action] = []
        self.answers: list[tuple[Action, Outcome]] = []
        self.offer: tuple[list[Record], int] | None = None
        """A journal that the one before wrote, and from where on: it is taken over once it can be had."""
        self.troubled: set[Ref] = set()
        """Objects whose last write came to nothing, as far as the engine was told."""
        self.receive(Started(at=self.now))
        for watch in self.watches:
            self.relist(watch)

    @property
    def now(self) -> float:
        return self.world.clock.now + self.skew

    def is_blind_to(self, obj: JsonObject) -> bool:
        """Whether an object is of a kind that may not be listed, and was never told of."""
        ref = ref_of(obj)
        known = {ref for ref, _ in self.engine.objects(obj["metadata"]["annotations"][OWNER])}
        return ref not in known and any(w.kind == ref.kind and w.state == "forbidden" for w in self.watches)

    # -- events

    def receive(self, event: AnyEvent) -> None:
        self.records += self.engine.receive(event)

    def deliver(self, which: int, *, twice: bool = False) -> bool:
        """Hand over the next event of one of the watches that have one."""
        ready = [watch for watch in self.watches if self._has_news(watch)]
        if not ready:
            return False
        told = ready[which % len(ready)].pending.popleft()
        self.receive(told(self.now))
        if twice:
            self.receive(told(self.now))
        return True

    def deliver_all(self) -> bool:
        told = False
        for watch in self.watches:
            while self._has_news(watch):
                told = True
                while watch.pending:
                    self.receive(watch.pending.popleft()(self.now))
        return told

    def _has_news(self, watch: Watch) -> bool:
        if watch.stopped:
            return False
        if not watch.pending:
            self._poll(watch)
        return bool(watch.pending)

    def _poll(self, watch: Watch) -> None:
        world = self.world
        served, allowed = world.store.serves(watch.kind), watch.kind not in world.forbidden
        now = "absent" if not served else "forbidden" if not allowed else "listed"
        if now != watch.state:
            self.relist(watch)
            return
        version = int(world.store.resource_version)
        if now != "listed" or version == watch.seen:
            return
        resource = world.resources[watch.kind]
        try:
            changes = world.store.events_since(resource, watch.scope, str(watch.since))
        except ApiError:
            self.relist(watch)
            return
        watch.seen, watch.since = version, int(changes.resource_version)
        for event in changes.events:
            if watch.kind != CONFIG_MAP or event.object["metadata"]["name"] == "inferenceservice-config":
                watch.pending.append(_told(watch.kind, event.type, event.object))

    def relist(self, watch: Watch, stale: int = 0) -> None:
        """List a kind; ``stale``: as it was so many writes ago, as far as the server remembers."""
        world, kind, scope = self.world, watch.kind, watch.scope
        if not world.store.serves(kind):
            watch.state = "absent"
            watch.pending.append(lambda at: Synced(at=at, kind=kind, scope=scope, state="absent"))
            return
        if kind in world.forbidden:
            watch.state = "forbidden"
            watch.pending.append(lambda at: Synced(at=at, kind=kind, scope=scope, state="forbidden", message="no"))
            return
        resource = world.resources[kind]
        version = world.store.served(resource) or ""
        page = None
        if stale:
            token = {"v": "meta.k8s.io/v1", "rv": max(1, int(world.store.resource_version) - stale), "start": ""}
            try:
                page = world.store.list(resource, scope, continue_token=urlsafe_b64encode(orjson.dumps(token)).decode())
            except ApiError:
                page = None
        page = page or world.store.list(resource, scope)
        at_version = int(page.resource_version)
        items = [i for i in page.items if kind != CONFIG_MAP or i["metadata"]["name"] == "inferenceservice-config"]
        keys = frozenset((item["metadata"].get("namespace", ""), item["metadata"]["name"]) for item in items)
        watch.pending += [_told(kind, "ADDED", item) for item in items]
        watch.pending.append(
            lambda at: Synced(at=at, kind=kind, scope=scope, resource_version=at_version, keys=keys, version=version)
        )
        watch.state, watch.since, watch.seen = "listed", at_version, -1

    # -- actions

    def act(self) -> list[Action]:
        actions = self.engine.actions()
        self.records += [issued(action) for action in actions]
        self.issued = sorted(
            (*self.issued, *actions), key=lambda action: action.place
        )  # as a shell's workers take them
        return actions

    def perform(self, which: int, fault: Fault) -> tuple[Action, Outcome] | None:
        """Let one request reach the server, or not; its answer waits to be told."""
        if not self.issued:
            return None
        action = self.issued.pop(which % len(self.issued))
        if fault in ("lost before", "late"):
            outcome: Outcome = Unknown(at=0.0, action=action.id, message="no answer")
        elif fault in _REFUSALS:
            after = 1.0 if fault == "429" else None
            outcome = Refused(
                at=0.0, action=action.id, status=int(fault), reason=_REFUSALS[fault], message="sim", retry_after=after
            )
        else:
            outcome = self.carry_out(self.world, action)
            if fault == "lost after":
                outcome = Unknown(at=0.0, action=action.id, message="no answer")
        self.answers.append((action, outcome))
        return action, outcome

    @staticmethod
    def carry_out(world: World, action: Action) -> Outcome:
        method, arguments = request(action, world.resources[action.ref.kind])
        try:
            answer: JsonObject | None = getattr(world.store, method)(**arguments)
        except ApiError as error:
            return failed(action, error, 0.0)
        return succeeded(action, answer, 0.0)

    def answer(self, which: int) -> bool:
        if not self.answers:
            return False
        action, outcome = self.answers.pop(which % len(self.answers))
        (self.troubled.discard if isinstance(outcome, Applied) else self.troubled.add)(action.ref)
        self.receive(_stamped(outcome, self.now))
        return True

    def lead(self, term: int) -> None:
        self.receive(Leading(at=self.now, term=term))

    def take_over(self) -> None:
        """Go on from the journal of who led before."""
        assert self.offer
        (records, self.since), self.offer = self.offer, None
        self.world.processes += 1
        self.serial = self.world.processes  # since records have other numbers from here on
        number = max((record.number for record in records), default=0)
        self.records = [*records, *self.engine.take_over(records, number, self.now)]
        self.on_disk = len(records)

    def wake(self) -> None:
        self.receive(Elapsed(at=self.now))


def fold(records: list[Record], world: World) -> Engine:
    """An engine with the state that a journal tells of."""
    engine = Engine(world.backends, budget=world.budget, ahead=world.budget)
    engine.restore(records)
    return engine


@cache
def watched() -> tuple[str, ...]:
    """The kinds that a process watches, in the order in which steps count them."""
    return tuple(kind for kind, scopes in Engine(backends()).scopes.items() for _ in scopes)


def _stamped(outcome: Outcome, at: float) -> Outcome:
    return msgspec.structs.replace(outcome, at=at)


def _told(kind: str, what: str, obj: JsonObject) -> Told:
    if what == "DELETED":
        metadata = obj["metadata"]
        ref, uid, version = ref_of(obj), metadata["uid"], int(metadata["resourceVersion"])
        return lambda at: Deleted(at=at, ref=ref, uid=uid, resource_version=version)
    return lambda at: Observed(at=at, kind=kind, object=obj)
