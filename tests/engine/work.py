"""How much work the engine does, counted in lines that it runs: the same on every machine, however busy it is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

from doorward.engine import Engine
from doorward.model.action import Action
from doorward.model.event import Applied, Elapsed, Observed, Started, Synced
from doorward.model.reference import JsonObject, kind_of

from tests.engine.stage import backends

Trace = Callable[[FrameType, str, Any], Any]


def lines_run(do: Callable[[], object]) -> int:
    """The lines of doorward's own code that ``do`` runs, each as often as it is run."""
    count = 0

    def line(_: FrameType, event: str, __: object) -> Trace:
        nonlocal count
        count += event == "line"
        return line

    def call(frame: FrameType, _: str, __: object) -> Trace | None:
        return line if "doorward" in frame.f_globals.get("__name__", "") else None

    before = sys.gettrace()
    sys.settrace(call)
    try:
        do()
    finally:
        sys.settrace(before)
    return count


def growth(do: Callable[[int], object], size: int) -> float:
    """How many times as much work is done at twice a size."""
    return lines_run(lambda: do(2 * size)) / lines_run(lambda: do(size))


class Fed:
    """An engine that is fed objects and told that every write of its came back as it went out."""

    def __init__(self, objects: Iterable[JsonObject]) -> None:
        self.engine = Engine(backends(), use_defaults=True)
        self.version = 0
        self.writes = 0
        self.engine.receive(Started(at=0.0))
        keys: dict[str, set[tuple[str, str]]] = {kind: set() for kind in self.engine.scopes}
        for obj in objects:
            self.see(obj)
            keys[kind_of(obj)].add((obj["metadata"]["namespace"], obj["metadata"]["name"]))
        for kind, scopes in self.engine.scopes.items():
            for scope in scopes:
                listed = frozenset(keys[kind])
                self.engine.receive(Synced(at=0.0, kind=kind, scope=scope, resource_version=self.version, keys=listed))
        self.settle()

    def see(self, obj: JsonObject) -> None:
        """Observe an object; what it lacks of a server's metadata is added."""
        self.version += 1
        metadata = {"uid": f"uid-{self.version}", "creationTimestamp": "2026-01-01T00:00:00Z", **obj["metadata"]}
        seen = {**obj, "metadata": {**metadata, "resourceVersion": str(self.version)}}
        self.engine.receive(Observed(at=0.0, kind=kind_of(obj), object=seen))

    def settle(self) -> None:
        while actions := self.engine.actions():
            for action in actions:
                self.writes += 1
                self.engine.receive(Applied(at=0.0, action=action.id, object=self._answer(action)))
        if self.engine.wait() == 0.0:
            self.engine.receive(Elapsed(at=0.0))
            self.settle()

    def _answer(self, action: Action) -> JsonObject | None:
        self.version += 1
        body, version = action.body or {}, {"resourceVersion": str(self.version)}
        if action.verb == "event":
            return None
        if action.verb == "create":
            return {**body, "metadata": {**body["metadata"], **version, "uid": f"uid-{self.version}"}}
        if action.verb == "status":
            known = self.engine.service(action.service) or {}
            status = {**known.get("status", {}), **body["status"]}
            return {**known, "metadata": {**known["metadata"], **version}, "status": status}
        raise AssertionError(f"a server that says yes isn't asked to {action.verb} {action.ref}")
