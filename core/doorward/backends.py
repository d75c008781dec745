"""The backends: found by entry point, held by pluggy; an error in one names it and stays with one door."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import pluggy

from doorward import hooks
from doorward.hooks import Watch
from doorward.model.door import Claim, Door, Rendering, Standing
from doorward.model.reference import CORE_RESOURCES, SERVICE, JsonObject, Ref, Resource
from doorward.model.settings import Settings

ENTRY_POINT_GROUP = "doorward"

T = TypeVar("T")


class BackendError(Exception):
    """A backend raised, or returned something that its hook may not return."""

    def __init__(self, plugin: str, hook: str, message: str, details: str) -> None:
        super().__init__(message)
        self.plugin = plugin
        self.hook = hook
        self.traceback = details


class Backend:
    """One plugin by name, with its hooks ready to call."""

    def __init__(self, manager: pluggy.PluginManager, name: str, plugin: object) -> None:
        self.name = name
        self._hooks: dict[str, Callable[..., Any] | None] = {}
        others = [p for p in manager.get_plugins() if p is not plugin]
        implemented = {caller.name for caller in manager.get_hookcallers(plugin) or ()}
        for hook in ("select", "supports", "accompanies", "needs", "render", "status", "claims"):
            self._hooks[hook] = manager.subset_hook_caller(hook, others) if hook in implemented else None

    def selects(self) -> bool:
        return self._hooks["select"] is not None

    def select(self, door: Door, settings: Settings) -> str | None:
        return self._call("select", str, door=door, settings=settings)

    def supports(self, door: Door) -> str | None:
        return self._call("supports", str, door=door)

    def accompanies(self, door: Door) -> bool:
        return bool(self._call("accompanies", bool, door=door))

    def needs(self, door: Door) -> Sequence[Ref]:
        return self._sequence("needs", door=door)

    def render(self, door: Door, needed: Mapping[Ref, JsonObject]) -> Rendering:
        return self._call("render", Rendering, door=door, needed=needed) or Rendering()

    def status(self, door: Door, observed: Mapping[Ref, JsonObject]) -> Standing:
        return self._call("status", Standing, door=door, observed=observed) or Standing()

    def has_status(self) -> bool:
        return self._hooks["status"] is not None

    def has_claims(self) -> bool:
        return self._hooks["claims"] is not None

    def claims(self, manifest: JsonObject) -> Sequence[Claim]:
        return self._sequence("claims", manifest=manifest)

    def _sequence(self, hook: str, **arguments: object) -> Sequence[Any]:
        answer = self._call(hook, object, **arguments)
        if answer is None:
            return ()
        if not isinstance(answer, list | tuple):
            what = f"{hook} returned {type(answer).__name__} where a list or tuple is due"
            raise BackendError(self.name, hook, what, what)
        return answer

    def _call(self, hook: str, expected: type[T], **arguments: object) -> T | None:
        call = self._hooks[hook]
        if call is None:
            return None
        try:
            answer = call(**arguments)
        except Exception as error:
            raise BackendError(self.name, hook, f"{type(error).__name__}: {error}", traceback.format_exc()) from error
        if answer is not None and not isinstance(answer, expected):
            what = f"{hook} returned {type(answer).__name__} where {expected.__name__} is due"
            raise BackendError(self.name, hook, what, what)
        return answer


class Backends:
    """All backends, in the order in which they are asked: third parties before built-ins.

    Raises ValueError where two of them describe one kind differently.
    """

    def __init__(self, plugins: Mapping[str, object] | None = None) -> None:
        self.manager = pluggy.PluginManager("doorward")
        self.manager.add_hookspecs(hooks)
        if plugins is None:
            self.manager.load_setuptools_entrypoints(ENTRY_POINT_GROUP)
        else:
            for name, plugin in plugins.items():
                self.manager.register(plugin, name)
        self.manager.check_pending()
        pairs = sorted(self.manager.list_name_plugin())
        self.by_name = {name: Backend(self.manager, name, plugin) for name, plugin in pairs if plugin is not None}
        self._selecting = [backend for backend in self.by_name.values() if backend.selects()]
        self.watches: dict[str, Watch] = {}
        self.claiming: dict[str, Backend] = {}
        for name, plugin in pairs:
            if plugin is not None:
                self._add_watches(name, plugin)
        self.resources: dict[str, Resource] = {r.kind: r for r in CORE_RESOURCES}
        self.resources.update((kind, watch.resource) for kind, watch in self.watches.items())

    def _add_watches(self, name: str, plugin: object) -> None:
        others = [p for p in self.manager.get_plugins() if p is not plugin]
        for watches in self.manager.subset_hook_caller("watches", others)():
            for watch in watches:
                kind = watch.resource.kind
                known = self.watches.get(kind)
                if known and watch.owned != "nothing" and known.owned != "nothing" and known != watch:
                    raise ValueError(f"backend {name} describes {kind} otherwise than another backend that writes it")
                if known is None or watch.owned != "nothing":
                    self.watches[kind] = watch
                backend = self.by_name[name]
                if backend.has_claims() and kind != SERVICE and watch.owned != "nothing":
                    self.claiming[kind] = backend

    def select(self, door: Door, settings: Settings) -> str | None:
        """What a plugin says opens this door; None where none has an opinion."""
        for backend in self._selecting:
            if answer := backend.select(door, settings):
                return answer
        return None

    def claims(self, kind: str, manifest: JsonObject) -> Sequence[Claim]:
        """The hosts that an object of this kind serves; none for kinds that serve no host."""
        backend = self.claiming.get(kind)
        return backend.claims(manifest) if backend else ()
