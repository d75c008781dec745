"""The door that a service asks for, or the reason why it can have none.

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
from collections.abc import Collection, Iterable

import msgspec

from doorward.backends import Backends
from doorward.door import components
from doorward.door.addresses import Addresses, addresses, door_service
from doorward.door.choice import backend_of, by_hook, typed
from doorward.door.components import GRPC, Service
from doorward.door.exposure import (
    DISABLE_VIRTUAL_SERVICE,
    INGRESS_CLASS,
    LOAD_BALANCER_IP,
    SERVICE_TYPE,
    flag_of,
    ingress_is_off,
    lacks_hosts,
    misread,
    opened_by_another,
    service_type,
)
from doorward.door.guarding import check_guard, check_secret, guard_of, no_guard
from doorward.door.mode import mode_of
from doorward.door.routes import routed_to, table
from doorward.door.unknown_annotations import unknown_annotations
from doorward.model.door import Door, Exposure, InCluster, Target, Warning
from doorward.model.quoting import quoted
from doorward.model.reference import SERVICE, Ref
from doorward.model.refusal import Refusal
from doorward.model.settings import Settings
from doorward.state.facts import Fact
from doorward.state.inference_service import InferenceService
from doorward.state.kinds import Kinds
from doorward.state.reading import Reader

_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_CLASS_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")


class WantedDoor(msgspec.Struct, frozen=True, kw_only=True):
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
    addresses: Addresses | None = None
    """The hosts and path that it asks for, with what gave them."""
    missing: tuple[Target, ...] = ()
    """Components that it leads to whose Services nobody has seen; Knative's answer for themselves."""


def wanted(
    service: InferenceService,
    settings: Settings,
    exposure: Exposure,
    reader: Reader,
    kinds: Kinds,
    ours: Collection[Fact],
    backends: Backends,
    unguarded: Refusal | None = None,
) -> WantedDoor:
    """The door that a service asks for; ``ours``: what stands of it.

    ``unguarded`` is why an ``unguarded`` door has no guard, where its annotations and the settings don't tell.  Raises
    Refusal where the service can't have the door that it asks for.
    """
    if refusal := opened_by_another(service, settings):
        raise refusal
    stands = bool(ours)
    guard = guard_of(service, settings) if exposure == "outside" else None
    if exposure == "unguarded" and unguarded is None:
        unguarded = no_guard(service, settings)
    mode = mode_of(service, settings)
    serverless = mode == "Serverless"
    found = components.existing(service, reader)
    if "engine" not in found:
        _refuse_without_engine(service)
    # What has been told of its exposure isn't asked again.
    by_ingress = exposure in ("outside", "unguarded") and not service_type(service)
    is_off = not by_ingress and ingress_is_off(service, settings)
    if exposure == "outside" and not is_off:
        _check_class(service)
    targets = {name: components.target(service, name, known, settings) for name, known in found.items()}
    if not serverless:
        for target in targets.values():
            _refuse_external(service, target, reader)
    if service.source.speaks_tls:
        for name, known in found.items():
            if known and components.port_of(service, name, known).speaks_tls:
                raise components.speaks_tls(service.namespace, known.metadata.name, service.called(name))
    entry, routed_now, waiting = routed_to(service, settings, reader, kinds, targets, serverless, stands, _routed(ours))
    virtual_services = not flag_of(service, DISABLE_VIRTUAL_SERVICE, settings.disable_istio_virtual_host)
    door = Door(
        namespace=service.namespace,
        name=service.name,
        uid=service.metadata.uid,
        pods=service.source.pods(service.label, entry),
        labels=service.metadata.labels,
        annotations=service.metadata.annotations,
        mode=mode,
        exposure=exposure,
        entry=entry,
        routes=table(entry, routed_now),
        targets=tuple(targets[name] for name in routed_now),
        ingress_class=service.annotation(INGRESS_CLASS) or settings.ingress_class_name,
        service_type=service_type(service) if exposure == "outside" else "",
        load_balancer_ip=service.annotation(LOAD_BALANCER_IP),
        ingress=by_ingress or not (is_off or lacks_hosts(service, settings, backends.hostless)),
        virtual_services=virtual_services,
        door_service=door_service(service, settings),
        guard=guard,
        settings=settings,
    )
    backend = backend_of(service, settings, door, backends) if exposure == "outside" else ""
    if backend in backends.hostless and not door.service_type:
        door = typed(door, backend, settings, backends)
    if guard and backend in backends.hostless and not door.service_type:
        door = msgspec.structs.replace(door, guard=None)  # inside the cluster alone
    elif guard:
        check_guard(service, guard, door, backend, typed=bool(service_type(service)))
        check_secret(service, guard, reader, stands=stands)
    in_cluster, address = _in_cluster(service, door, targets[entry], reader, settings)
    asked = Addresses(hosts=(), path=None, scheme="http")
    if backend and backend not in backends.hostless:
        own = door.inside_hosts if in_cluster in ("ours", "tied") else ()
        asked = addresses(service, settings, reader, serverless=serverless, entry=entry, own=own)
        if not asked.hosts and not asked.path:
            door = msgspec.structs.replace(door, ingress=False, guard=None)
            backend = by_hook(door, settings, backends) if door.service_type else ""
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
    return WantedDoor(
        door=door,
        url=url,
        address=address,
        waiting=waiting,
        refused=unguarded,
        opens=waiting is None or stands,
        addresses=asked,
        missing=() if serverless else tuple(target for target in door.targets if found[target.component] is None),
        warnings=(
            *asked.warnings,
            *_warnings(service, door),
            *_no_grpc(service, targets[entry], found[entry]),
            *unknown_annotations(service, settings, backends),
        ),
    )


def _routed(ours: Iterable[Fact]) -> tuple[str, ...]:
    """The components that what stands routes to."""
    return tuple(dict.fromkeys(part for fact in ours for part in fact.routed.split(",") if part))


def _refuse_without_engine(service: InferenceService) -> None:
    called = service.called("engine")
    if service.spec.runtime is not None or service.spec.model is not None:
        reason = f"{called.title()}NotReady"
        raise Refusal(reason, f"no spec.{called}, and the serving runtime hasn't brought an {called} yet", "Unknown")
    if called == "engine":
        raise Refusal("EngineRequired", "no engine: add spec.engine (it may be empty), or spec.model or spec.runtime")
    raise Refusal(f"{called.title()}Required", f"no {called}: add spec.{called}")


def _check_class(service: InferenceService) -> None:
    name = service.annotation(INGRESS_CLASS)
    if name and (len(name) > 253 or not _CLASS_NAME.fullmatch(name)):
        what = f"annotation {INGRESS_CLASS}: {quoted(name)} can't be the name of an IngressClass"
        remedy = "write a lower-case name such as nginx or istio, or remove the annotation"
        raise Refusal("InvalidIngressClass", f"{what}; {remedy}")


def _refuse_external(service: InferenceService, target: Target, reader: Reader) -> None:
    """Refuse to lead through a component's Service that is a name of something else."""
    if leads_to := components.external_name(reader.get(Ref(SERVICE, service.namespace, target.service))):
        raise components.is_external(service.namespace, target.service, service.called(target.component), leads_to)


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
    if fact is None or fact.is_of(door.uid):
        return "ours", url
    known: Service = components.read_service(fact)
    if fact.owner and fact.owner != door.uid:
        former = known.metadata.labels.get(service.source.label) == service.label
        return ("ours", url) if former else ("conflict", own)
    if service.source.is_of_services:
        return "tied", own
    if known.tied_to(service):
        return "tied", url + _port(known.port().port)
    return "conflict", own


def _port(port: int) -> str:
    return "" if port == 80 else f":{port}"


def _warnings(service: InferenceService, door: Door) -> tuple[Warning, ...]:
    warnings = misread(service, door.settings, door.exposure)
    for part in service.spec.unrouted:
        message = f"no door leads to the {part}: reach it inside the cluster, by its own Service"
        warnings.append(Warning("NotRouted", message))
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
    if not service.flag(GRPC) or known is None or entry.grpc is not None:
        return []
    message = (
        f"annotation {GRPC}: Service {entry.service} has no port for gRPC beside the one for HTTP; name one grpc, or "
        "give it appProtocol kubernetes.io/h2c"
    )
    return [Warning("NoGRPCPort", message)]
