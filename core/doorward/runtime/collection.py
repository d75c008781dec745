"""What an engine wants to be told of, and how a cache tells it: for programs that watch the cluster themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from doorward.engine import SETTINGS_NAME, Engine
from doorward.model.credentials import ABSENT, summary, unusable
from doorward.model.event import AnyEvent, Deleted, Observed, Synced
from doorward.model.reference import CONFIG_MAP, SECRETS, JsonObject, Ref, Resource

__all__ = ["Collection"]


class Collection(msgspec.Struct, frozen=True):
    """The objects of one ``resource``: of one ``namespace``, or of all (empty); all, or the one of this ``name``.

    Its methods give the events that an engine is to receive: of every object and then that these are all
    (:meth:`listed`), and from then on of every change.  ``at`` is the time in seconds since the epoch.  A cache that
    holds more than the collection does as well, in its changes too: what isn't of it gives no event.
    """

    resource: Resource
    namespace: str = ""
    name: str = ""

    @classmethod
    def wanted_by(cls, engine: Engine) -> Iterator[Collection]:
        """All that an engine wants to be told of.  The Secrets of guards come and go: ask again after each event.

        Raises ValueError for a backend that keeps its objects itself, which only a :class:`.Shell` can run.
        """
        for kind, scopes in engine.scopes.items():
            if backend := engine.backends.external.get(kind):
                raise ValueError(
                    f"backend {backend.name} keeps {kind} itself: run the engine by a Shell, or give it Backends "
                    "without it"
                )
            for scope in scopes:
                yield cls(engine.backends.resources[kind], scope, SETTINGS_NAME if kind == CONFIG_MAP else "")
        for ref in sorted(engine.secrets):
            yield cls(SECRETS, ref.namespace, ref.name)

    def observed(self, object: JsonObject, at: float) -> list[AnyEvent]:
        """An object was added or changed."""
        if not self._has(object):
            return []
        seen = summary(object) if self._secret else object
        return [Observed(at=at, kind=self.resource.kind, object=seen)]

    def deleted(self, object: JsonObject, at: float) -> list[AnyEvent]:
        """An object is gone; it is given as it was last."""
        if not self._has(object):
            return []
        if self._secret:
            return [self._unusable(str(object["metadata"].get("resourceVersion") or "0"), ABSENT, at)]
        return [Deleted.of(self.resource.kind, object, at)]

    def listed(
        self, objects: Iterable[JsonObject], resource_version: str, at: float, *, version: str = ""
    ) -> list[AnyEvent]:
        """These are all objects, as of the list's ``resource_version``, in this API version of the kind."""
        head = {"apiVersion": self.resource.api_version(version or None), "kind": self.resource.name}
        mine = [{**head, **object} for object in objects if self._has(object)]
        told = [event for object in mine for event in self.observed(object, at)]
        if self._secret:
            return told or [self._unusable(resource_version, ABSENT, at)]
        synced = Synced(
            at=at,
            kind=self.resource.kind,
            scope=self.namespace,
            resource_version=int(resource_version or 0),
            keys=frozenset(_key(object) for object in mine),
            version=version,
        )
        return [*told, synced]

    def unlisted(self, state: Literal["absent", "forbidden"], at: float, message: str = "") -> list[AnyEvent]:
        """There is no list: the API server doesn't serve the kind, or doesn't allow this program to read it."""
        if self._secret:
            return [self._unusable("0", f"it may not be read: {message}; allow list and watch of it", at)]
        return [Synced(at=at, kind=self.resource.kind, scope=self.namespace, state=state, message=message)]

    @property
    def _secret(self) -> bool:
        """Of a Secret the engine is told whether somebody could come in by it, and no more."""
        return self.resource == SECRETS

    def _has(self, object: JsonObject) -> bool:
        namespace, name = _key(object)
        return self.namespace in ("", namespace) and self.name in ("", name)

    def _unusable(self, version: str, why: str, at: float) -> Observed:
        """Nobody comes in by a Secret."""
        ref = Ref(self.resource.kind, self.namespace, self.name)
        return Observed(at=at, kind=ref.kind, object=unusable(ref, version, why))


def _key(object: JsonObject) -> tuple[str, str]:
    return object["metadata"].get("namespace") or "", object["metadata"]["name"]
