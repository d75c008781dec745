"""The plugins that are installed, each by itself: one that can't be used hides no other."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points

import msgspec
from doorward.backends import ENTRY_POINT_GROUP, Backend, BackendError, Backends
from doorward.model.door import Door, Mode, Route, Target
from doorward.model.reference import JsonObject
from doorward.model.settings import DEFAULTS, Settings
from doorward.runtime.permissions import backend_rules
from msgspec.structs import replace

from doorward_daemon.asking.printing import Cell, filled

__all__ = ["COLUMNS", "Plugin", "installed"]

COLUMNS = ("NAME", "KIND", "VERSION", "WRITES", "READS", "OPENS")
MODES: tuple[Mode, ...] = ("Serverless", "RawDeployment", "MultiNode")
_BY_SERVICE = "by a Service"


class Plugin(msgspec.Struct, frozen=True, kw_only=True):
    """One entry point, and what is behind it."""

    name: str
    kind: str
    """``backend`` or ``source``; empty where that can't be told."""
    distribution: str
    version: str
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    opens: tuple[str, ...] = ()
    rights: tuple[JsonObject, ...] = ()
    problem: str = ""
    """Why it can't be used."""

    def cells(self) -> list[Cell]:
        last: Cell = (self.problem, "red") if self.problem else "; ".join(self.opens)
        version = f"{self.distribution} {self.version}"
        return [self.name, self.kind, version, _short(self.writes), _short(self.reads), last]

    def plain(self) -> JsonObject:
        told = {name: getattr(self, name) for name in self.__struct_fields__}
        return filled({name: list(each) if isinstance(each, tuple) else each for name, each in told.items()})


def installed() -> list[Plugin]:
    """Every plugin, by name."""
    entries = sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda entry: entry.name)
    loaded: dict[str, object] = {}
    problems: dict[str, str] = {}
    for entry in entries:
        try:
            loaded[entry.name] = entry.load()
            Backends({entry.name: loaded[entry.name]})
        except Exception as error:  # whatever a plugin's import raises
            loaded.pop(entry.name, None)
            problems[entry.name] = f"{type(error).__name__}: {error}"
    try:
        together, clash = Backends(loaded), ""
    except (BackendError, ValueError) as error:
        together, clash = None, str(error)
    return [_told(entry, loaded.get(entry.name), problems.get(entry.name, clash), together) for entry in entries]


def _told(entry: EntryPoint, plugin: object | None, problem: str, together: Backends | None) -> Plugin:
    distribution = entry.dist
    known = Plugin(
        name=entry.name,
        kind="",
        distribution=distribution.name if distribution else "",
        version=distribution.version if distribution else "",
        problem=problem,
    )
    if plugin is None or together is None:
        return known
    if entry.name not in together.by_name:
        sources = Backends({entry.name: plugin}, sources=[entry.name]).sources
        return replace(known, kind="source", reads=tuple(sources), writes=tuple(f"{kind}/status" for kind in sources))
    watches = together.described(entry.name)
    return replace(
        known,
        kind="backend",
        reads=tuple(watch.resource.kind for watch in watches if watch.owned == "nothing"),
        writes=tuple(watch.resource.kind for watch in watches if watch.owned != "nothing"),
        opens=tuple(_opens(together, together.by_name[entry.name])),
        rights=tuple(backend_rules(together, entry.name)),
    )


def _opens(backends: Backends, backend: Backend) -> list[str]:
    """The doors that this backend opens by the choice of all: of each mode under the first condition that makes it so,
    and by the types of Services."""
    found: dict[str, list[str]] = {}
    try:
        for mode in MODES:
            for condition, (ingress_class, settings) in _conditions(backend.name).items():
                if _opens_one(backends, backend, _door(mode, ingress_class, settings)):
                    found.setdefault(condition, []).append(mode)
                    break
        for type_ in ("LoadBalancer", "NodePort"):
            door = replace(_door("RawDeployment"), ingress=False, hosts=(), service_type=type_)
            if _opens_one(backends, backend, door):
                found.setdefault(_BY_SERVICE, []).append(type_)
    except BackendError as error:
        return [f"nobody knows: hook {error.hook} of {error.plugin} fails: {error}"]
    order = [*_conditions(backend.name), _BY_SERVICE]
    return [f"{', '.join(found[each])} {each}".strip() for each in sorted(found, key=order.index)]


def _opens_one(backends: Backends, backend: Backend, door: Door) -> bool:
    """Whether the backend is chosen for a door, and doesn't refuse it when it is to render it, as an engine asks it."""
    if backends.select(door, door.settings) != backend.name:
        return False
    rendering = backend.render(replace(door, backend=backend.name), lambda _: None)
    return not (rendering and rendering.refused)


def _conditions(name: str) -> Mapping[str, tuple[str, Settings]]:
    """An ingress class that the service names, and settings, by what people call the two."""
    mine = name.replace("_", "-")
    gateway = Settings(enable_gateway_api=True, ome_ingress_gateway="gateways/public")
    return {
        "": ("", DEFAULTS),
        "with enableGatewayAPI": ("", gateway),
        "of another ingress class": ("nginx", DEFAULTS),
        f"of ingress class {mine}": (mine, DEFAULTS),
    }


def _door(mode: Mode, ingress_class: str = "", settings: Settings = DEFAULTS) -> Door:
    annotations = {"ome.io/ingress-class": ingress_class} if ingress_class else {}
    return Door(
        namespace="default",
        name="model",
        mode=mode,
        annotations=annotations,
        ingress_class=ingress_class or settings.ingress_class_name,
        hosts=("model.default.example.com",),
        routes=(Route("/", "engine"),),
        targets=(Target(component="engine", service="model-engine"),),
        door_service="model",
        settings=settings,
    )


def _short(kinds: tuple[str, ...]) -> str:
    """Kinds without their groups, but where two would have one name."""
    names = [kind.partition(".")[0] for kind in kinds]
    return ", ".join(name if names.count(name) == 1 else kind for name, kind in zip(names, kinds, strict=True))
