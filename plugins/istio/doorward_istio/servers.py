"""Which of the Gateway's servers take a door's hosts, in plain HTTP and with TLS.

Source: networking.istio.io Gateway: a server's ``hosts`` may begin with the namespace whose VirtualServices it takes
(``*``: all, ``.``: the Gateway's own); a wildcard stands for one or more labels.  Which servers speak HTTP, and which
of them end TLS: ``IsHTTPServer`` in istio/istio, pkg/config/gateway/gateway.go.  Where the Secret of ``credentialName``
is: ``ParseResourceName`` in istio/istio, pilot/pkg/model/credentials/resource.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from doorward.hooks import Read
from doorward.model.certificates import certificate_of
from doorward.model.door import Door, Warning
from doorward.model.reference import JsonObject, Ref, Resource

GATEWAY = Resource("Gateway.networking.istio.io", "gateways", ("v1", "v1beta1"))

_PLAIN = frozenset({"http", "http2", "http_proxy", "grpc", "grpc-web"})
_PASSED_THROUGH = frozenset({"PASSTHROUGH", "AUTO_PASSTHROUGH"})
_FEW = 3
_HOME = "istio-system"
"""Where the pods of gateways are unless somebody put them elsewhere; a Gateway doesn't tell."""


class Server(NamedTuple):
    """A server that speaks HTTP, and the hosts that it takes of VirtualServices of the door's namespace."""

    port: int
    tls: bool
    hosts: tuple[str, ...]
    redirects: bool = False
    """It sends plain requests to https by itself."""
    certificates: tuple[Ref, ...] = ()
    """What cert-manager may call those in its Secrets."""

    def takes(self, host: str) -> bool:
        return any(_matches(pattern, host) for pattern in self.hosts)


class Servers(NamedTuple):
    of: Ref
    speaking: tuple[Server, ...]

    def takes(self, host: str, *, tls: bool) -> bool:
        return any(server.tls == tls and server.takes(host) for server in self.speaking)

    def certificates(self, hosts: Iterable[str]) -> list[Ref]:
        """The Certificates that may stand behind the servers with TLS of these hosts."""
        hosts = tuple(hosts)
        serving = (server for server in self.speaking if server.tls and any(map(server.takes, hosts)))
        return [ref for server in serving for ref in server.certificates]

    def to_redirect(self, hosts: Iterable[str]) -> dict[int, list[str]]:
        """By port, the hosts that are served there in plain HTTP, and with TLS somewhere."""
        secure = [host for host in hosts if self.takes(host, tls=True)]
        found: dict[int, list[str]] = {}
        for server in self.speaking:
            if server.tls or server.redirects:
                continue
            taken = [host for host in secure if server.takes(host)]
            if taken:
                known = found.setdefault(server.port, [])
                known += [host for host in taken if host not in known]
        return found

    def port(self, host: str) -> int:
        """The port on which a host is served with TLS."""
        return next(server.port for server in self.speaking if server.tls and server.takes(host))


def gateway_ref(door: Door) -> Ref:
    """The Gateway for requests from outside."""
    namespace, _, name = door.settings.ingress_gateway.partition("/")
    return Ref(GATEWAY.kind, namespace, name)


def servers_of(door: Door, read: Read) -> Servers | None:
    """The servers that speak HTTP; None where the Gateway isn't known."""
    ref = gateway_ref(door)
    if (gateway := read(ref)) is None:
        return None
    speaking = []
    for server in (gateway.get("spec") or {}).get("servers") or ():
        port, tls = server.get("port") or {}, server.get("tls") or {}
        protocol = str(port.get("protocol", "")).lower()
        ends_tls = protocol == "https" and bool(tls) and tls.get("mode") not in _PASSED_THROUGH
        if ends_tls or protocol in _PLAIN:
            hosts = tuple(_own(server.get("hosts") or (), door.namespace, ref.namespace))
            certificates = tuple(_certificates(tls, ref.namespace)) if ends_tls else ()
            redirects = bool(tls.get("httpsRedirect"))
            speaking.append(Server(int(port.get("number", 0)), ends_tls, hosts, redirects, certificates))
    return Servers(ref, tuple(speaking))


def _certificates(tls: JsonObject, own: str) -> Iterator[Ref]:
    """The Certificates of a server's Secrets, which Istio reads in the namespace of the gateway's pods."""
    named = dict.fromkeys([str(tls.get("credentialName") or ""), *map(str, tls.get("credentialNames") or ())])
    for each in named:
        namespace, _, name = each.rpartition("/")
        if name and ":" not in namespace:
            for where in [namespace] if namespace else dict.fromkeys((_HOME, own)):
                yield certificate_of(where, name)


def unheard(door: Door, hosts: Iterable[str], servers: Servers) -> tuple[Warning, ...]:
    """What to say of hosts that no server takes, or none in the door's scheme."""
    hosts = dict.fromkeys(hosts)
    deaf = [host for host in hosts if not (servers.takes(host, tls=True) or servers.takes(host, tls=False))]
    tls = door.scheme == "https"
    mute = [host for host in hosts if host not in deaf and not servers.takes(host, tls=tls)]
    warnings = []
    if deaf:
        message = f"no server of {servers.of} admits host {_named(deaf)} for a VirtualService of namespace "
        warnings.append(Warning("NoListener", message + door.namespace, condition=True))
    if mute and tls:
        message = (
            f"the scheme is https, and no server of {servers.of} with protocol HTTPS admits host {_named(mute)}: add "
            "one with a certificate, unless TLS ends before the Gateway; until then plain HTTP is all there is"
        )
        warnings.append(Warning("NoTLSListener", message, condition=True))
    elif mute:
        message = (
            f"the scheme is http, and only servers of {servers.of} with protocol HTTPS admit host {_named(mute)}: set "
            "urlScheme, or annotation ome.io/ingress-url-scheme, to https, or add a server with protocol HTTP"
        )
        warnings.append(Warning("NoListener", message, condition=True))
    return tuple(warnings)


def _own(hosts: Iterable[str], namespace: str, own: str) -> Iterable[str]:
    for each in hosts:
        where, slash, host = str(each).rpartition("/")
        if not slash or where == "*" or namespace == (own if where == "." else where):
            yield host


def _named(hosts: list[str]) -> str:
    return ", ".join(hosts[:_FEW]) + (f" and {len(hosts) - _FEW} more" if len(hosts) > _FEW else "")


def _matches(pattern: str, host: str) -> bool:
    return pattern in ("*", host) or (pattern.startswith("*.") and host.endswith(pattern[1:]))
