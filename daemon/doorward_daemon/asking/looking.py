"""A cluster as it stands, told to an engine that then decides and performs nothing.

    cluster --one list of each kind--> events --> engine at rest: what it decided, and would write

What may not be listed counts as such, and what depends on it alone says so.  Secrets are looked at by name, those that
guards go by, as the daemon does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
from doorward.backends import OME, Backends
from doorward.cluster.protocol import ApiError, Cluster
from doorward.engine import SETTINGS_NAME, Engine
from doorward.model.event import AnyEvent, Elapsed, Observed, Started
from doorward.model.reference import CONFIG_MAP, SECRETS, JsonObject, Ref
from doorward.runtime.collection import Collection

from doorward_daemon.manifests import is_service
from doorward_daemon.reaching import reached

__all__ = ["Listed", "Reached", "connect", "look", "look_at", "names_of_services"]

PAGE = 500
"""Objects that one request lists, as kubectl does."""


class Reached(NamedTuple):
    """A cluster, and the namespace that its context names."""

    cluster: Cluster
    namespace: str


def connect(kubeconfig: Path | None, context: str | None) -> Reached:
    """The cluster that kubectl would ask.  Raises AccessError."""
    cluster = reached(kubeconfig, context)
    return Reached(cluster, cluster.namespace or "default")


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """The objects of one collection, whole, as of one moment."""

    collection: Collection
    state: Literal["listed", "absent", "forbidden"] = "listed"
    items: Sequence[JsonObject] = ()
    resource_version: str = "0"
    version: str = ""
    message: str = ""

    def events(self, at: float) -> list[AnyEvent]:
        """What an engine is told of it."""
        if self.state != "listed":
            return self.collection.unlisted(self.state, at, self.message)
        return self.collection.listed(self.items, self.resource_version, at, version=self.version)


async def look(
    cluster: Cluster, engine: Engine, clock: Callable[[], float] = time.time, *, secrets: bool = True
) -> list[Listed]:
    """Tell an engine all that it wants to know, once, and have it decide; what was listed.  Raises ApiError.

    Without ``secrets``, nobody looks at those: doors that stand go on behind their guards.
    """
    engine.receive(Started(at=clock()))
    seen = list(await _all(cluster, _collections(engine)))
    for listed in seen:
        _tell(engine, listed, clock())
    for listed in await _kept_elsewhere(engine, clock):
        seen.append(listed)
        _tell(engine, listed, clock())
    _decide(engine, clock)
    asked = {each.collection for each in seen}
    while secrets and (named := [each for each in _secrets(engine) if each not in asked]):
        asked.update(named)
        for listed in await _all(cluster, named):
            seen.append(listed)
            _tell(engine, listed, clock())
        _decide(engine, clock)
    return seen


async def look_at(cluster: Cluster, secrets: Iterable[Ref]) -> Sequence[Listed]:
    """The same of Secrets, each by its name."""
    return await _all(cluster, [Collection(SECRETS, ref.namespace, ref.name) for ref in secrets])


async def names_of_services(
    *,
    kubeconfig: Path | None,
    context: str | None,
    namespace: str | None,
    source: Iterable[str] | None,
    everywhere: bool,
    most: int,
) -> list[str]:
    """Their names in one namespace, or NAMESPACE/NAME of ``most`` in all.  Raises whatever there is to raise."""
    reached = connect(kubeconfig, context)
    try:
        found = []
        for each in Backends(sources=tuple(source or (OME,))).sources.values():
            version = await reached.cluster.served(each.resource)
            where = "" if everywhere else namespace or reached.namespace
            page = await reached.cluster.list(each.resource, where, version=version, limit=most)
            found += [item["metadata"] for item in page.items if is_service(item, each)]
        return sorted({f"{m['namespace']}/{m['name']}" if everywhere else m["name"] for m in found})
    finally:
        await reached.cluster.close()


def _tell(engine: Engine, listed: Listed, at: float) -> None:
    for event in listed.events(at):
        engine.receive(event)


def _decide(engine: Engine, clock: Callable[[], float]) -> None:
    while engine.wait() == 0.0:
        engine.receive(Elapsed(at=clock()))


def _collections(engine: Engine) -> list[Collection]:
    resources, external = engine.backends.resources, engine.backends.external
    return [
        Collection(resources[kind], scope, SETTINGS_NAME if kind == CONFIG_MAP else "")
        for kind, scopes in engine.scopes.items()
        for scope in scopes
        if kind not in external
    ]


def _secrets(engine: Engine) -> list[Collection]:
    return [Collection(SECRETS, ref.namespace, ref.name) for ref in sorted(engine.secrets)]


async def _kept_elsewhere(engine: Engine, clock: Callable[[], float]) -> list[Listed]:
    """What backends keep outside of the API server; a kind whose backend can't tell may not be listed."""
    if not engine.backends.external:
        return []
    from doorward.runtime.external import External

    told = []
    for kind, backend in engine.backends.external.items():
        collection = Collection(engine.backends.resources[kind])
        try:
            events = await External(backend, collection.resource, clock).observed()
        except ApiError as error:
            told.append(Listed(collection=collection, state="forbidden", message=str(error)))
            continue
        told.append(Listed(collection=collection, items=[e.object for e in events if isinstance(e, Observed)]))
    return told


async def _all(cluster: Cluster, collections: Iterable[Collection]) -> Sequence[Listed]:
    return await asyncio.gather(*(_listed(cluster, each) for each in collections))


async def _listed(cluster: Cluster, wanted: Collection) -> Listed:
    resource = wanted.resource
    selector = f"metadata.name={wanted.name}" if wanted.name else ""
    version = await cluster.served(resource)
    if version is None:
        return Listed(collection=wanted, state="absent")
    items: list[JsonObject] = []
    token = ""
    while True:
        try:
            page = await cluster.list(
                resource,
                wanted.namespace,
                version=version,
                field_selector=selector,
                limit=PAGE,
                continue_token=token,
            )
        except ApiError as error:
            if error.status != 403:
                raise
            return Listed(collection=wanted, state="forbidden", message=str(error))
        items += page.items
        token = page.continue_token
        if not token:
            return Listed(collection=wanted, items=items, resource_version=page.resource_version, version=version)
