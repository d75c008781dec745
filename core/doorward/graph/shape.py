"""From one service and the settings to the shape of its door, or to the reason why it has none.

The order in which things are decided is that of docs/doors.md, Doors: what closes a door comes first, since it beats
everything that could be wrong with the rest.

    exposure   label cluster-local, switches, guard         ->  outside, cluster-local, disabled, unguarded
    mode       annotations, components, settings            ->  or Refusal
    components spec and status, their Services, readiness   ->  targets, entry, routes; or what to wait for
    backend    annotation, a plugin's choice, mode          ->  or Refusal
    addresses  templates and domains                        ->  hosts, path; or Refusal
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Literal, cast

import msgspec

from doorward.graph import components
from doorward.graph.addresses import Addresses, addresses, door_service, stays_in_cluster
from doorward.graph.components import Service
from doorward.graph.inference_service import InferenceService
from doorward.graph.kinds import Kinds
from doorward.graph.mode import mode_of
from doorward.graph.reading import Reader
from doorward.graph.refusal import Refusal
from doorward.model.door import Door, Exposure, InCluster, Route, Target, Warning
from doorward.model.quoting import quoted
from doorward.model.reference import SERVICE, Ref
from doorward.model.settings import Settings

BACKEND = "doorward.io/backend"
Choose = Callable[[Door, Settings], str | None]
INGRESS_CLASS = "ome.io/ingress-class"
SERVICE_TYPE = "ome.io/service-type"
LOAD_BALANCER_IP = "ome.io/load-balancer-ip"
DISABLE_CREATION = "ome.io/ingress-disable-creation"
DISABLE_INGRESS = "ome.io/disable-ingress"
DISABLE_VIRTUAL_SERVICE = "ome.io/ingress-disable-istio-virtualhost"
AUTH = "doorward.io/auth"
AUTH_SECRET = "doorward.io/auth-secret"
VISIBILITY = ("networking.knative.dev/visibility", "networking.ome.io/visibility")
_FLAGS = (DISABLE_CREATION, DISABLE_INGRESS, DISABLE_VIRTUAL_SERVICE, components.GRPC)
_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_CLASS_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """The door that a service asks for, before claims are settled, and what stands in its way."""

    door: Door
    url: str = ""
    """Where it is reached, when that isn't by its hosts: the entry's own URL."""
    address: str = ""
    """``status.address.url``."""
    waiting: Refusal | None = None
    """A component that isn't ready: nothing opens, or a standing door stays without it."""
    refused: Refusal | None = None
    """Why there is no outside door, though one is asked for; the door inside the cluster is as ever."""
    opens: bool = True
    """False while the door has to wait as a whole."""
    warnings: tuple[Warning, ...] = ()


def exposure_of(service: InferenceService, settings: Settings, hostless: Collection[str]) -> Exposure:
    """Whether the service is to be reached from outside, through ingress or a Service of its own.

    ``hostless``: the backends that need no host.
    """
    labels = service.metadata.labels
    for key in VISIBILITY:
        if labels.get(key) == "cluster-local":
            return "cluster-local"
    if not service_type(service):
        if ingress_is_off(service, settings):
            return "disabled"
        if _lacks_hosts(service, settings, hostless):
            return "cluster-local"
    return "unguarded" if asks_for_a_guard(service) else "outside"


def asks_for_a_guard(service: InferenceService) -> bool:
    """Whether its annotation says anything but ``none``: what can't be read asks for one too."""
    return AUTH in service.metadata.annotations and service.annotation(AUTH).lower() != "none"


def ingress_is_off(service: InferenceService, settings: Settings) -> bool:
    """Any of the switches; an explicit false on the service beats the cluster's."""
    own = [flag for key in (DISABLE_CREATION, DISABLE_INGRESS) if (flag := service.flag(key)) is not None]
    return any(own) if own else settings.disable_ingress_creation


def _lacks_hosts(service: InferenceService, settings: Settings, hostless: Collection[str]) -> bool:
    """Whether an ingress would have no host to serve, by the settings alone; some backends need none."""
    return service.annotation(BACKEND) not in hostless and stays_in_cluster(service, settings)


def service_type(service: InferenceService) -> Literal["", "LoadBalancer", "NodePort"]:
    value = service.annotation(SERVICE_TYPE)
    return cast(Literal["LoadBalancer", "NodePort"], value) if value in ("LoadBalancer", "NodePort") else ""


def shape(
    service: InferenceService,
    settings: Settings,
    exposure: Exposure,
    reader: Reader,
    kinds: Kinds,
    *,
    stands: bool,
    routed: Collection[str],
    backends: Collection[str],
    hostless: Collection[str],
    choose: Choose,
) -> Shape:
    """The shape of a service's door.

    ``stands`` and ``routed`` tell what stands now and which components it routes to.  ``backends`` are installed,
    ``hostless`` of them need no host, and ``choose`` asks them which is to open a door.
    Raises Refusal where the service can't have the door that it asks for.
    """
    mode = mode_of(service, settings)
    serverless = mode == "Serverless"
    found = components.existing(service, reader)
    if "engine" not in found:
        _refuse_without_engine(service)
    if exposure == "outside" and not ingress_is_off(service, settings):
        _check_class(service)
    targets = {name: components.target(service, name, known, settings) for name, known in found.items()}
    if not serverless:
        for target in targets.values():
            _refuse_external(service, target, reader)
    entry, routed_now, waiting = _routes(service, settings, reader, kinds, targets, serverless, stands, routed)
    virtual_services = not _flag(service, DISABLE_VIRTUAL_SERVICE, settings.disable_istio_virtual_host)
    door = Door(
        namespace=service.namespace,
        name=service.name,
        uid=service.metadata.uid,
        labels=service.metadata.labels,
        annotations=service.metadata.annotations,
        mode=mode,
        exposure=exposure,
        entry=entry,
        routes=_table(entry, routed_now),
        targets=tuple(targets[name] for name in routed_now),
        ingress_class=service.annotation(INGRESS_CLASS) or settings.ingress_class_name,
        service_type=service_type(service) if exposure == "outside" else "",
        load_balancer_ip=service.annotation(LOAD_BALANCER_IP),
        ingress=not (ingress_is_off(service, settings) or _lacks_hosts(service, settings, hostless)),
        virtual_services=virtual_services,
        door_service=door_service(service, settings),
        settings=settings,
    )
    backend = _backend(service, settings, door, backends, choose) if exposure == "outside" else ""
    if backend in hostless and not door.service_type:
        door = _typed(door, backend, settings, choose)
    in_cluster, address = _in_cluster(service, door, targets[entry], reader, settings)
    asked = Addresses(hosts=(), path=None, scheme="http")
    if backend and backend not in hostless:
        own = door.inside_hosts if in_cluster in ("ours", "tied") else ()
        asked = addresses(service, settings, reader, serverless=serverless, entry=entry, own=own)
        if not asked.hosts and not asked.path:
            door = msgspec.structs.replace(door, ingress=False)
            backend = _by_hook(door, settings, backends, choose) if door.service_type else ""
            exposure = exposure if backend else "cluster-local"
    status = service.status.components.get(entry)
    url = status.url if status and serverless and not virtual_services and not backend else ""
    door = msgspec.structs.replace(
        door,
        exposure=exposure,
        backend=backend,
        in_cluster=in_cluster,
        hosts=asked.hosts,
        path=asked.path,
        scheme=asked.scheme,
    )
    return Shape(
        door=door,
        url=url,
        address=address,
        waiting=waiting,
        refused=_no_guard(service) if exposure == "unguarded" else None,
        opens=waiting is None or stands,
        warnings=(*asked.warnings, *_warnings(service, door), *_no_grpc(service, targets[entry], found[entry])),
    )


def _refuse_without_engine(service: InferenceService) -> None:
    if service.spec.runtime is not None or service.spec.model is not None:
        raise Refusal(
            "EngineNotReady", "no spec.engine, and the serving runtime hasn't brought an engine yet", "Unknown"
        )
    raise Refusal("EngineRequired", "no engine: add spec.engine (it may be empty), or spec.model or spec.runtime")


def _check_class(service: InferenceService) -> None:
    name = service.annotation(INGRESS_CLASS)
    if name and (len(name) > 253 or not _CLASS_NAME.fullmatch(name)):
        what = f"annotation {INGRESS_CLASS}: {quoted(name)} can't be the name of an IngressClass"
        remedy = "write a lower-case name such as nginx or istio, or remove the annotation"
        raise Refusal("InvalidIngressClass", f"{what}; {remedy}")


def _no_guard(service: InferenceService) -> Refusal:
    value = quoted(service.annotation(AUTH))
    message = (
        f"annotation {AUTH}: {value} isn't supported yet, and without a guard the outside door stays closed; remove "
        "the annotation, or write none, to open it to everybody"
    )
    return Refusal("AuthUnsupported", message)


def _refuse_external(service: InferenceService, target: Target, reader: Reader) -> None:
    """Refuse to lead through a component's Service that is a name of something else."""
    if leads_to := components.external_name(reader.get(Ref(SERVICE, service.namespace, target.service))):
        raise components.is_external(service.namespace, target.service, target.component, leads_to)


def _routes(
    service: InferenceService,
    settings: Settings,
    reader: Reader,
    kinds: Kinds,
    targets: dict[str, Target],
    serverless: bool,
    stands: bool,
    routed: Collection[str],
) -> tuple[str, tuple[str, ...], Refusal | None]:
    """The entry, the components routed to (entry first), and whom the door waits for.

    A standing door goes on with the components that it routes to, ready or not; one that it doesn't route to yet joins
    when it is ready.
    """
    wanted = [("router" if "router" in targets else "engine")]
    wanted += ["decoder"] if "decoder" in targets else []
    waiting: list[Refusal] = []
    usable: set[str] = {name for name in routed if name in targets} if stands else set()
    for name in wanted:
        if name in usable:
            continue
        is_ready, why = components.ready(service, name, targets[name].service, serverless, settings, reader, kinds)
        if is_ready:
            usable.add(name)
        else:
            waiting.append(Refusal(f"{name.title()}NotReady", why, "Unknown" if is_ready is None else "False"))
    entry = wanted[0]
    if stands and entry not in usable:
        if "engine" not in usable:
            # What the door routed to is gone from the spec: the standing door is kept until the new entry is ready.
            raise waiting[0]
        entry = "engine"
    parts = [entry, *(name for name in wanted[1:] if name in usable)] if stands else wanted
    return entry, tuple(parts), waiting[0] if waiting else None


def _table(entry: str, parts: tuple[str, ...]) -> tuple[Route, ...]:
    """docs/doors.md, Routes; ``/v1/router`` needs no route of its own, since the router is always the entry."""
    rest = Route("/", entry)
    return (Route("/v1/decoder", "decoder"), rest) if "decoder" in parts else (rest,)


def _flag(service: InferenceService, annotation: str, setting: bool) -> bool:
    own = service.flag(annotation)
    return setting if own is None else own


def _backend(
    service: InferenceService,
    settings: Settings,
    door: Door,
    backends: Collection[str],
    choose: Choose,
) -> str:
    """The name of the backend that opens the outside door; empty where the entry's own URL is the door."""
    explicit = service.annotation(BACKEND)
    if not explicit or not door.ingress:
        return _by_hook(door, settings, backends, choose)
    if explicit not in backends:
        choices = ", ".join(sorted(backends))
        raise Refusal("UnknownBackend", f"annotation {BACKEND}: no backend {quoted(explicit)}; choose one of {choices}")
    return explicit


def _by_hook(door: Door, settings: Settings, backends: Collection[str], choose: Choose) -> str:
    """What the backends choose among themselves; where none of them wants a door, Knative's own URL may be one."""
    chosen = choose(door, settings)
    if chosen is not None:
        if chosen not in backends:
            by = (
                "a plugin selects"
                if settings.default_backend.get(door.mode) != chosen
                else "setting defaultBackend names"
            )
            raise Refusal("UnknownBackend", f"{by} backend {chosen!r}, which isn't installed")
        return chosen
    if door.serverless and not door.virtual_services and door.ingress:
        return ""
    what = f"in mode {door.mode}" if door.ingress else f"by a Service of type {door.service_type}"
    choices = ", ".join(sorted(backends))
    message = f"no backend that is installed opens a door {what}; install one, or choose by {BACKEND}: {choices}"
    raise Refusal("UnknownBackend", message)


def _typed(door: Door, backend: str, settings: Settings, choose: Choose) -> Door:
    """A backend of Services that is asked for by name, where it opens doors of a type: of the usual one."""
    typed = msgspec.structs.replace(door, service_type="LoadBalancer")
    return typed if choose(msgspec.structs.replace(typed, ingress=False), settings) == backend else door


def _in_cluster(
    service: InferenceService, door: Door, entry: Target, reader: Reader, settings: Settings
) -> tuple[InCluster, str]:
    """Whose Service DOOR is, and the in-cluster URL that goes with it."""
    own = f"http://{entry.service}.{door.namespace}.svc.{settings.cluster_domain}{_port(entry.port)}"
    if door.serverless and not door.virtual_services:
        status = service.status.components.get(door.entry)
        return "none", (status.address.url if status else "") or own
    url = f"http://{door.door_service}.{door.namespace}.svc.{settings.cluster_domain}"
    fact = reader.get(Ref(SERVICE, door.namespace, door.door_service))
    if fact is None or (fact.owner == door.uid and fact.controller in ("", door.uid)):
        return "ours", url
    known: Service = components.read_service(fact)
    if fact.owner and fact.owner != door.uid:
        former = known.metadata.labels.get("ome.io/inferenceservice") == service.label
        return ("ours", url) if former else ("conflict", own)
    if known.tied_to(service):
        return "tied", url + _port(known.port.port)
    return "conflict", own


def _port(port: int) -> str:
    return "" if port == 80 else f":{port}"


def _misread(service: InferenceService, exposure: Exposure) -> list[Warning]:
    """What the service says about closing or guarding its door, and is not taken as it may have been meant."""
    warnings = []
    annotations, labels = service.metadata.annotations, service.metadata.labels
    for key in _FLAGS:
        if key in annotations and service.flag(key) is None:
            message = f'{quoted(annotations[key])} is neither "true" nor "false"; it counts as not there'
            warnings.append(Warning("InvalidFlag", f"annotation {key}: {message}"))
    for key in VISIBILITY:
        if exposure == "outside" and key in labels:
            message = f"{quoted(labels[key])} isn't cluster-local, and the door stays open; write cluster-local"
            warnings.append(Warning("UnknownVisibility", f"label {key}: {message} to close it, or remove the label"))
    if exposure in ("cluster-local", "disabled") and asks_for_a_guard(service):
        message = f"annotation {AUTH}: {quoted(service.annotation(AUTH))} isn't supported yet"
        warnings.append(Warning("AuthUnsupported", f"{message}; the door inside the cluster has no guard"))
    if AUTH_SECRET in annotations and AUTH not in annotations:
        opens = ", and the outside door is open to everybody" if exposure == "outside" else ""
        warnings.append(Warning("AuthSecretUnused", f"annotation {AUTH_SECRET} guards nothing without {AUTH}{opens}"))
    return warnings


def _warnings(service: InferenceService, door: Door) -> tuple[Warning, ...]:
    warnings = _misread(service, door.exposure)
    asked = service.annotation(SERVICE_TYPE)
    if asked and asked not in ("LoadBalancer", "NodePort", "ClusterIP"):
        message = f"annotation {SERVICE_TYPE}: {quoted(asked)} is neither LoadBalancer nor NodePort; it is ignored"
        warnings.append(Warning("InvalidServiceType", message))
    if door.in_cluster == "conflict":
        message = (
            f"Service {door.namespace}/{door.door_service} isn't this InferenceService's, and is left alone; "
            "requests inside the cluster go to the entry component's Service. Rename one, or set doorService"
        )
        warnings.append(Warning("ObjectConflict", message))
    return tuple(warnings)


def _no_grpc(service: InferenceService, entry: Target, known: Service | None) -> list[Warning]:
    """What to say where gRPC is to go to a port of its own, and the entry has none."""
    if not service.flag(components.GRPC) or known is None or entry.grpc is not None:
        return []
    message = (
        f"annotation {components.GRPC}: Service {entry.service} has no port for gRPC beside the one for HTTP; name one "
        "grpc, or give it appProtocol kubernetes.io/h2c"
    )
    return [Warning("NoGRPCPort", message)]
