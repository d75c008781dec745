"""What an API server tells of some namespaces: what stands, what led there, and waiting for it to change."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from doorward.cluster.kube import KubeCluster
from doorward.cluster.protocol import ApiError
from doorward.model.reference import JsonObject, Resource

from tests.patience import PATIENCE

T = TypeVar("T")

Key = tuple[str, str, str]
"""Kind, namespace and name; the kind without its group."""


class Change(NamedTuple):
    """One event of a watch: what stands since then (None: nothing), and when this test heard of it."""

    version: int
    key: Key
    object: JsonObject | None
    at: float


class View:
    """A test's own lists and watches, independent of the daemon's.

    Kinds share one etcd, so that resourceVersions put the changes of all of them in the order in which they happened.
    """

    def __init__(self, cluster: KubeCluster, namespaces: Sequence[str], resources: Iterable[Resource]) -> None:
        self.changes: list[Change] = []
        self.on_change: list[Callable[[JsonObject], None]] = []
        self.explain: Callable[[], str] = lambda: ""
        self._cluster = cluster
        self._scopes = [(resource, namespace) for resource in resources for namespace in namespaces]
        self._standing: dict[Key, JsonObject] = {}
        self._newest: dict[Key, int] = {}
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._failure: BaseException | None = None

    async def __aenter__(self) -> View:
        pages = await asyncio.gather(*(self._cluster.list(resource, namespace) for resource, namespace in self._scopes))
        for (resource, namespace), page in zip(self._scopes, pages, strict=True):
            for item in page.items:
                self._take(item, gone=False)
            self._tasks.append(asyncio.create_task(self._watch(resource, namespace, page.resource_version)))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def get(self, kind: str, name: str, namespace: str | None = None) -> JsonObject | None:
        """The object as it was last told; None where it isn't there."""
        for (its_kind, its_namespace, its_name), obj in self._standing.items():
            if (its_kind, its_name) == (kind, name) and namespace in (None, its_namespace):
                return obj
        return None

    def objects(self, *kinds: str) -> list[JsonObject]:
        """What stands, of these kinds or of all."""
        return [obj for (kind, _, _), obj in self._standing.items() if not kinds or kind in kinds]

    async def until(self, condition: Callable[[], T], within: float = PATIENCE, what: str = "") -> T:
        """What ``condition`` gives once that is true; it may also raise AssertionError for as long as it isn't.

        Looked at after each change.  Raises AssertionError with what stands.
        """
        deadline = time.monotonic() + within
        while True:
            if self._failure:
                raise self._failure
            self._changed.clear()
            failure: AssertionError | None = None
            try:
                if result := condition():
                    return result
            except AssertionError as error:
                failure = error
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    await self._changed.wait()
            except TimeoutError:
                why = failure or what or "it isn't so"
                raise AssertionError(f"after {within:g} s: {why}\n{self.describe()}\n{self.explain()}") from failure

    async def catch_up(self) -> None:
        """Wait until every watch has told what the server has by now.

        Each kind has a watch of its own, so that a status may be seen before the object that it speaks of.
        """
        pages = await asyncio.gather(*(self._cluster.list(*scope) for scope in self._scopes))
        listed = {
            (resource.name, namespace): (int(page.resource_version), {self._key(i): i for i in page.items})
            for (resource, namespace), page in zip(self._scopes, pages, strict=True)
        }

        def caught_up() -> bool:
            told = all(self._newest.get(k, 0) >= _version(i) for _, items in listed.values() for k, i in items.items())
            return told and not any(is_gone(key, obj) for key, obj in self._standing.items())

        def is_gone(key: Key, obj: JsonObject) -> bool:
            version, items = listed[key[:2]]
            return key not in items and _version(obj) <= version

        await self.until(caught_up, what="the watches lag")

    def replay(self, since: int = 0) -> Iterator[tuple[Change | None, list[JsonObject]]]:
        """What stood after each change from that number of :attr:`changes` on, in the order of the server."""
        ordered = sorted(self.changes[since:], key=lambda change: change.version)
        standing: dict[Key, JsonObject] = {}
        for change in self.changes[:since]:
            _put(standing, change)
        yield None, list(standing.values())
        for change in ordered:
            _put(standing, change)
            yield change, list(standing.values())

    async def versions(self) -> dict[str, str]:
        """The resourceVersion of everything but Events, asked anew."""
        pages = await asyncio.gather(*(self._cluster.list(*scope) for scope in self._scopes if scope[0].name != EVENT))
        found = {}
        for page in pages:
            for item in page.items:
                metadata = item["metadata"]
                key = "/".join((item["kind"], metadata.get("namespace", ""), metadata["name"]))
                found[key] = metadata["resourceVersion"]
        return found

    def describe(self) -> str:
        """What stands, in a line each."""
        lines = []
        for key, obj in sorted(self._standing.items()):
            said: Any = (obj.get("status") or {}).get("conditions")
            said = f"{obj.get('reason')}: {obj.get('message')}" if key[0] == EVENT else said
            lines.append(f"  {'/'.join(key)} {said or ''}")
        return "\n".join(lines)

    async def _watch(self, resource: Resource, namespace: str, since: str) -> None:
        while True:
            try:
                async for event in self._cluster.watch(resource, namespace, resource_version=since):
                    since = event.object["metadata"]["resourceVersion"]
                    if event.type != "BOOKMARK":
                        self._take(event.object, gone=event.type == "DELETED")
            except ApiError as error:
                if error.status:
                    self._failure = error
                    self._changed.set()
                    raise

    def _take(self, obj: JsonObject, *, gone: bool) -> None:
        key = self._key(obj)
        change = Change(_version(obj), key, None if gone else obj, time.monotonic())
        self.changes.append(change)
        self._newest[key] = change.version
        _put(self._standing, change)
        if not gone:
            for tell in self.on_change:
                tell(obj)
        self._changed.set()

    @staticmethod
    def _key(obj: JsonObject) -> Key:
        metadata = obj["metadata"]
        return obj["kind"], metadata.get("namespace", ""), metadata["name"]


EVENT = "Event"


def _version(obj: JsonObject) -> int:
    return int(obj["metadata"]["resourceVersion"])


def _put(standing: dict[Key, JsonObject], change: Change) -> None:
    if change.object is None:
        standing.pop(change.key, None)
    else:
        standing[change.key] = change.object
