"""The door of one InferenceService: what every backend renders, and nothing of how it came about."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

import msgspec

from doorward.model import names
from doorward.model.reference import SERVICE, JsonObject, Ref
from doorward.model.settings import Settings

Mode = Literal["Serverless", "RawDeployment", "MultiNode"]
Exposure = Literal["outside", "cluster-local", "disabled", "unguarded"]
"""``unguarded``: no outside door, since it asks for a guard that nobody can give it, and would stand open."""
GuardKind = Literal["api-key", "basic"]
InCluster = Literal["ours", "tied", "conflict", "none"]
ComponentName = Literal["engine", "router", "decoder"]
Protocol = Literal["", "h2c", "grpc"]


class GRPCPort(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The port of a component that speaks gRPC beside one that speaks HTTP."""

    port: int
    target_port: int | str
    name: str
    app_protocol: str = ""


class Target(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A component that requests can go to, by its Service (which belongs to whoever deploys the component)."""

    component: str
    service: str
    port: int = 80
    target_port: int | str = 8080
    selector: tuple[tuple[str, str], ...] = ()
    """The selector of that Service, sorted; empty before the Service is known."""
    timeout: int | None = None
    """Seconds that one request may take; None: as long as it likes."""
    port_name: str = "http"
    """The name of its port where that tells of HTTP/2 (``h2c…``, ``http2…``, ``grpc…``), else ``http``."""
    app_protocol: str = ""
    """``appProtocol`` of its port; empty where it has none."""
    grpc: GRPCPort | None = None
    """Where gRPC requests go, if its Service has another port for them and that was asked for."""

    @property
    def protocol(self) -> Protocol:
        """What its port speaks, as far as it tells: HTTP/2 without TLS, gRPC over that, or empty for anything else."""
        return protocol_of(self.port_name, self.app_protocol)

    def ports(self) -> list[JsonObject]:
        """The ports of a Service over its pods: 80, and beside it that of gRPC under its own number."""
        ports = [_port(self.port_name, 80, self.target_port, self.app_protocol)]
        if self.grpc and self.grpc.port != 80 and self.grpc.name != self.port_name:
            ports.append(_port(self.grpc.name, self.grpc.port, self.grpc.target_port, self.grpc.app_protocol))
        return ports


def _port(name: str, number: int, target: int | str, app_protocol: str) -> JsonObject:
    told: JsonObject = {"appProtocol": app_protocol} if app_protocol else {}
    return {"name": name, **told, "port": number, "protocol": "TCP", "targetPort": target}


def protocol_of(name: str, app_protocol: str) -> Protocol:
    """What a port of a Service speaks, by its ``appProtocol``, else by its name up to a ``-``.

    Source: ServicePort ``appProtocol`` (KEP-3726), ``ConvertProtocol`` in istio/istio, pkg/config/kube/conversion.go;
    ``h2c`` as a name is Knative's (networking.ServicePortNameH2C).
    """
    told = app_protocol or name
    if told == "grpc-web" or told.startswith("grpc-web-"):
        return ""
    if told == "kubernetes.io/h2c":
        return "h2c"
    return _PROTOCOLS.get(told.partition("-")[0], "")


_PROTOCOLS: Mapping[str, Protocol] = {"grpc": "grpc", "h2c": "h2c", "http2": "h2c"}


class Route(msgspec.Struct, frozen=True, gc=False):
    """Requests below ``prefix`` (whole segments) go to ``component``."""

    prefix: str
    component: str


class PathDoor(msgspec.Struct, frozen=True, gc=False):
    """A door below a prefix of a host that others share; the prefix is removed before a request goes on."""

    host: str
    prefix: str
    """Starts with ``/``, doesn't end with it."""


class Guard(msgspec.Struct, frozen=True, gc=False):
    """Who may come in by a door: the clients of a Secret, each by its key or its password."""

    kind: GuardKind
    secret: str
    """Name of the Secret, in the door's namespace."""


ANY_CLASS = "*"
ANY_GATEWAY = "*/*"
"""In place of a class, and of a gateway, where an object doesn't tell by which it is served: it may be any."""


def meet(ways: Collection[str], others: Collection[str]) -> bool:
    """Whether what is served in some places, and something else in ``others``, are or may be served in one."""
    return any(_same(way, other) for other in others for way in ways)


def _same(way: str, other: str) -> bool:
    either = way in (ANY_CLASS, ANY_GATEWAY) or other in (ANY_CLASS, ANY_GATEWAY)
    return way == other or (either and ("/" in way) == ("/" in other))


class Claim(msgspec.Struct, frozen=True, gc=False):
    """A host, from a path prefix (``/`` for all of it) downwards, as an object names it.

    ``via`` tells where: the class of an Ingress, the Gateways of a VirtualService, the parents of an HTTPRoute
    (``NAMESPACE/NAME``); :data:`ANY_CLASS` or :data:`ANY_GATEWAY` for an object that doesn't say which.
    """

    host: str
    prefix: str = "/"
    via: tuple[str, ...] = ()

    def meets(self, via: Collection[str]) -> bool:
        """Whether it is, or may be, served in one of these places."""
        return meet(self.via, via)

    @property
    def where(self) -> str:
        """The host, and the path where it isn't all of it: as users read it, and as denied claims are named."""
        return self.host + self.prefix.rstrip("/")

    @property
    def key(self) -> str:
        """``host/`` or ``host/a/b``: one string for host and prefix, since a host has no slash."""
        return self.host + (self.prefix.rstrip("/") or "/")


class Door(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Everything that lets requests reach one InferenceService.

    ``hosts`` are those granted to this service, the primary one first (empty where it has none); ``draining_hosts`` and
    ``draining_parents`` are what the same objects carried before a change and still carry while proxies catch up.
    """

    namespace: str
    name: str
    uid: str = ""
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    mode: Mode = "Serverless"
    exposure: Exposure = "outside"
    backend: str = ""
    """Name of the backend that opens the outside door; empty where there is none."""
    hosts: tuple[str, ...] = ()
    draining_hosts: tuple[str, ...] = ()
    draining_parents: tuple[str, ...] = ()
    draining_path_hosts: tuple[str, ...] = ()
    """Hosts under which the path door's object is still served, besides the path door's own."""
    draining_services: tuple[str, ...] = ()
    """Former names of Service DOOR, under which it still stands."""
    path: PathDoor | None = None
    scheme: str = "http"
    guard: Guard | None = None
    """Who may come in from outside; None: everybody."""
    entry: str = "engine"
    pods: Mapping[str, str] = {}
    """Labels that the entry's pods bear, beside those that its Service selects by."""
    routes: tuple[Route, ...] = ()
    """Most specific first; the last one's prefix is ``/``."""
    targets: tuple[Target, ...] = ()
    ingress_class: str = "istio"
    service_type: Literal["", "LoadBalancer", "NodePort"] = ""
    load_balancer_ip: str = ""
    ingress: bool = True
    """False where nothing but a Service of ``service_type`` may open the outside door: ingress is switched off, or
    would have no host to serve."""
    virtual_services: bool = True
    """False where VirtualServices are disabled for this service."""
    door_service: str = ""
    """DOOR: the name of the in-cluster Service."""
    in_cluster: InCluster = "ours"
    """Whose Service DOOR is: ours to write, one tied to this service, somebody's, or there is to be none."""
    settings: Settings = Settings()

    @property
    def serverless(self) -> bool:
        return self.mode == "Serverless"

    @property
    def all_hosts(self) -> tuple[str, ...]:
        """The hosts that the main object serves now: granted ones, then those that are leaving."""
        return tuple(dict.fromkeys((*self.hosts, *self.draining_hosts)))

    @property
    def path_hosts(self) -> tuple[str, ...]:
        """The hosts under which the path door is served now, its own first; none where there is no such door."""
        return tuple(dict.fromkeys((self.path.host, *self.draining_path_hosts))) if self.path else ()

    @property
    def outside_hosts(self) -> tuple[str, ...]:
        """Every host by which the door is reached from outside now, whole or below the path."""
        return (*self.all_hosts, *self.path_hosts)

    @property
    def inside_hosts(self) -> tuple[str, str, str]:
        """The three forms under which Service DOOR is reached inside the cluster, the full one last."""
        return self.inside_hosts_of(self.door_service)

    def inside_hosts_of(self, service: str) -> tuple[str, str, str]:
        """The same for another Service of this namespace."""
        short = f"{service}.{self.namespace}"
        return short, f"{short}.svc", f"{short}.svc.{self.settings.cluster_domain}"

    @property
    def door_takes_type(self) -> bool:
        """Whether Service DOOR itself becomes the LoadBalancer or NodePort (behaviour of RawDeployment, MultiNode)."""
        return bool(self.service_type) and not self.serverless and self.in_cluster == "ours"

    @property
    def hhhhh(self) -> str:
        """The five hex digits of this service's derived names."""
        return names.mark(self.namespace, self.name)

    def target(self, component: str) -> Target:
        """The target of a component that this door routes to; KeyError for any other."""
        for target in self.targets:
            if target.component == component:
                return target
        raise KeyError(component)

    def entry_target(self) -> Target:
        return self.target(self.entry)

    def ref(self, kind: str, name: str | None = None) -> Ref:
        """A reference in this door's namespace; named like the service unless told otherwise."""
        return Ref(kind, self.namespace, name or self.name)

    @property
    def service_ref(self) -> Ref:
        return Ref(SERVICE, self.namespace, self.door_service)


class Warning(msgspec.Struct, frozen=True, gc=False):
    """Something that users should know, told once as a Kubernetes Event of type Warning."""

    reason: str
    message: str
    condition: bool = False
    """Whether the door's condition says it too, as long as it lasts: requests don't arrive, or clients turn away."""


class Rendering(msgspec.Struct, frozen=True, kw_only=True):
    """What a backend makes of a door.

    Manifests carry ``apiVersion``, ``kind``, ``metadata`` (``name``, and ``annotations``, ``labels`` or further
    ``ownerReferences`` where the backend has some) and ``spec``; the engine adds namespace, owner, and its own labels
    and annotations.
    """

    objects: tuple[JsonObject, ...] = ()
    warnings: tuple[Warning, ...] = ()
    path: bool = True
    """False where this backend can't open the path door (hosts unaffected)."""
    guarded: bool = False
    """True where nobody comes in by these objects but whom ``door.guard`` lets in.  A door that has a guard is never
    opened by a backend that doesn't say so."""
    unguarded: str = ""
    """Why it can't be guarded, for users."""
    refused: str = ""
    """Why the selected backend can't open this door, for users: it is refused with ``BackendUnsupported``."""


class Standing(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """How a door that is applied stands, as the API tells it for the current generation."""

    state: Literal["accepted", "pending", "refused"] = "accepted"
    reason: str = ""
    message: str = ""
    address: str = ""
    """Where the door is reached, if it isn't by its hosts: an IP address or a host name."""


def manifest(api_version: str, kind: str, name: str, spec: JsonObject, **metadata: Any) -> JsonObject:
    """A manifest with its parts in the usual order; empty metadata is left out."""
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, **{key: value for key, value in metadata.items() if value}},
        "spec": spec,
    }
