"""Why a door is as it is: each of its parts with what decided it.

A cause is one of

    annotation KEY, label KEY    of the service
    spec.…, status.…             a field of the service
    setting NAME                 of the cluster, whether it was set or is the default
    plugin NAME                  a backend that chose the door by its hook ``select``
    mode MODE                    the deployment mode, itself a part

The causes are told by the functions that decide (:mod:`.addresses`, :mod:`.exposure`, :mod:`.mode`, :mod:`.guarding`,
:mod:`.choice`); here they are put together, and no rule is written down a second time.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from doorward.backends import Backends
from doorward.door.addresses import inside_cause
from doorward.door.choice import backend_and_cause
from doorward.door.components import component_cause
from doorward.door.exposure import INGRESS_CLASS, SERVICE_TYPE, exposure_and_cause
from doorward.door.guarding import guard_cause, secret_cause
from doorward.door.mode import mode_and_cause
from doorward.door.wanted import WantedDoor
from doorward.model.refusal import Refusal
from doorward.model.settings import Settings
from doorward.state.inference_service import InferenceService


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a door."""

    name: str
    """What it is: ``exposure``, ``mode``, ``backend``, ``host``, ``path`` …"""
    value: str
    causes: tuple[str, ...]
    """Those that decided it, the first one before those that it builds on; none: nothing says otherwise."""
    problem: str = ""
    """What is wrong with it, where that is no matter of what the service asks for; to be read after the value."""


def parts(
    service: InferenceService, settings: Settings, backends: Backends, asked: WantedDoor | None
) -> Iterator[Part]:
    """The parts of the door that a service asks for; where it is refused (``asked`` None), those that can be told."""
    exposure, cause = exposure_and_cause(service, settings, backends.hostless)
    if asked and exposure == "outside" != asked.door.exposure:
        exposure, cause = asked.door.exposure, inside_cause(settings)
    yield Part(name="exposure", value=exposure, causes=(cause,))
    try:
        mode, cause = mode_and_cause(service, settings)
    except Refusal:
        return
    yield Part(name="mode", value=mode, causes=(cause,))
    if asked is None:
        return
    door = asked.door
    yield from _components(service, asked)
    yield from _outside(service, settings, backends, asked)
    if door.in_cluster != "none":
        yield Part(name="in-cluster Service", value=door.door_service, causes=("setting doorService",))


def _components(service: InferenceService, asked: WantedDoor) -> Iterator[Part]:
    door = asked.door
    for target in door.targets:
        called = service.called(target.component)
        prefixes = ", ".join(route.prefix for route in door.routes if route.component == target.component)
        value = f"{called}: Service {target.service}:{target.port}"
        problem = "isn't in the cluster" if target in asked.missing else ""
        causes = (component_cause(service, target.component),)
        yield Part(name=f"route {prefixes}", value=value, causes=causes, problem=problem)
        if target.timeout is not None:
            spec = service.component(target.component)
            own = spec is not None and bool(spec.timeoutSeconds)
            given = f"spec.{called}.timeoutSeconds" if own else "setting requestTimeoutSeconds"
            yield Part(name=f"time-out of {called}", value=f"{target.timeout} s", causes=(given,))


def _outside(service: InferenceService, settings: Settings, backends: Backends, asked: WantedDoor) -> Iterator[Part]:
    door, addresses = asked.door, asked.addresses
    if not door.backend:
        return
    backend, causes = backend_and_cause(service, settings, door, backends)
    yield Part(name="backend", value=backend, causes=causes)
    if door.service_type:
        yield Part(name="Service type", value=door.service_type, causes=(f"annotation {SERVICE_TYPE}",))
    if door.guard:
        causes = guard_cause(service, settings), secret_cause(service)
        yield Part(name="guard", value=f"{door.guard.kind}, Secret {door.guard.secret}", causes=causes)
    if addresses is None or backend in backends.hostless:
        return
    named = f"annotation {INGRESS_CLASS}" if service.annotation(INGRESS_CLASS) else "setting ingressClassName"
    yield Part(name="class", value=door.ingress_class, causes=(named,))
    for host, given in zip(addresses.hosts, addresses.causes, strict=True):
        yield Part(name="host", value=host, causes=given)
    if path := addresses.path:
        yield Part(name="path", value=path.host + path.prefix, causes=addresses.path_causes)
    yield Part(name="scheme", value=addresses.scheme, causes=(addresses.scheme_cause,))
