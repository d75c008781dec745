"""A service's components: which exist, which Service each has, whether it is ready (docs/doors.md, Components)."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from doorward.model import names
from doorward.model.door import GRPCPort, Target, protocol_of
from doorward.model.quoting import quoted
from doorward.model.reference import ENDPOINT_SLICE, KNATIVE_SERVICE, SERVICE, Ref
from doorward.model.refusal import Refusal
from doorward.model.settings import Settings
from doorward.state.facts import Fact
from doorward.state.inference_service import InferenceService, Metadata
from doorward.state.kinds import Kinds
from doorward.state.packing import unpack
from doorward.state.reading import Reader
from doorward.state.transform import COMPONENTS

EXTERNAL_NAME = "ExternalName"
GRPC = "doorward.io/grpc"
_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_APP_PROTOCOL = re.compile(rf"({_LABEL}(\.{_LABEL})*/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_OF_HTTP2 = re.compile(r"(h2c|http2|grpc)([-a-z0-9]*[a-z0-9])?")
_LONGEST_LABEL = 63
_LONGEST_NAME = 253 + 1 + 63
_KNATIVE_REVISION = "serving.knative.dev/revision"


class Port(msgspec.Struct, frozen=True, gc=False):
    port: int = 80
    name: str = ""
    targetPort: int | str | None = None
    appProtocol: str | None = None

    @property
    def speaks_tls(self) -> bool:
        return "https" in (self.appProtocol, self.name)

    @property
    def target(self) -> int | str:
        return self.targetPort if self.targetPort is not None else self.port

    @property
    def app_protocol(self) -> str:
        """Empty where it has none, or nothing that an API server would take."""
        told = self.appProtocol or ""
        return told if len(told) <= _LONGEST_NAME and _APP_PROTOCOL.fullmatch(told) else ""

    @property
    def told_name(self) -> str:
        """Its name where that tells of HTTP/2, else ``http``."""
        return self.name if len(self.name) <= _LONGEST_LABEL and _OF_HTTP2.fullmatch(self.name) else "http"


class ServiceSpec(msgspec.Struct, frozen=True, gc=False):
    type: str = "ClusterIP"
    clusterIP: str = ""
    externalName: str = ""
    selector: dict[str, str] = {}
    ports: list[Port] = []


class OwnedMetadata(Metadata, frozen=True, gc=False):
    ownerReferences: list[dict[str, Any]] = msgspec.field(default_factory=list)


class Service(msgspec.Struct, frozen=True, gc=False):
    """A Service, as far as a door routes to it."""

    metadata: OwnedMetadata
    spec: ServiceSpec = ServiceSpec()

    def port(self, number: int = 0) -> Port:
        """The port of this number, where it has one; else the one named ``http``, else the first."""
        ports = self.spec.ports
        named = (p for p in ports if p.name == "http")
        return next((p for p in ports if p.port == number), next(named, ports[0] if ports else Port()))

    def grpc_port(self, beside: Port) -> Port | None:
        """The first port beside that one which speaks gRPC; HTTP/2 will do, as for KServe."""
        others = (p for p in self.spec.ports if p is not beside)
        return next((p for p in others if protocol_of(p.told_name, p.app_protocol)), None)

    def tied_to(self, service: InferenceService) -> bool:
        """Labelled as this service's, or owned by it, or the service itself."""
        if self.metadata.labels.get(service.source.label) == service.label:
            return True
        if self.metadata.uid == service.metadata.uid:
            return True
        return any(owner.get("uid") == service.metadata.uid for owner in self.metadata.ownerReferences)


_decoder = msgspec.json.Decoder(Service)


def read_service(fact: Fact) -> Service:
    return _decoder.decode(unpack(fact.body))


def existing(service: InferenceService, reader: Reader) -> dict[str, Service | None]:
    """The components that exist, in the order engine, router, decoder, each with its Service where there is one.

    A key in ``spec`` makes one; with ``spec.runtime`` or ``spec.model``, so does a key of ``status.components`` whose
    Service exists.
    """
    brought = service.spec.runtime is not None or service.spec.model is not None
    found: dict[str, Service | None] = {}
    for component in COMPONENTS:
        if service.component(component) is not None:
            found[component] = look_up(service, component, reader)
        elif brought and component in service.status.components:
            known = look_up(service, component, reader)
            if known:
                found[component] = known
    return found


def look_up(service: InferenceService, component: str, reader: Reader) -> Service | None:
    """A component's Service: by its exact name, else by labels, the oldest; for the router at last ``NAME`` itself."""
    namespace = service.namespace
    exact = reader.get(Ref(SERVICE, namespace, component_service(service, component)))
    if exact and not exact.owner:
        return read_service(exact)
    candidates = []
    called = service.called(component)
    for fact in reader.services_labelled(namespace, service.source.label, service.label):
        if fact.owner:
            continue
        candidate = read_service(fact)
        labels = candidate.metadata.labels
        if labels.get("component") != called or _KNATIVE_REVISION in labels or candidate.spec.clusterIP == "None":
            continue
        candidates.append(candidate)
    if candidates:
        return min(candidates, key=lambda s: (s.metadata.creationTimestamp, s.metadata.name))
    if component == "router":
        named = reader.get(Ref(SERVICE, namespace, names.service_name(service.name, namespace, service.name)))
        if named and not named.owner:
            candidate = read_service(named)
            if candidate.tied_to(service) and candidate.spec.type != EXTERNAL_NAME:
                return candidate
    return None


def external_name(fact: Fact | None) -> str:
    """What a Service is a name of; empty for one that has endpoints, or isn't there."""
    spec = read_service(fact).spec if fact else ServiceSpec()
    return spec.externalName.lower().rstrip(".") if spec.type == EXTERNAL_NAME else ""


def is_astray(leads_to: str, settings: Settings) -> bool:
    """Whether what a Service is a name of is anything but a gateway that the settings name."""
    return leads_to not in (settings.local_gateway_service, settings.knative_local_gateway_service)


def is_external(namespace: str, name: str, part: str, leads_to: str) -> Refusal:
    """Why no door leads through a Service that is a name of something else.

    Whoever may write Services could lead a door into another namespace by one, or out of the cluster.
    """
    message = (
        f"Service {namespace}/{name} of the {part} is of type ExternalName and leads to {quoted(leads_to)}: no door "
        "leads through it, and what does is closed; make it a ClusterIP Service that selects pods of this namespace"
    )
    return Refusal("ComponentIsExternal", message)


def speaks_tls(namespace: str, name: str, part: str) -> Refusal:
    """Why no door leads to a Service that speaks TLS: backends speak plain HTTP to components."""
    message = (
        f"Service {namespace}/{name} of the {part} speaks TLS (its port is https), and doors lead to components by "
        "plain HTTP; have it speak HTTP"
    )
    return Refusal("ComponentSpeaksTLS", message)


def component_service(service: InferenceService, component: str) -> str:
    """The name that a component's Service has, unless it is found by its labels."""
    spec = service.component(component)
    if spec and spec.service:
        return spec.service
    return names.service_name(f"{service.name}-{service.called(component)}", service.namespace, service.name)


def component_cause(service: InferenceService, component: str) -> str:
    """What makes a component exist (:mod:`doorward.door.causes`)."""
    where = "spec" if service.component(component) is not None else "status.components"
    return f"{where}.{service.called(component)}"


def is_missing(namespace: str, name: str, part: str) -> str:
    """That the Service of a component isn't there, and what follows, for people."""
    return (
        f"Service {namespace}/{name} of the {part} isn't in the cluster: whoever deploys the {part} hasn't made it, or "
        "it was deleted, and nobody answers the requests that are led there"
    )


def port_of(service: InferenceService, component: str, known: Service) -> Port:
    """The port of a component's Service that requests go to."""
    spec = service.component(component)
    return known.port(spec.port if spec else 0)


def target(service: InferenceService, component: str, known: Service | None, settings: Settings) -> Target:
    """Where requests for a component go; port 80 to 8080 before its Service is known."""
    spec = service.component(component)
    timeout = spec.timeoutSeconds if spec and spec.timeoutSeconds else settings.request_timeout_seconds
    if known is None:
        return Target(component=component, service=component_service(service, component), timeout=timeout)
    port = port_of(service, component, known)
    return Target(
        component=component,
        service=known.metadata.name,
        port=port.port,
        target_port=port.target,
        selector=tuple(sorted(known.spec.selector.items())),
        timeout=timeout,
        port_name=port.told_name,
        app_protocol=port.app_protocol,
        grpc=_grpc(known, port) if wants_grpc(service, settings) else None,
    )


def wants_grpc(service: InferenceService, settings: Settings) -> bool:
    """Whether gRPC requests are to go to a port of their own."""
    own = service.flag(GRPC)
    return settings.grpc if own is None else own


def _grpc(known: Service, beside: Port) -> GRPCPort | None:
    if (port := known.grpc_port(beside)) is None or port.port == beside.port:
        return None
    name = port.told_name if protocol_of(port.told_name, "") else "grpc"
    return GRPCPort(port=port.port, target_port=port.target, name=name, app_protocol=port.app_protocol)


def ready(
    service: InferenceService,
    component: str,
    name: str,
    serverless: bool,
    settings: Settings,
    reader: Reader,
    kinds: Kinds,
) -> tuple[bool | None, str]:
    """Whether a component is ready, None where nobody can tell yet, and why not."""
    how = settings.readiness
    if how == "none":
        return True, ""
    part = service.source.parts[component]
    if how == "conditions":
        condition = service.condition(*part.ready)
        if condition:
            seen = service.status.observedGeneration
            if seen is not None and seen < service.metadata.generation:
                return (
                    None,
                    f"the {part.called}'s condition is of generation {seen}, not yet {service.metadata.generation}",
                )
            status = condition.get("status")
            if status == "True":
                return True, ""
            detail = str(condition.get("message") or condition.get("reason") or "")
            why = f"condition {condition['type']} is {status}" + (f": {detail}" if detail else "")
            return (False if status == "False" else None), why
    kind = KNATIVE_SERVICE if serverless else ENDPOINT_SLICE
    kinds.require(kind)
    if kinds.state(kind) == "forbidden":
        return None, f"{kind.partition('.')[0]}s may not be listed ({kinds.message(kind)}); allow it, or set readiness"
    if serverless:
        knative = reader.get(Ref(KNATIVE_SERVICE, service.namespace, name))
        conditions = knative.object()["status"]["conditions"] if knative else []
        if not conditions:
            return None, f"no condition {part.ready[0]}, and no Knative Service {name} that is ready"
        status = conditions[0]["status"]
        return {"True": True, "False": False}.get(status), f"Knative Service {name} is not ready"
    if any(fact.object()["endpoints"] for fact in reader.slices_of(service.namespace, name)):
        return True, ""
    return False, f"Service {name} has no ready endpoint"
