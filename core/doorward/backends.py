"""The backends: found by entry point, held by pluggy; an error in one names it and stays with one door."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.metadata import entry_points
from typing import Any, TypeVar

import pluggy
from msgspec.structs import replace

from doorward import hooks
from doorward.hooks import Read, Watch
from doorward.model import host_fields
from doorward.model.action import Action
from doorward.model.door import Claim, Door, Rendering, Standing, Warning
from doorward.model.hosts import plain_host, plain_prefix
from doorward.model.reference import CONFIG_MAP, CORE_RESOURCES, SERVICE, JsonObject, Ref, Resource
from doorward.model.settings import Settings
from doorward.model.source import Source

ENTRY_POINT_GROUP = "doorward"
OME = "ome"
"""The source that counts where none is named."""

_HOOKS = ("render", "apply", "status", "select", "claims", "narrow", "observe")

T = TypeVar("T")


class BackendError(Exception):
    """A backend raised, or returned something that its hook may not return."""

    def __init__(self, plugin: str, hook: str, message: str, details: str) -> None:
        super().__init__(message)
        self.plugin = plugin
        self.hook = hook
        self.traceback = details


class NoSource(ValueError):
    """There is no source of a name."""


Observer = Callable[[str, str], Callable[[], None]]
"""Told the plugin and the hook before a call; what it returns is called afterwards."""


class Backend:
    """One plugin by name, with its hooks ready to call.

    pluggy finds and checks the hooks; a plain implementation is then called directly, since pluggy's own call costs
    several times what a typical hook does (``python -m benchmarks.hook_calls``).  Wrappers go through pluggy.
    """

    def __init__(self, manager: pluggy.PluginManager, name: str, plugin: object) -> None:
        self.name = name
        self.observer: Observer | None = None
        self._hooks: dict[str, Callable[..., Any] | None] = dict.fromkeys(_HOOKS)
        for caller in manager.get_hookcallers(plugin) or ():
            if caller.name in _HOOKS:
                self._hooks[caller.name] = _direct(manager, caller, plugin)

    def select(self, door: Door, settings: Settings) -> str | None:
        return self._call("select", str, door, settings)

    def render(self, door: Door, read: Read) -> Rendering | None:
        rendering = self._call("render", Rendering, door, read)
        if rendering is not None:
            self._check_items("render", rendering.objects, dict)
            self._check_items("render", rendering.warnings, Warning)
            if not isinstance(rendering.refused, str):
                what = f"render refused with {type(rendering.refused).__name__} where words for users are due"
                raise BackendError(self.name, "render", what, what)
        return rendering

    def status(self, door: Door, observed: Mapping[Ref, JsonObject]) -> Standing:
        return self._call("status", Standing, door, observed) or Standing()

    def has_status(self) -> bool:
        return self._hooks["status"] is not None

    def has_select(self) -> bool:
        return self._hooks["select"] is not None

    def has_claims(self) -> bool:
        return self._hooks["claims"] is not None

    def claims(self, manifest: JsonObject) -> Sequence[Claim]:
        return self._sequence("claims", Claim, manifest)

    def narrow(self, manifest: JsonObject, hosts: Sequence[str]) -> JsonObject | None:
        return self._call("narrow", dict, manifest, hosts)

    def keeps_objects(self) -> bool:
        return self._hooks["apply"] is not None and self._hooks["observe"] is not None

    async def apply(self, action: Action) -> JsonObject | None:
        """Write or look at an object that this backend keeps.  Raises what the plugin raises."""
        assert self._hooks["apply"] is not None
        return await self._hooks["apply"](action)  # type: ignore[no-any-return]

    async def observe(self, kind: str) -> Sequence[JsonObject]:
        """What this backend keeps of a kind.  Raises what the plugin raises."""
        assert self._hooks["observe"] is not None
        return await self._hooks["observe"](kind)  # type: ignore[no-any-return]

    def _sequence(self, hook: str, item: type[T], *arguments: object) -> Sequence[T]:
        answer = self._call(hook, object, *arguments)
        return () if answer is None else self._check_items(hook, answer, item)

    def _check_items(self, hook: str, items: object, item: type[T]) -> Sequence[T]:
        if isinstance(items, list | tuple):
            wrong = [each for each in items if not isinstance(each, item)]
            if not wrong:
                return items
            what = f"{hook} returned {type(wrong[0]).__name__} among what should be {item.__name__}"
        else:
            what = f"{hook} returned {type(items).__name__} where a list or tuple of {item.__name__} is due"
        raise BackendError(self.name, hook, what, what)

    def _call(self, hook: str, expected: type[T], *arguments: object) -> T | None:
        call = self._hooks[hook]
        if call is None:
            return None
        done = self.observer(self.name, hook) if self.observer else None
        try:
            answer = call(*arguments)
        except Exception as error:
            raise BackendError(self.name, hook, f"{type(error).__name__}: {error}", traceback.format_exc()) from error
        finally:
            if done:
                done()
        if answer is not None and not isinstance(answer, expected):
            what = f"{hook} returned {type(answer).__name__} where {expected.__name__} is due"
            raise BackendError(self.name, hook, what, what)
        return answer


def _direct(manager: pluggy.PluginManager, caller: pluggy.HookCaller, plugin: object) -> Callable[..., Any]:
    """The implementation itself where it takes the arguments of its hook and nothing wraps it, else pluggy's caller.

    Either way it takes them by position.
    """
    assert caller.spec is not None
    names = caller.spec.argnames
    mine = [impl for impl in caller.get_hookimpls() if impl.plugin is plugin]
    wrapped = any(impl.hookwrapper or impl.wrapper for impl in caller.get_hookimpls())
    if len(mine) == 1 and tuple(mine[0].argnames) == tuple(names) and not wrapped:
        return mine[0].function
    others = [p for p in manager.get_plugins() if p is not plugin]
    subset = manager.subset_hook_caller(caller.name, others)
    return lambda *arguments: subset(**dict(zip(names, arguments, strict=True)))


@lru_cache
def installed() -> Mapping[str, object]:
    """The plugins that are installed, by name.

    They are looked for once: what every distribution says of itself has to be read for it.
    """
    return {each.name: each.load() for each in entry_points(group=ENTRY_POINT_GROUP)}


def installed_sources() -> tuple[str, ...]:
    """The names of all sources that are installed, the one that counts where none is named first."""
    manager = pluggy.PluginManager("doorward")
    manager.add_hookspecs(hooks)
    for name, plugin in installed().items():
        manager.register(plugin, name)
    names = (impl.plugin_name for impl in manager.hook.source.get_hookimpls())
    return tuple(sorted(names, key=lambda name: (name != OME, name)))


def _default(door: Door, settings: Settings) -> str:
    """The backend that setting ``defaultBackend`` gives a door; empty where it gives none.

    A service that names a class has that one.  Where VirtualServices are disabled, Knative's own URL is the door of a
    Serverless service as ever.
    """
    if not door.ingress or door.annotations.get("ome.io/ingress-class", "").strip():
        return ""
    return "" if door.serverless and not door.virtual_services else settings.default_backend.get(door.mode, "")


def _plain(claim: Claim) -> Claim:
    host, prefix = plain_host(str(claim.host)), plain_prefix(str(claim.prefix))
    return claim if (host, prefix) == (claim.host, claim.prefix) else replace(claim, host=host, prefix=prefix)


class Backends:
    """All backends, and the ``sources`` of doors by their plugins' names: others aren't served.

    A source is looked for among ``plugins``, then among those that are installed.  Raises NoSource where it isn't
    there; ValueError where two plugins describe one kind differently, or where one can't keep what it says it keeps.
    """

    def __init__(self, plugins: Mapping[str, object] | None = None, *, sources: Iterable[str] = (OME,)) -> None:
        self.manager = pluggy.PluginManager("doorward")
        self.manager.add_hookspecs(hooks)
        for name, plugin in (installed() if plugins is None else plugins).items():
            self.manager.register(plugin, name)
        self.manager.check_pending()
        pairs = sorted(self.manager.list_name_plugin())
        self.sources = self._find_sources(tuple(dict.fromkeys(sources)))
        """Whose objects become doors, by their kinds."""
        self.selecting = {source.resource.kind: source for source in self.sources.values() if source.selected}
        """The sources of some objects of a kind alone, by that kind: the others of it are no services."""
        base = (source.resource.kind for source in self.sources.values())
        self.base_kinds = tuple(dict.fromkeys((CONFIG_MAP, *base, SERVICE)))
        """What has to be listed before anything is decided."""
        pairs = [(name, plugin) for name, plugin in pairs if plugin is not None and not self._is_source(plugin)]
        self.by_name = {name: Backend(self.manager, name, plugin) for name, plugin in pairs}
        self._selecting = self._in_hook_order("select")
        self._last = frozenset(i.plugin_name for i in self.manager.hook.select.get_hookimpls() if i.trylast)
        self.watches: dict[str, Watch] = {}
        self._described: dict[str, list[Watch]] = {name: [] for name in self.by_name}
        self.claiming: dict[str, Backend] = {}
        self.external: dict[str, Backend] = {}
        """Who keeps the objects of kinds that don't live in the API server."""
        for name, plugin in pairs:
            self._add_watches(name, plugin)
        told = {impl.plugin_name for impl in self.manager.hook.reads_annotations.get_hookimpls()}
        self.annotations = frozenset(key for name, plugin in pairs for key in self._annotations(name, plugin))
        """The annotations of services that backends say they read."""
        self.silent = frozenset(self.by_name) - told
        """The backends that don't say which ones they read."""
        self.hostless = frozenset(filter(self._writes_services_alone, self.by_name))
        """Those that serve no host: a Service is reached by its address, whatever its name."""
        self.resources: dict[str, Resource] = {kind: source.resource for kind, source in self.sources.items()}
        self.resources.update((r.kind, r) for r in CORE_RESOURCES)
        self.resources.update((kind, watch.resource) for kind, watch in self.watches.items())
        for kind, source in self.selecting.items():
            self.resources.setdefault(kind, source.resource)

    def _is_source(self, plugin: object) -> bool:
        """Whether a plugin has a source, and is no backend."""
        hooks = {caller.name for caller in self.manager.get_hookcallers(plugin) or ()}
        return "source" in hooks and "render" not in hooks

    def _find_sources(self, names: Sequence[str]) -> dict[str, Source]:
        found: dict[str, Source] = {}
        for name in names:
            if not self.manager.has_plugin(name) and (plugin := installed().get(name)) is not None:
                self.manager.register(plugin, name)
            plugin = self.manager.get_plugin(name)
            others = [p for p in self.manager.get_plugins() if p is not plugin]
            told = self.manager.subset_hook_caller("source", others)() if plugin else []
            if not told:
                raise NoSource(f"no source {name} is installed; there are: {', '.join(installed_sources()) or 'none'}")
            for source in told:
                kind = source.resource.kind
                if any(kind == other.resource.kind for other in found.values()):
                    raise ValueError(f"source {name} is of {kind}, as another one is")
                found[source.kind] = source
        return found

    def watched_as(self, kind: str) -> str:
        """The kind that is watched for services of a kind: itself, unless they are the selected ones of another."""
        source = self.sources.get(kind)
        return source.resource.kind if source else kind

    def _in_hook_order(self, hook: str) -> list[Backend]:
        """Those that implement a hook: pluggy's tryfirst, the others, its trylast; each of these by name."""
        options = {
            impl.plugin_name: (not impl.tryfirst, impl.trylast, impl.plugin_name)
            for impl in getattr(self.manager.hook, hook).get_hookimpls()
        }
        return [self.by_name[name] for name in sorted(options, key=options.__getitem__)]

    def described(self, name: str) -> Sequence[Watch]:
        """What a backend itself says of the kinds that it needs; KeyError for one that isn't there."""
        return tuple(self._described[name])

    def _writes_services_alone(self, name: str) -> bool:
        return {watch.resource.kind for watch in self._described[name] if watch.owned != "nothing"} == {SERVICE}

    def _add_watches(self, name: str, plugin: object) -> None:
        others = [p for p in self.manager.get_plugins() if p is not plugin]
        for watches in self.manager.subset_hook_caller("watches", others)():
            for watch in watches:
                self._described[name].append(watch)
                kind = watch.resource.kind
                known = self.watches.get(kind)
                if known and watch.owned != "nothing" and known.owned != "nothing" and known != watch:
                    raise ValueError(f"backend {name} describes {kind} otherwise than another backend that writes it")
                if watch.external or kind in self.external:
                    self._add_external(name, watch, known)
                if known is None or watch.owned != "nothing":
                    self.watches[kind] = watch
                backend = self.by_name[name]
                if (watch.hosts or backend.has_claims()) and kind != SERVICE and watch.owned != "nothing":
                    self.claiming[kind] = backend

    def _annotations(self, name: str, plugin: object) -> Iterator[str]:
        others = [p for p in self.manager.get_plugins() if p is not plugin]
        for keys in self.manager.subset_hook_caller("reads_annotations", others)():
            if not isinstance(keys, list | tuple) or not all(isinstance(key, str) for key in keys):
                raise ValueError(f"backend {name}: hook reads_annotations returns {keys!r} where a list of keys is due")
            yield from keys

    def _add_external(self, name: str, watch: Watch, known: Watch | None) -> None:
        kind = watch.resource.kind
        if known or kind in (*(resource.kind for resource in CORE_RESOURCES), *self.sources):
            raise ValueError(f"backend {name} describes {kind}; what a backend keeps itself is no other backend's kind")
        if not self.by_name[name].keeps_objects():
            raise ValueError(f"backend {name} says that it keeps {kind}, and lacks the hooks apply and observe")
        if len(kind) > 63:
            raise ValueError(f"backend {name}: {kind} has more than the 63 characters that its finalizer may have")
        self.external[kind] = self.by_name[name]

    def select(self, door: Door, settings: Settings) -> str | None:
        """What a plugin says opens this door; None where none has an opinion.

        Setting ``defaultBackend`` comes after those that decide, and before those that are asked last.
        """
        return self.selection(door, settings)[0]

    def selection(self, door: Door, settings: Settings) -> tuple[str | None, str]:
        """The same, and who says so: ``plugin NAME`` or ``setting defaultBackend``."""
        if not door.ingress:
            return self._select_hostless(door, settings)
        default = _default(door, settings)
        for backend in self._selecting:
            if default and backend.name in self._last:
                break
            if answer := backend.select(door, settings):
                return answer, f"plugin {backend.name}"
        return default or None, "setting defaultBackend"

    def _select_hostless(self, door: Door, settings: Settings) -> tuple[str | None, str]:
        """Where no ingress may be made, only backends of Services are asked: nothing opens what is switched off."""
        for backend in self._selecting:
            if backend.name in self.hostless and (answer := backend.select(door, settings)):
                return answer, f"plugin {backend.name}"
        return None, ""

    def renderers(self, selected: str) -> list[Backend]:
        """All of them; the one that opens the door last, since the door leads through what the others put beside it."""
        return sorted(self.by_name.values(), key=lambda backend: backend.name == selected)

    def observe_calls(self, observer: Observer | None) -> None:
        """Have every call of every hook observed, as the daemon does to name those that take long."""
        for backend in self.by_name.values():
            backend.observer = observer

    def claims(self, kind: str, manifest: JsonObject) -> Sequence[Claim]:
        """The hosts that an object of this kind serves, from some path downwards; none for kinds that serve no host.

        Facts are kept without their kind; backends are shown whole manifests.  Hosts and paths come as proxies compare
        them, however the object spells them: an API server may let capital letters and a final dot through, and a
        proxy that normalises paths reads ``//`` and ``%61`` as ``/`` and ``a``.
        """
        return [claim for claim in self.named(kind, manifest) if not claim.exact]

    def named(self, kind: str, manifest: JsonObject) -> Sequence[Claim]:
        """What :meth:`claims` gives, and the exact paths that the object serves beside."""
        backend = self.claiming.get(kind)
        if backend is None:
            return ()
        if paths := self.watches[kind].hosts:
            return [_plain(Claim(host, via=(kind,))) for host in host_fields.named(manifest.get("spec"), paths)]
        return [_plain(claim) for claim in backend.claims(self._whole(kind, manifest))]

    def narrow(self, kind: str, manifest: JsonObject, hosts: Sequence[str]) -> JsonObject | None:
        """A merge patch of ``spec`` that leaves these hosts, and what serves inside; None where nothing is left."""
        backend = self.claiming.get(kind)
        if backend is None:
            return None
        if paths := self.watches[kind].hosts:
            return host_fields.narrowed(manifest.get("spec"), paths, hosts)
        return backend.narrow(self._whole(kind, manifest), hosts)

    def _whole(self, kind: str, manifest: JsonObject) -> JsonObject:
        if "kind" in manifest:
            return manifest
        resource = self.resources[kind]
        return {"apiVersion": resource.api_version(), "kind": resource.name, **manifest}
