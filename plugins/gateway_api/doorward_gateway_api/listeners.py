"""Which of the Gateway's listeners take a door's HTTPRoutes, in plain HTTP and with TLS.

Source: gateway.networking.k8s.io/v1 Listener: a route attaches where protocol, kind, namespace and host name agree; a
wildcard stands for one or more labels; HTTPS terminates TLS.  A listener of a ListenerSet takes routes that name that
ListenerSet as their parent (ListenerSet in apis/v1/listenerset_types.go), so that it has no say for ours.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from doorward.hooks import Read
from doorward.model.certificates import certificate_of
from doorward.model.door import Door, Warning
from doorward.model.quoting import short
from doorward.model.reference import JsonObject, Ref

from doorward_gateway_api.kinds import GATEWAY, GROUP, HTTP_ROUTE, NAMESPACE
from doorward_gateway_api.selectors import selects

_PROTOCOLS = ("HTTP", "HTTPS")
_CORE = ("", "core")
_OF_CERTIFICATES = ("InvalidCertificateRef", "RefNotPermitted")
"""Reasons of a listener's condition ``ResolvedRefs`` (apis/v1/gateway_types.go)."""
_FEW = 3
MOST_PARENTS = 32
"""Parents that an HTTPRoute can name."""


class Listener(NamedTuple):
    """A listener that takes HTTPRoutes of the door's namespace."""

    name: str
    pattern: str
    """The host name, ``*`` where it has none: those that it takes."""
    tls: bool
    port: int
    certificates: tuple[Ref, ...] = ()
    """What cert-manager would call those in its Secrets."""
    broken: str = ""
    """What the Gateway says of a certificate that it can't use."""

    def takes(self, host: str) -> bool:
        return _matches(self.pattern, host)


class Listeners(NamedTuple):
    """Those of the Gateway that take HTTPRoutes of the door's namespace."""

    of: Ref
    taking: tuple[Listener, ...] = ()

    def for_any(self, hosts: Collection[str], *, tls: bool) -> list[Listener]:
        """Those that take at least one of these hosts."""
        return [each for each in self.taking if each.tls == tls and any(map(each.takes, hosts))]

    def takes(self, host: str, *, tls: bool) -> bool:
        return any(each.tls == tls and each.takes(host) for each in self.taking)


def gateway_ref(door: Door) -> Ref:
    """The Gateway that the door's HTTPRoutes attach to."""
    namespace, _, name = door.settings.ome_ingress_gateway.partition("/")
    return Ref(GATEWAY.kind, namespace, name)


def namespace_ref(door: Door) -> Ref:
    """The door's namespace, by whose labels a listener may choose."""
    return Ref(NAMESPACE.kind, "", door.namespace)


def listeners_of(door: Door, read: Read) -> Listeners | None:
    """The listeners that take the door's routes; None where the Gateway isn't known."""
    gateway = read(gateway_ref(door))
    if gateway is None:
        return None
    told = {each.get("name"): each for each in (gateway.get("status") or {}).get("listeners") or ()}
    taking = [
        Listener(
            name=str(listener.get("name", "")),
            pattern=listener.get("hostname") or "*",
            tls=listener["protocol"] == "HTTPS",
            port=int(listener.get("port", 0)),
            certificates=tuple(certificates_of(listener, gateway_ref(door).namespace)),
            broken=_unresolved(told.get(listener.get("name"))),
        )
        for listener in gateway["spec"].get("listeners") or ()
        if listener["protocol"] in _PROTOCOLS and _admits(listener, door, read)
    ]
    return Listeners(gateway_ref(door), tuple(taking))


def certificates_of(listener: JsonObject, namespace: str) -> list[Ref]:
    """The Certificates of a listener's Secrets."""
    refs = (listener.get("tls") or {}).get("certificateRefs") or ()
    secrets = (each for each in refs if each.get("kind", "Secret") == "Secret" and each.get("group", "") in _CORE)
    return [certificate_of(each.get("namespace") or namespace, str(each.get("name", ""))) for each in secrets]


def _unresolved(status: JsonObject | None) -> str:
    """Why a listener has no certificate (condition ``ResolvedRefs``); empty where it has, or isn't told yet."""
    for condition in (status or {}).get("conditions") or ():
        if (condition.get("type"), condition.get("status")) == ("ResolvedRefs", "False"):
            reason = str(condition.get("reason", ""))
            return f"{reason}: {short(condition.get('message', ''))}" if reason in _OF_CERTIFICATES else ""
    return ""


def uncertified(door: Door, hosts: Collection[str], listeners: Listeners) -> tuple[Warning, ...]:
    """A warning for each listener of these hosts whose certificate the Gateway can't use."""
    serving = listeners.for_any(hosts, tls=True) if door.scheme == "https" else ()
    return tuple(
        Warning(
            "NoCertificate",
            f"listener {each.name} of {listeners.of} has no certificate that it can use: {each.broken}",
            condition=True,
        )
        for each in serving
        if each.broken
    )


def unheard(door: Door, hosts: Iterable[str], listeners: Listeners, read: Read) -> tuple[Warning, ...]:
    """What to say of hosts that no listener takes, or none in the door's scheme."""
    hosts = dict.fromkeys(hosts)
    deaf = [host for host in hosts if not (listeners.takes(host, tls=True) or listeners.takes(host, tls=False))]
    warnings = []
    if deaf:
        message = f"no listener of {listeners.of} admits host {_named(deaf)} for an HTTPRoute of namespace "
        why = _why(door, deaf[0], read)
        warnings.append(Warning("NoListener", f"{message}{door.namespace}{why}", condition=True))
    tls = door.scheme == "https"
    mute = [host for host in hosts if host not in deaf and not listeners.takes(host, tls=tls)]
    if mute and tls:
        message = (
            f"the scheme is https, and no listener of {listeners.of} with protocol HTTPS admits host {_named(mute)}: "
            "add one with a certificate, unless TLS ends before the Gateway; until then plain HTTP is all there is"
        )
        warnings.append(Warning("NoTLSListener", message, condition=True))
    elif mute:
        message = (
            f"the scheme is http, and only listeners of {listeners.of} with protocol HTTPS admit host {_named(mute)}: "
            "set urlScheme, or annotation ome.io/ingress-url-scheme, to https, or add a listener with protocol HTTP"
        )
        warnings.append(Warning("NoListener", message, condition=True))
    return tuple(warnings)


def _why(door: Door, host: str, read: Read) -> str:
    """What keeps a host from the listeners that have its name, in words that go on a sentence."""
    gateway = read(gateway_ref(door)) or {"spec": {}}
    named = [each for each in gateway["spec"].get("listeners") or () if _matches(each.get("hostname") or "*", host)]
    speaking = [each for each in named if each["protocol"] in _PROTOCOLS]
    if closed := [each for each in speaking if not _takes_routes(each)]:
        return f": listener {closed[0].get('name')} has the host, and allowedRoutes of it name no HTTPRoute"
    if speaking:
        return f": listener {speaking[0].get('name')} has the host, and allowedRoutes of it leave out this namespace"
    if named:
        listener = named[0]
        return f": listener {listener.get('name')} has the host with protocol {listener['protocol']}, which takes none"
    if (gateway.get("status") or {}).get("attachedListenerSets"):
        return "; a listener of a ListenerSet takes routes that name the ListenerSet, and ours name the Gateway"
    return ""


def _named(hosts: list[str]) -> str:
    return ", ".join(hosts[:_FEW]) + (f" and {len(hosts) - _FEW} more" if len(hosts) > _FEW else "")


def _admits(listener: JsonObject, door: Door, read: Read) -> bool:
    """Whether it takes HTTPRoutes from the door's namespace."""
    return _takes_routes(listener) and _takes_namespace(listener, door, read)


def _takes_routes(listener: JsonObject) -> bool:
    kinds = (listener.get("allowedRoutes") or {}).get("kinds") or ({"kind": HTTP_ROUTE.name},)
    return any(each["kind"] == HTTP_ROUTE.name and each.get("group", GROUP) == GROUP for each in kinds)


def _takes_namespace(listener: JsonObject, door: Door, read: Read) -> bool:
    """A selector is taken to admit a namespace whose labels aren't known."""
    namespaces = (listener.get("allowedRoutes") or {}).get("namespaces") or {}
    origin = namespaces.get("from", "Same")
    if origin != "Selector":
        return origin == "All" or (origin == "Same" and gateway_ref(door).namespace == door.namespace)
    namespace = read(namespace_ref(door))
    return namespace is None or selects(namespaces.get("selector"), namespace["metadata"].get("labels") or {})


def _matches(pattern: str, host: str) -> bool:
    return pattern in ("*", host) or (pattern.startswith("*.") and host.endswith(pattern[1:]))
