"""Who looks on: every revision of etcd, in order, whether or not an API server runs.

Watches of an API server tell each kind apart, and forget what came before a restart.  etcd has one order for all, and
tells all of it to whoever says where it was.  So "never" means at no revision.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

import aiohttp
import msgspec
import orjson

from tests.killing.client import REST, Json

SEEN = ("InferenceService", "Service", "Ingress", "HTTPRoute", "VirtualService", "ConfigMap", "Lease")
OWNER = "doorward.io/owner"
PREFIX = "/registry/"


class Doubling(msgspec.Struct):
    """One host in objects of two services."""

    host: str
    objects: tuple[str, ...]
    since: int
    """The revision from which on it was so."""
    at: float
    until: int = 0
    """0: it is so still."""
    lasted: float = 0.0

    def __str__(self) -> str:
        return f"{self.host} in {' and '.join(self.objects)} from revision {self.since}, {self.lasted:.2f} s"


class Onlooker:
    """What stands, as etcd has it, and what was wrong on the way.

    ``socket`` is etcd's, for clients.  The API server must store JSON (``--storage-media-type``).
    """

    def __init__(self, socket: Path) -> None:
        self.standing: dict[str, Json] = {}
        """By kind, namespace and name."""
        self.doublings: list[Doubling] = []
        self.revision = 0
        self.changed_at = time.monotonic()
        """When something last changed that isn't a Lease."""
        self.on_change: list[Callable[[Json], None]] = []
        self._socket = socket
        self._keys: dict[str, str] = {}
        self._holders: dict[str, dict[str, str]] = {}
        """For each host, the objects that have it, and their owners."""
        self._hosts: dict[str, frozenset[str]] = {}
        self._open: dict[str, Doubling] = {}
        self._news = asyncio.Event()

    async def __aenter__(self) -> Onlooker:
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def of(self, *kinds: str) -> list[Json]:
        return [obj for obj in self.standing.values() if obj["kind"] in kinds]

    @property
    def leader(self) -> str:
        """Who holds the Lease: the name of its pod; empty where nobody does."""
        lease: Json = next((each for each in self.of("Lease") if each["metadata"]["name"] == "doorward"), {})
        return str((lease.get("spec") or {}).get("holderIdentity") or "").rpartition("_")[0]

    @property
    def quiet(self) -> float:
        """For how many seconds nothing has changed but Leases."""
        return time.monotonic() - self.changed_at

    async def until(self, condition: Callable[[], object], within: float, what: str) -> None:
        """Looked at after each change, and now and then.  Raises AssertionError, and what ended the watch."""
        deadline = time.monotonic() + within
        while not condition():
            if self._task.done():
                self._task.result()
            assert time.monotonic() < deadline, f"after {within:g} s: {what}"
            self._news.clear()
            try:
                async with asyncio.timeout(0.5):
                    await self._news.wait()
            except TimeoutError:
                pass

    async def _watch(self) -> None:
        connector = aiohttp.UnixConnector(str(self._socket))
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            while True:
                asked = {
                    "create_request": {
                        "key": _encoded(PREFIX),
                        "range_end": _encoded(PREFIX[:-1] + chr(ord(PREFIX[-1]) + 1)),
                        "start_revision": str(self.revision + 1),
                    }
                }
                try:
                    async with session.post("http://etcd/v3/watch", json=asked) as answer:
                        async for line in _lines(answer.content.iter_any()):
                            self._take(orjson.loads(line)["result"])
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(REST)

    def _take(self, told: Json) -> None:
        assert not told.get("canceled"), f"etcd has forgotten revision {self.revision}: {told}"
        for event in told.get("events") or ():
            pair = event["kv"]
            revision = int(pair["mod_revision"])
            key = base64.b64decode(pair["key"]).decode()
            if event.get("type") == "DELETE":
                if seen := self._keys.pop(key, ""):
                    self._note(seen, None, revision)
            else:
                value = base64.b64decode(pair["value"])
                obj = orjson.loads(value) if value.startswith(b"{") else {}
                if obj.get("kind") in SEEN:
                    self._keys[key] = seen = key_of(obj)
                    self._note(seen, obj, revision)
            self.revision = max(self.revision, revision)
        self._news.set()

    def _note(self, key: str, obj: Json | None, revision: int) -> None:
        before = self.standing.pop(key, {})
        if obj is not None:
            obj["metadata"]["resourceVersion"] = str(revision)  # stored without
            self.standing[key] = obj
        if (obj or before).get("kind") != "Lease":
            self.changed_at = time.monotonic()
        self._claim(key, obj, revision)
        if obj is not None:
            for tell in self.on_change:
                tell(obj)

    def _claim(self, key: str, obj: Json | None, revision: int) -> None:
        owner = ((obj or {}).get("metadata", {}).get("annotations") or {}).get(OWNER, "")
        hosts = frozenset(hosts_of(obj)) if obj and owner else frozenset[str]()
        for host in self._hosts.pop(key, frozenset()) | hosts:
            holders = self._holders.setdefault(host, {})
            holders.pop(key, None)
            if host in hosts:
                holders[key] = owner
            self._judge(host, holders, revision)
        if hosts:
            self._hosts[key] = hosts

    def _judge(self, host: str, holders: dict[str, str], revision: int) -> None:
        double = len(set(holders.values())) > 1
        if double and host not in self._open:
            told = tuple(f"{key} (of {owner[:8]})" for key, owner in sorted(holders.items()))
            self._open[host] = Doubling(host, told, revision, time.monotonic())
            self.doublings.append(self._open[host])
        elif not double and (ended := self._open.pop(host, None)):
            ended.until, ended.lasted = revision, time.monotonic() - ended.at


def hosts_of(obj: Json) -> Iterable[str]:
    """The hosts by which requests get to an object from outside or inside."""
    spec = obj.get("spec") or {}
    match obj["kind"]:
        case "Ingress":
            return (rule.get("host", "*") for rule in spec.get("rules") or ())
        case "HTTPRoute":
            return spec.get("hostnames") or ("*",)
        case "VirtualService":
            return spec["hosts"]
    return ()


def key_of(obj: Json) -> str:
    metadata = obj["metadata"]
    return f"{obj['kind']}/{metadata.get('namespace', '')}/{metadata['name']}"


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    parts: list[bytes] = []
    async for chunk in chunks:
        head, *rest = chunk.split(b"\n")
        parts.append(head)
        for tail in rest:
            if line := b"".join(parts):
                yield line
            parts = [tail]


def described(obj: Any) -> str:
    return orjson.dumps(obj, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode()
