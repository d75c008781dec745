"""Which backend opens a door (docs/doors.md, Backend); the first of these that names one.

    1. the annotation of the service
    2. hook ``select`` of other people's backends
    3. setting ``defaultBackend``, by mode
    4. hook ``select`` of the built-in backends, which bear ``trylast``

2 to 4 are asked in :meth:`.Backends.select`.
"""

from __future__ import annotations

import msgspec

from doorward.backends import Backends
from doorward.door.exposure import BACKEND
from doorward.model.door import Door
from doorward.model.quoting import quoted
from doorward.model.refusal import Refusal
from doorward.model.settings import DEFAULTS, Settings, spelling
from doorward.settings.tracked import TrackedSettings
from doorward.state.inference_service import InferenceService


def backend_of(service: InferenceService, settings: Settings, door: Door, backends: Backends) -> str:
    """The name of the backend that opens the outside door; empty where the entry's own URL is the door."""
    explicit = service.annotation(BACKEND)
    if not explicit or not door.ingress:
        return by_hook(door, settings, backends)
    if explicit not in backends.by_name:
        choices = ", ".join(sorted(backends.by_name))
        raise Refusal("UnknownBackend", f"annotation {BACKEND}: no backend {quoted(explicit)}; choose one of {choices}")
    return explicit


def backend_and_cause(
    service: InferenceService, settings: Settings, door: Door, backends: Backends
) -> tuple[str, tuple[str, ...]]:
    """The backend of a door, and what chose it: where that was a hook, with what it may have gone by."""
    if door.ingress and service.annotation(BACKEND) == door.backend:
        return door.backend, (f"annotation {BACKEND}",)
    tracked = TrackedSettings(settings)
    _, by = backends.selection(door, tracked.as_settings())
    set_ = (name for name in tracked.names if getattr(settings, name) != getattr(DEFAULTS, name))
    read = (f"setting {spelling(name)}" for name in set_)
    return door.backend, tuple(dict.fromkeys((by, f"mode {door.mode}", *read)))


def by_hook(door: Door, settings: Settings, backends: Backends) -> str:
    """What the backends choose among themselves; where none of them wants a door, Knative's own URL may be one."""
    chosen = backends.select(door, settings)
    if chosen is not None:
        if chosen not in backends.by_name:
            named = settings.default_backend.get(door.mode) == chosen
            by = "setting defaultBackend names" if named else "a plugin selects"
            raise Refusal("UnknownBackend", f"{by} backend {chosen!r}, which isn't installed")
        return chosen
    if door.serverless and not door.virtual_services and door.ingress:
        return ""
    what = f"in mode {door.mode}" if door.ingress else f"by a Service of type {door.service_type}"
    choices = ", ".join(sorted(backends.by_name))
    message = f"no backend that is installed opens a door {what}; install one, or choose by {BACKEND}: {choices}"
    raise Refusal("UnknownBackend", message)


def typed(door: Door, backend: str, settings: Settings, backends: Backends) -> Door:
    """A backend of Services that is asked for by name, where it opens doors of a type: of the usual one."""
    usual = msgspec.structs.replace(door, service_type="LoadBalancer")
    alone = msgspec.structs.replace(usual, ingress=False)
    return usual if backends.select(alone, settings) == backend else door
