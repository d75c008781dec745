"""The doors as the cluster tells them, for an authorization service that lives without an engine.

What it watches are InferenceServices and the settings: which guard a service asks for stands in its annotations, and
which hosts were written for it in its status, which its tenants can't write.  By which names it is reached inside the
cluster follows from its own.  An edit that can't be read changes nothing: the last good settings stay in force.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from doorward.backends import Backends
from doorward.door.guarding import guard_of, secret_of
from doorward.door.inside import services_inside
from doorward.engine import SETTINGS_NAME
from doorward.model.event import AnyEvent, Deleted, Observed, Synced
from doorward.model.hosts import service_of
from doorward.model.reference import CONFIG_MAP, JsonObject, Ref
from doorward.model.refusal import Refusal
from doorward.model.settings import Settings
from doorward.model.source import Source
from doorward.settings.configuration import parse
from doorward.state.inference_service import InferenceService, legible
from doorward.state.transform import COMPONENTS, of_many, selected, transform

from doorward_daemon.authz.decision import Passage

__all__ = ["WatchedDoors"]


class WatchedDoors:
    """A fold of what watches tell; see :class:`doorward_daemon.authz.decision.Doors`."""

    def __init__(self, scopes: Collection[str], sources: Mapping[str, Source] | None = None) -> None:
        self._sources = Backends().sources if sources is None else sources
        self.secrets: frozenset[Ref] = frozenset()
        """The Secrets that guards go by; another set only where it has changed."""
        self.problems: tuple[str, ...] = ()
        """What is wrong with the newest settings."""
        self._kinds = {source.resource.kind: kind for kind, source in self._sources.items()}
        """What services are called whose kind is watched under another name: they are some of its objects."""
        self._unlisted = {(kind, scope) for kind in self._kinds for scope in scopes}
        self._settings: Settings | None = None
        self._services: dict[Ref, InferenceService] = {}
        self._passages: dict[Ref, Passage | None] = {}
        self._named: dict[Ref, Ref] = {}
        """Services -> the Secrets that their guards go by."""
        self._uses: Counter[Ref] = Counter()
        self._hosts: dict[str, dict[Ref, None]] = {}
        """Claims (``host/prefix``) -> those who have them."""
        self._below: dict[str, int] = {}
        """Hosts -> how many claims on them are for some path alone."""
        self._inside: dict[tuple[str, str], dict[Ref, None]] = {}
        """Namespace and name of Services -> those who are reached by their names inside the cluster."""
        self._reached: dict[Ref, tuple[str, ...]] = {}
        self._components: dict[Ref, tuple[str, ...]] = {}

    # -- what watches tell ---------------------------------------------------------------------------------------

    def take(self, event: AnyEvent) -> None:
        """Take in what a watch of services or of the settings tells."""
        if isinstance(event, Observed) and event.kind == CONFIG_MAP:
            self._configure(event.object.get("data") or {})
        elif isinstance(event, Observed):
            self._observe(self._kinds[event.kind], event.object)
        elif isinstance(event, Deleted) and event.ref.kind in self._kinds:
            self._put(event.ref._replace(kind=self._kinds[event.ref.kind]), None)
        elif isinstance(event, Synced) and event.kind in self._kinds:
            self._sweep(event)
        elif isinstance(event, Synced) and event.state == "forbidden":
            self.problems = (f"they may not be read: {event.message}; allow list and watch",)
        elif isinstance(event, Synced) and not event.keys and self._settings is None:
            self._configure({})

    def _observe(self, kind: str, obj: JsonObject) -> None:
        source = self._sources[kind]
        watched = source.resource.kind
        trimmed = (
            selected(of_many(watched, obj), source, remains=False) if source.selected else transform(kind, obj, source)
        )
        metadata = obj["metadata"]
        ref = Ref(kind, metadata.get("namespace") or "", metadata["name"])
        if trimmed is not None:
            self._put(ref, legible(trimmed, source), _components(trimmed))
        elif ref in self._services:
            self._put(ref, None)

    def _sweep(self, event: Synced) -> None:
        if event.state == "forbidden":
            return
        self._unlisted.discard((event.kind, event.scope))
        for ref in [ref for ref in self._services if (ref.namespace, ref.name) not in event.keys]:
            if ref.kind == self._kinds[event.kind] and event.scope in ("", ref.namespace):
                self._put(ref, None)

    def _configure(self, data: JsonObject) -> None:
        parsed = parse({key: str(value) for key, value in data.items()})
        self.problems = tuple(map(str, parsed.problems))
        if parsed.settings is None or parsed.settings == self._settings:
            return
        self._settings = parsed.settings
        self._passages.clear()
        for ref in self._services:
            self._note_secret(ref)
            self._note_inside(ref)

    def _put(self, ref: Ref, service: InferenceService | None, components: tuple[str, ...] = ()) -> None:
        before = self._services.pop(ref, None)
        self._components[ref] = components
        for key in _claims(before):
            self._hosts[key].pop(ref)
            if not self._hosts[key]:
                del self._hosts[key]
                self._count(key, -1)
        if service is not None:
            self._services[ref] = service
        for key in _claims(service):
            if key not in self._hosts:
                self._count(key, 1)
            self._hosts.setdefault(key, {})[ref] = None
        self._passages.pop(ref, None)
        self._note_secret(ref)
        self._note_inside(ref)
        if service is None:
            del self._components[ref]

    def _count(self, key: str, step: int) -> None:
        host, _, path = key.partition("/")
        if path:
            self._below[host] = self._below.get(host, 0) + step

    def _note_secret(self, ref: Ref) -> None:
        """Follow the Secret that a service's guard goes by, and its former one no more, unless another's does."""
        service, settings = self._services.get(ref), self._settings
        now = secret_of(service, settings) if service and settings else None
        before = self._named.get(ref)
        if now == before:
            return
        self._named.pop(ref, None)
        if now:
            self._named[ref] = now
            self._uses[now] += 1
            self.secrets |= {now}
        if before:
            self._uses[before] -= 1
            if not self._uses[before]:
                del self._uses[before]
                self.secrets -= {before}

    def _note_inside(self, ref: Ref) -> None:
        service, settings = self._services.get(ref), self._settings
        for name in self._reached.pop(ref, ()):
            key = (ref.namespace, name)
            self._inside[key].pop(ref, None)
            if not self._inside[key]:
                del self._inside[key]
        if service and settings:
            self._reached[ref] = services_inside(service, settings, self._components[ref])
            for name in self._reached[ref]:
                self._inside.setdefault((ref.namespace, name), {})[ref] = None

    # -- what checks ask -----------------------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        return not self._unlisted and self._settings is not None

    @property
    def exempt(self) -> Collection[str]:
        return self._settings.auth_exempt if self._settings else ()

    @property
    def header(self) -> str:
        """The name of the header that bears the client."""
        return self._settings.client_header if self._settings else "doorward-client"

    def named(self, namespace: str, name: str) -> Passage | None:
        refs = (Ref(kind, namespace, name) for kind in self._sources)
        known = [ref for ref in refs if ref in self._services]
        opened = [ref for ref in known if len(known) == 1 or _claims(self._services[ref])]
        return self._passage(opened[0]) if opened else None

    def at(self, host: str, path: str) -> Sequence[Passage] | None:
        for prefix in _above(path):
            if holders := self._hosts.get(f"{host}{prefix or '/'}"):
                return self._behind(holders, path.removeprefix(prefix) or "/")
        named = service_of(host, self._settings.cluster_domain) if self._settings else None
        return self._behind(self._inside.get(named, ()), path) if named else ()

    def _behind(self, holders: Collection[Ref], path: str) -> Sequence[Passage] | None:
        found = [self._passage(ref) for ref in holders]
        passages = [Passage(each.door, each.guard, path) for each in found if each]
        return passages if len(passages) == len(found) else None

    def is_shared(self, host: str) -> bool:
        return self._below.get(host, 0) > 0

    def _passage(self, ref: Ref) -> Passage | None:
        if ref not in self._passages:
            self._passages[ref] = self._judged(ref)
        return self._passages[ref]

    def _judged(self, ref: Ref) -> Passage | None:
        service = self._services.get(ref)
        if service is None or self._settings is None:
            return None
        try:
            return Passage((ref.namespace, ref.name), guard_of(service, self._settings))
        except Refusal:
            return None


def settings_selector() -> str:
    return f"metadata.name={SETTINGS_NAME}"


def _claims(service: InferenceService | None) -> list[str]:
    return service.hosts.split() if service else []


def _components(trimmed: JsonObject) -> tuple[str, ...]:
    """The components that exist, or may: those that a runtime brings are told by the status."""
    told = (trimmed.get("spec"), (trimmed.get("status") or {}).get("components"))
    return tuple(
        component
        for component in COMPONENTS
        if any(isinstance(each, dict) and each.get(component) is not None for each in told)
    )


def _above(path: str) -> Iterator[str]:
    """A path and the prefixes above it, the empty one last."""
    path = path.rstrip("/")
    while path:
        yield path
        path = path.rpartition("/")[0]
    yield ""
