"""A copy of a cluster in memory, in which the engine does what it decides: nothing reaches the cluster itself.

Time goes by as it likes.  What controllers said of an object they say of the next generation of it, and what nobody has
answered yet is answered as in a healthy cluster, so that a change comes to its end, overlap and all.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from doorward.cluster.embedded import BUILT_IN, Store
from doorward.explaining import ExplainingEngine
from doorward.model.event import Synced
from doorward.model.reference import SECRET, SECRETS, JsonObject, Ref, Resource, kind_of
from doorward.model.source import Source
from doorward.runtime.offline import Clock, Offline

from doorward_daemon.asking.looking import Listed
from doorward_daemon.healthy import Healthy
from doorward_daemon.manifests import is_service
from doorward_daemon.rendering import LONGEST
from doorward_daemon.served import as_served

__all__ = ["Copy"]


class Copy(Offline):
    """What was listed, with an engine before it."""

    engine: ExplainingEngine

    def __init__(self, engine: ExplainingEngine, listed: Sequence[Listed]) -> None:
        clock = Clock(time.time())
        absent = {each.collection.resource.kind for each in listed if each.state == "absent"}
        resources = engine.backends.resources
        served = [as_served(r) for r in resources.values() if r.kind not in BUILT_IN and r.kind not in absent]
        super().__init__(engine, Store(served, clock=clock, collecting=False), clock)
        self._forbidden = {
            (each.collection.resource.kind, each.collection.namespace): each.message
            for each in listed
            if each.state == "forbidden" and each.collection.resource != SECRETS
        }
        self.healthy = Healthy(self.store, resources)
        self.refused: set[Ref] = set()
        """Secrets that may not be read."""
        self.add(listed)

    def add(self, listed: Iterable[Listed]) -> None:
        """Have more of the cluster stand here; a Secret that may not be read counts as one that lets somebody in."""
        for each in listed:
            wanted = each.collection
            if wanted.resource == SECRETS and each.state == "forbidden":
                self.refused.add(Ref(SECRET, wanted.namespace, wanted.name))
            for item in each.items:
                self.store.put(wanted.resource, item)
        self.healthy.fill(self.refused)

    def rest_all(self) -> None:
        """Let time go by until nothing changes any more."""
        self._rest()
        while self._caught_up() or self.healthy.answer(self._written()):
            self._rest()

    def _rest(self) -> None:
        settings = self.engine.settings
        self.rest(LONGEST + (settings.overlap_seconds if settings else 0.0))

    def _written(self) -> list[JsonObject]:
        owned = [kind for kind, watch in self.engine.backends.watches.items() if watch.owned != "nothing"]
        return [obj for kind in owned for obj in self.of_kind(kind) if is_ours(obj)]

    def of_kind(self, kind: str) -> list[JsonObject]:
        """The objects that stand."""
        if not self.store.serves(kind):
            return []
        return self.store.list(self.engine.backends.resources[kind]).items

    def services(self, source: Source) -> list[JsonObject]:
        """What doors are for, of one source."""
        return [obj for obj in self.of_kind(source.resource.kind) if is_service(obj, source)]

    def _caught_up(self) -> bool:
        """Have controllers say of what has changed what they said of it before; False where nothing has."""
        changed = False
        for obj in self._written():
            metadata, status = obj["metadata"], obj.get("status")
            generation = metadata.get("generation")
            if generation and status and (caught := _of_generation(status, generation)) != status:
                resource = self.engine.backends.resources[kind_of(obj)]
                place = metadata.get("namespace", ""), metadata["name"]
                self.store.patch(resource, *place, {"status": caught}, subresource="status")
                changed = True
        return changed

    def _list(self, resource: Resource, scope: str) -> None:
        message = self._forbidden.get((resource.kind, scope))
        if message is None:
            super()._list(resource, scope)
        else:
            at = self.clock()
            self.receive(Synced(at=at, kind=resource.kind, scope=scope, state="forbidden", message=message))


def is_ours(obj: JsonObject) -> bool:
    return "doorward.io/owner" in (obj["metadata"].get("annotations") or {})


def _of_generation(value: Any, generation: int) -> Any:
    """A status that speaks of this generation, where it speaks of an earlier one."""
    if isinstance(value, dict):
        return {
            key: generation if key == "observedGeneration" else _of_generation(each, generation)
            for key, each in value.items()
        }
    return [_of_generation(each, generation) for each in value] if isinstance(value, list) else value
