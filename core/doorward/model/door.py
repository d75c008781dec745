"""The door of one InferenceService: what every backend renders, and nothing of how it came about."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

import msgspec

from doorward.model import names
from doorward.model.reference import SERVICE, JsonObject, Ref
from doorward.model.settings import DEFAULTS, Settings

__all__ = [
    "ANY_CLASS",
    "ANY_GATEWAY",
    "Claim",
    "ComponentName",
    "Door",
    "Exposure",
    "GRPCPort",
    "Guard",
    "GuardKind",
    "InCluster",
    "Mode",
    "PathDoor",
    "Protocol",
    "Rendering",
    "Route",
    "Standing",
    "Target",
    "Warning",
    "manifest",
    "meet",
    "protocol_of",
]

Mode = Literal["Serverless", "RawDeployment", "MultiNode"]
"""How OME deploys the components (docs/doors.md, Deployment mode)."""
Exposure = Literal["outside", "cluster-local", "disabled", "unguarded"]
"""``unguarded``: no outside door, since it asks for a guard that nobody can give it, and would stand open."""
GuardKind = Literal["api-key", "basic"]
"""What a client shows: a key in a header, or a name and a password."""
InCluster = Literal["ours", "tied", "conflict", "none"]
"""Whose Service DOOR is: ours to write, one tied to this service, somebody's, or there is to be none."""
ComponentName = Literal["engine", "router", "decoder"]
"""The components that a service may have."""
Protocol = Literal["", "h2c", "grpc"]
"""What a port speaks, as far as it tells; empty: HTTP/1.1, or it doesn't tell."""


class GRPCPort(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The port of a component that speaks gRPC beside one that speaks HTTP."""

    port: int
    """Its number in the Service."""
    target_port: int | str
    """That of the pods: a number, or the name of a port."""
    name: str
    """Its name in the Service."""
    app_protocol: str = ""
    """``appProtocol`` of it; empty where it has none."""


class Target(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A component that requests can go to, by its Service (which belongs to whoever deploys the component)."""

    component: str
    """Which one: a :data:`ComponentName`."""
    service: str
    """The name of its Service, in the door's namespace."""
    port: int = 80
    """The number of its port for HTTP in that Service."""
    target_port: int | str = 8080
    """That of the pods: a number, or the name of a port."""
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
    """Starts with ``/``, and doesn't end with it unless it is all of it."""
    component: str
    """The one that :meth:`Door.target` gives the Service of."""


class PathDoor(msgspec.Struct, frozen=True, gc=False):
    """A door below a prefix of a host that others share; the prefix is removed before a request goes on."""

    host: str
    """A host that the doors of several services share."""
    prefix: str
    """Starts with ``/``, doesn't end with it."""


class Guard(msgspec.Struct, frozen=True, gc=False):
    """Who may come in by a door: the clients of a Secret, each by its key or its password."""

    kind: GuardKind
    """What a client has to show."""
    secret: str
    """Name of the Secret, in the door's namespace."""


ANY_CLASS = "*"
"""In place of a class where an object doesn't tell by which it is served."""
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
    """The host; with ``*.`` in front, all below a domain."""
    prefix: str = "/"
    """Where on that host it begins, in whole segments."""
    via: tuple[str, ...] = ()
    exact: bool = False
    """That path alone, and nothing below it: no claim on the host, but such requests go there, whoever has the rest."""

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
    """The namespace of the service; every object of the door is in it."""
    name: str
    """The name of the service; objects of kinds with shorter names need one that is cut."""
    uid: str = ""
    """The UID of the service."""
    labels: Mapping[str, str] = {}
    """Those of the service: a tenant writes them."""
    annotations: Mapping[str, str] = {}
    """Those of the service: a tenant writes them, so that what a backend takes from there has to be checked."""
    mode: Mode = "Serverless"
    """How its components are deployed."""
    exposure: Exposure = "outside"
    """``outside``: to be opened; any other: nobody may come in from outside, and why."""
    backend: str = ""
    """Name of the backend that opens the outside door; empty where there is none."""
    hosts: tuple[str, ...] = ()
    """Host names, the primary one first."""
    draining_hosts: tuple[str, ...] = ()
    """Host names that are about to go; none of them is among ``hosts``."""
    draining_parents: tuple[str, ...] = ()
    """Parents of routes that are about to go."""
    draining_path_hosts: tuple[str, ...] = ()
    """Hosts under which the path door's object is still served, besides the path door's own."""
    draining_services: tuple[str, ...] = ()
    """Former names of Service DOOR, under which it still stands."""
    path: PathDoor | None = None
    """Where the door is reached below a path, beside its hosts; None: nowhere."""
    scheme: str = "http"
    """``http`` or ``https``: that of the URLs by which users reach it."""
    guard: Guard | None = None
    """Who may come in from outside; None: everybody."""
    entry: str = "engine"
    """The component that answers what no other one does: the router, else the engine."""
    pods: Mapping[str, str] = {}
    """Labels that the entry's pods bear, beside those that its Service selects by."""
    routes: tuple[Route, ...] = ()
    """Most specific first; the last one's prefix is ``/``."""
    targets: tuple[Target, ...] = ()
    """Every component that a route leads to."""
    ingress_class: str = "istio"
    """The class that the service, else the cluster, asks for."""
    service_type: Literal["", "LoadBalancer", "NodePort"] = ""
    """The type of Service by which the door is to be reached from outside; empty: by its hosts."""
    load_balancer_ip: str = ""
    """The address that a load balancer is to have; empty: any."""
    ingress: bool = True
    """False where nothing but a Service of ``service_type`` may open the outside door: ingress is switched off, or
    would have no host to serve."""
    virtual_services: bool = True
    """False where VirtualServices are disabled for this service."""
    door_service: str = ""
    """DOOR: the name of the in-cluster Service."""
    in_cluster: InCluster = "ours"
    """Whose Service DOOR is: ours to write, one tied to this service, somebody's, or there is to be none."""
    settings: Settings = DEFAULTS
    """The cluster's settings in force."""

    @property
    def serverless(self) -> bool:
        """Whether Knative deploys the components."""
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
        """The target of ``entry``; KeyError where there is none."""
        return self.target(self.entry)

    def ref(self, kind: str, name: str | None = None) -> Ref:
        """A reference in this door's namespace; named like the service unless told otherwise."""
        return Ref(kind, self.namespace, name or self.name)

    @property
    def service_ref(self) -> Ref:
        """The reference of Service DOOR."""
        return Ref(SERVICE, self.namespace, self.door_service)


class Warning(msgspec.Struct, frozen=True, gc=False):
    """Something that users should know, told once as a Kubernetes Event of type Warning."""

    reason: str
    """One word in CamelCase, as that of an Event."""
    message: str
    """One sentence for users: the object, the field, the remedy."""
    condition: bool = False
    """Whether the door's condition says it too, as long as it lasts: requests don't arrive, or clients turn away."""


class Rendering(msgspec.Struct, frozen=True, kw_only=True):
    """What a backend makes of a door.

    Manifests carry ``apiVersion``, ``kind``, ``metadata`` (``name``, and ``annotations``, ``labels`` or further
    ``ownerReferences`` where the backend has some) and ``spec``; the engine adds namespace, owner, and its own labels
    and annotations.
    """

    objects: tuple[JsonObject, ...] = ()
    """The manifests that should stand; what this backend had beside them goes."""
    warnings: tuple[Warning, ...] = ()
    """What users should know, though the door can be opened."""
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
    """Whether it serves, isn't taken up yet, or won't be."""
    reason: str = ""
    """One word in CamelCase for the condition; empty: ``RouteNotAccepted`` if it is refused, else ``Pending``."""
    message: str = ""
    """Why, for users, where it isn't accepted."""
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
