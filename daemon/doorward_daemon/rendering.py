"""From manifests to the doors that would stand: the real engine before an API server in memory, in virtual time.

Nothing here depends on the machine: what isn't given (UIDs, creation times) is made up from names alone, so that the
same input gives the same output, byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256

import msgspec
from doorward.backends import Backends
from doorward.cluster.embedded import BUILT_IN, Store
from doorward.cluster.protocol import ApiError
from doorward.engine import SETTINGS_NAME, Engine
from doorward.model.reference import CONFIG_MAP, EVENT, SECRET, SECRETS, JsonObject, Ref, kind_of
from doorward.model.source import Source
from doorward.runtime.offline import Clock, Offline
from doorward.settings.configuration import parse as parse_settings

from doorward_daemon import allotted
from doorward_daemon.healthy import Healthy
from doorward_daemon.manifests import Document, is_service
from doorward_daemon.reported import condition_type, reported
from doorward_daemon.served import as_served

__all__ = ["Finding", "Rendered", "World", "play", "render"]

EPOCH = 1_767_225_600.0
"""2026-01-01T00:00:00Z: when what has no creation time was created, unless something given is younger."""
LONGEST = 60.0
"""Seconds of virtual time, beyond an overlap, after which what is still tried again and again is left."""

_WAITING = frozenset(
    {
        "LoadBalancerPending",
        "RouteNotAccepted",
        "WaitingForCollection",
        "Pending",
    }
)
"""Reasons that a cluster resolves by itself, beside those of components; every other one is for people."""


class Finding(msgspec.Struct, frozen=True):
    """Something that users should know of an object."""

    object: str
    reason: str
    message: str

    def __str__(self) -> str:
        return f"{self.object}: {self.reason}: {self.message}"


class Rendered(msgspec.Struct, frozen=True, kw_only=True):
    """What would stand, in the order in which it is to be printed."""

    objects: list[JsonObject]
    services: list[JsonObject]
    refused: list[Finding]
    """InferenceServices that can't have the door that they ask for."""
    warnings: list[Finding]
    given: Mapping[Ref, JsonObject]
    """The manifests that were given."""


class World(Offline):
    """The cluster that the manifests describe."""

    def __init__(self, engine: Engine, now: float) -> None:
        clock = Clock(now)
        served = [as_served(r) for r in engine.backends.resources.values() if r.kind not in BUILT_IN]
        super().__init__(engine, Store(served, clock=clock, collecting=False), clock)

    def add(self, obj: JsonObject) -> Ref:
        """Let an object be there as it was given, its identity and status included.  Raises ApiError."""
        kind = kind_of(obj)
        resource = SECRETS if kind == SECRET else as_served(self.engine.backends.resources[kind])
        version = obj["apiVersion"].rpartition("/")[2]
        if version not in resource.versions:
            served = ", ".join(map(resource.api_version, resource.versions))
            raise ApiError(404, "NotFound", f"no {resource.name} is served as {obj['apiVersion']}; write {served}")
        given = obj["metadata"]
        namespace = (given.get("namespace") or "default") if resource.namespaced else ""
        name = given["name"]
        metadata = {k: v for k, v in given.items() if k not in ("resourceVersion", "managedFields")}
        body = {**allotted.without(obj), "metadata": {**metadata, "namespace": namespace}}
        self.store.create(resource, namespace, body, version=version)

        def complete(stored: JsonObject) -> None:
            kept = ("uid", "creationTimestamp", "deletionTimestamp", "generation")
            stored["metadata"]["uid"] = _uid(kind, namespace, name)
            stored["metadata"].update({key: given[key] for key in kept if given.get(key)})
            allotted.put_back(stored, obj)
            if obj.get("status"):
                stored["status"] = obj["status"]

        self.store.rewrite(kind, (namespace, name), complete)
        return Ref(kind, namespace, name)

    def of_kind(self, kind: str) -> list[JsonObject]:
        return self.store.list(self.engine.backends.resources[kind]).items

    def services(self, source: Source) -> list[JsonObject]:
        """What doors are for, of one source."""
        return [obj for obj in self.of_kind(source.resource.kind) if is_service(obj, source)]

    def written(self) -> list[JsonObject]:
        """Everything of a kind that doorward writes."""
        owned = [kind for kind, watch in self.engine.backends.watches.items() if watch.owned != "nothing"]
        return [obj for kind in owned for obj in self.of_kind(kind)]


def render(
    documents: Sequence[Document], backends: Backends, *, settings_namespace: str = "ome", simulate: bool = False
) -> Rendered:
    """Play the cluster that the documents describe until it is at rest.

    With ``simulate``, what a healthy cluster would do is played too: see :mod:`.healthy`.  Where no settings are given,
    the controllers of other kinds than OME's count as switched off.  Raises InputError where an API server would refuse
    a document, or where the settings are wrong.
    """
    engine = Engine(backends, settings_namespace=settings_namespace, use_defaults=True)
    world, given, warnings = play(documents, engine, settings_namespace, simulate=simulate)
    labels = [source.label for source in backends.sources.values()]
    services = _sorted([each for source in backends.sources.values() for each in world.services(source)], labels)
    types = {s.resource.kind: condition_type(s, engine.settings) for s in backends.sources.values()}
    return Rendered(
        objects=_sorted([obj for obj in world.written() if _is_ours(obj)], labels),
        services=services,
        refused=[finding for service in services if (finding := _refusal(service, types[kind_of(service)]))],
        warnings=warnings + _told(world.of_kind(EVENT)),
        given=given,
    )


def play(
    documents: Sequence[Document], engine: Engine, settings_namespace: str, *, simulate: bool
) -> tuple[World, dict[Ref, JsonObject], list[Finding]]:
    """The same cluster, with this engine before it: at rest, with what was given and what there is to say of it."""
    backends = engine.backends
    world = World(engine, _now(documents))
    healthy = Healthy(world.store, backends.resources)
    given: dict[Ref, JsonObject] = {}
    warnings: list[Finding] = []
    for document in documents:
        if kind_of(document.object) not in (*backends.resources, SECRET):
            continue
        try:
            given[world.add(document.object)] = document.object
        except ApiError as error:
            raise document.error(str(error)) from None
        warnings += _of_settings(document, settings_namespace)
    warnings += _assumed(world, backends, settings_namespace)
    if simulate:
        for source in backends.sources.values():
            healthy.deploy(world.services(source), source)
    world.start()
    _rest(world)
    if simulate and healthy.fill(world.engine.secrets):
        _rest(world)
    while simulate and healthy.answer(world.written()):
        _rest(world)
    return world, given, warnings


def _assumed(world: World, backends: Backends, settings_namespace: str) -> list[Finding]:
    """Settings by which services of other kinds than OME's have doors, where none are given, and a word of that."""
    sources = [source for source in backends.sources.values() if source.controller and world.services(source)]
    if not sources or world.of_kind(CONFIG_MAP):
        return []
    beside = ", ".join(dict.fromkeys(source.controller for source in sources))
    metadata = {"name": SETTINGS_NAME, "namespace": settings_namespace}
    data = {"doorward": f"beside: [{beside}]"}
    world.add({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
    message = f"no settings are given: rendered as with beside: [{beside}] in key doorward, without which nothing opens"
    return [Finding(f"ConfigMap {settings_namespace}/{SETTINGS_NAME}", "AssumedSettings", message)]


def _rest(world: World) -> None:
    settings = world.engine.settings
    world.rest(LONGEST + (settings.overlap_seconds if settings else 0.0))


def _of_settings(document: Document, settings_namespace: str) -> list[Finding]:
    """What is odd about settings, beside what the engine tells of it.  Raises InputError where they are wrong."""
    obj = document.object
    if kind_of(obj) != CONFIG_MAP or obj["metadata"]["name"] != SETTINGS_NAME:
        return []
    namespace = obj["metadata"].get("namespace") or "default"
    what = f"ConfigMap {namespace}/{SETTINGS_NAME}"
    if namespace != settings_namespace:
        message = f"isn't read: the settings are those in namespace {settings_namespace} (environment: POD_NAMESPACE)"
        return [Finding(what, "IgnoredSettings", message)]
    problems = parse_settings(obj.get("data") or {}).problems
    if problems:
        raise document.error(f"{what}: {problems[0]}")
    return []


def _refusal(service: JsonObject, type_: str) -> Finding | None:
    conditions = (service.get("status") or {}).get("conditions") or []
    found = reported(conditions, type_)
    metadata = service["metadata"]
    name = f"{service['kind']} {metadata['namespace']}/{metadata['name']}"
    if not found:
        if metadata.get("deletionTimestamp"):
            return None
        return Finding(name, "Undecided", "no door was decided")
    reason = str(found.get("reason") or "")
    if found["status"] == "True" or reason in _WAITING or reason.endswith("NotReady"):
        return None
    return Finding(name, str(found.get("reason") or found["status"]), str(found.get("message") or ""))


def _told(events: list[JsonObject]) -> list[Finding]:
    found = []
    for event in events:
        about = event["involvedObject"]
        if event["type"] == "Warning":
            name = f"{about['kind']} {about['namespace']}/{about['name']}"
            found.append(Finding(name, event["reason"], event["message"]))
    return sorted(found, key=lambda finding: (finding.object, finding.reason, finding.message))


def _sorted(objects: list[JsonObject], labels: Sequence[str]) -> list[JsonObject]:
    def place(obj: JsonObject) -> tuple[str, ...]:
        metadata = obj["metadata"]
        own = metadata.get("labels") or {}
        label = next((own[key] for key in labels if key in own), "")
        return metadata.get("namespace", ""), label, obj["kind"], metadata["name"]

    return sorted(objects, key=place)


def _is_ours(obj: JsonObject) -> bool:
    return "doorward.io/owner" in (obj["metadata"].get("annotations") or {})


def _uid(kind: str, namespace: str, name: str) -> str:
    """A UID that is the same whenever this object is rendered (the form of RFC 9562, version 8)."""
    digits = sha256(f"{kind}/{namespace}/{name}".encode()).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-8{digits[12:15]}-8{digits[15:18]}-{digits[18:30]}"


def _now(documents: Sequence[Document]) -> float:
    """A time at which everything that was given is already there."""
    times = [EPOCH]
    for document in documents:
        stamp = document.object["metadata"].get("creationTimestamp")
        if isinstance(stamp, str) and stamp:
            try:
                times.append(datetime.fromisoformat(stamp).astimezone(UTC).timestamp())
            except ValueError:
                raise document.error(f"metadata.creationTimestamp {stamp!r} is no time of RFC 3339") from None
    return max(times)
