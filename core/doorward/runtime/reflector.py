"""One collection, listed and watched for ever by a client of somebody else's: requests out, bytes in, events out.

    request() --> your client --> receive(status, data), and b"" at the end --> events for the engine

    discover --served--> list --all that there is--> watch --ended--> watch, from where it was
     |    ^               | forbidden                  | the server has forgotten where that was
     v    +---------------+----------------------------+
    confirm --absent--> discover

It does no I/O and keeps no time: what comes next, and after how long a pause, is all that it decides.
:mod:`doorward.runtime.watcher` does the same with a :class:`~doorward.cluster.protocol.Cluster`.
"""

from __future__ import annotations

from typing import Literal

import orjson

from doorward.cluster import request
from doorward.cluster.request import Request
from doorward.model.event import AnyEvent
from doorward.model.reference import JsonObject
from doorward.runtime.collection import Collection

__all__ = ["Reflector"]

WATCH_TIME = 240.0
"""Seconds after which a server is asked to end a watch: fewer than the five minutes after which many clients do."""
LONGEST_PAUSE = 30.0


class Reflector:
    """Lists and watches a collection, with any client.

    ::

        while True:
            response = send(reflector.request())
            for data in response, then b"":
                for event in reflector.receive(response.status, data, time.time()):
                    engine.receive(event)
            sleep(reflector.pause)

    A request that fails needs no word: go on with the pause.
    """

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self.pause = 0.0
        """Seconds until the next request should be made."""
        self._step: Literal["discover", "confirm", "list", "watch"] = "discover"
        self._version = 0
        """Which of the versions that we know is asked for."""
        self._refuted: set[str] = set()
        """Versions that discovery denied by a 404; anybody between us and the server may have said that."""
        self._since = ""
        self._failures = 0
        self._data = b""

    def request(self) -> Request:
        """What to ask next; the answer to what was asked before, as far as it has come, is forgotten."""
        self._data = b""
        self.pause = min(2.0**self._failures, LONGEST_PAUSE)
        self._failures += 1
        wanted, resource = self.collection, self.collection.resource
        version = resource.versions[self._version]
        selector = f"metadata.name={wanted.name}" if wanted.name else ""
        match self._step:
            case "discover":
                return Request(method="GET", path=resource.root(version))
            case "confirm":
                return Request(method="GET", path="/apis")
            case "list":
                return request.list(resource, wanted.namespace, version=version, field_selector=selector)
            case "watch":
                return request.watch(
                    resource,
                    wanted.namespace,
                    version=version,
                    resource_version=self._since,
                    field_selector=selector,
                    timeout=WATCH_TIME,
                )

    def receive(self, status: int, data: bytes, at: float) -> list[AnyEvent]:
        """What a piece of an answer means, by its HTTP status; pieces may end anywhere, and ``b""`` is the end."""
        self._data += data
        try:
            if self._step == "watch" and 200 <= status < 300:
                *lines, self._data = self._data.split(b"\n")
                return [event for line in lines if line for event in self._watched(orjson.loads(line), at)]
            return [] if data else self._answered(status, self._data, at)
        except (orjson.JSONDecodeError, LookupError, TypeError):  # whoever that was, it was no API server
            self._restart()
            return []

    def _answered(self, status: int, data: bytes, at: float) -> list[AnyEvent]:
        """The whole answer to anything but a watch that goes on."""
        if self._step == "discover" and status == 404:
            self._refuted.add(self._group_version)
            self._try_next_version()
        elif 200 <= status < 300:
            return self._told(orjson.loads(data), at)
        elif self._step == "list" and status == 403:
            self._restart()
            return self.collection.unlisted("forbidden", at, str(orjson.loads(data).get("message") or ""))
        elif status in (403, 404, 410):
            self._restart()
        return []

    def _told(self, answer: JsonObject, at: float) -> list[AnyEvent]:
        wanted = self.collection
        match self._step, answer["kind"]:
            case "discover", "APIResourceList":
                served = {(each["name"], each["kind"]) for each in answer["resources"]}
                if (wanted.resource.plural, wanted.resource.name) not in served:
                    self._try_next_version()
                    return []
                self._go_on("list")
            case "confirm", "APIGroupList":
                listed = {version["groupVersion"] for group in answer["groups"] for version in group["versions"]}
                healthy = not {"v1", *listed} & self._refuted  # every server has the core's
                self._restart()
                return wanted.unlisted("absent", at) if healthy else []
            case "list", _:
                self._since = answer["metadata"]["resourceVersion"]
                self._go_on("watch")
                version = wanted.resource.versions[self._version]
                return wanted.listed(answer.get("items") or (), self._since, at, version=version)
            case _:
                self._restart()
        return []

    def _watched(self, line: JsonObject, at: float) -> list[AnyEvent]:
        """One line of a watch."""
        object = line["object"]
        if line["type"] == "ERROR":  # of which the usual one is 410: the server has forgotten
            self._restart()
            return []
        self._since = object["metadata"]["resourceVersion"]
        self._go_on("watch")
        if line["type"] == "BOOKMARK":
            return []
        return (self.collection.deleted if line["type"] == "DELETED" else self.collection.observed)(object, at)

    @property
    def _group_version(self) -> str:
        resource = self.collection.resource
        return resource.api_version(resource.versions[self._version])

    def _try_next_version(self) -> None:
        """Discovery has no such kind in this version; the pause is for a round that finds none."""
        if self._version + 1 < len(self.collection.resource.versions):
            self._version += 1
            self.pause = 0.0
            return
        self._step = "confirm"
        self.pause = 0.0

    def _restart(self) -> None:
        self._step, self._version = "discover", 0
        self._refuted = set()

    def _go_on(self, step: Literal["list", "watch"]) -> None:
        self._step = step
        self._failures, self.pause = 0, 0.0
