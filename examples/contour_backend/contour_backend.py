"""A doorward backend for Contour: an HTTPProxy for each host of a door.

Contour takes neither of two HTTPProxies that name one host.  So each host has an object of its own, whose name follows
from it, and a path door, which shares its host with others, can't be opened.  A prefix is a plain string, by which
``/v1/decoder`` would take ``/v1/decoders`` too: a route of a door is two of Contour's, the path itself and what lies
below it, which takes Contour v1.25.  Without a timeout Envoy would answer for the component after 15 s.

Source: projectcontour/contour, apis/projectcontour/v1/httpproxy.go (``MatchCondition``, ``TimeoutPolicy``, ``Service``)
and detailedconditions.go (``Valid``), internal/dag/httpproxy_processor.go (``DuplicateVhost``), internal/sorter/
sorter.go (exact paths come before prefixes, longer prefixes before shorter ones).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256

from doorward import JsonObject, Ref, Resource
from doorward.hooks import Door, Read, Rendering, Standing, Warning, Watch, hookimpl, manifest, names

HTTP_PROXY = Resource("HTTPProxy.projectcontour.io", "httpproxies")
WRITTEN = ("list", "watch", "create", "patch", "delete")
PLAIN = Warning(
    "NoCertificate",
    "the scheme is https, and the HTTPProxies of this door have no certificate: TLS has to end before Contour",
    condition=True,
)


@hookimpl
def watches() -> Sequence[Watch]:
    return (Watch(resource=HTTP_PROXY, verbs=WRITTEN, owned="spec", hosts=("virtualhost.fqdn",)),)


@hookimpl
def render(door: Door, read: Read) -> Rendering | None:
    if door.backend != "contour":
        return None
    if door.serverless:
        return Rendering(refused="contour doesn't serve mode Serverless; choose ome.io/deployment-mode: RawDeployment")
    warnings = (PLAIN,) if door.scheme == "https" else ()
    return Rendering(objects=tuple(_proxy(door, host) for host in door.all_hosts), warnings=warnings, path=False)


def _proxy(door: Door, host: str) -> JsonObject:
    """A host that stays keeps its object, whichever others come and go."""
    digits = sha256(f"{door.namespace}/{door.name}/{host}".encode()).hexdigest()[:12]
    spec = {"virtualhost": {"fqdn": host}, "routes": list(_routes(door))}
    return manifest(HTTP_PROXY.api_version(), HTTP_PROXY.name, names.derived(door.name, "", digits), spec)


def _routes(door: Door) -> Iterator[JsonObject]:
    for route in door.routes:
        target = door.target(route.component)
        speaks = {"protocol": "h2c"} if target.protocol else {}
        seconds = target.timeout or door.settings.request_timeout_seconds
        limit = f"{seconds}s" if seconds else "infinity"
        whole = [{"prefix": "/"}]
        for condition in whole if route.prefix == "/" else [{"exact": route.prefix}, {"prefix": f"{route.prefix}/"}]:
            headers = {"OMe-Isvc-Name": door.name, "OME-Isvc-Namespace": door.namespace}
            yield {
                "conditions": [condition],
                "services": [{"name": target.service, "port": target.port, **speaks}],
                "timeoutPolicy": {"response": limit, "idle": limit},
                "requestHeadersPolicy": {"set": [{"name": key, "value": value} for key, value in headers.items()]},
                "enableWebsockets": True,
            }


@hookimpl
def status(door: Door, observed: Mapping[Ref, JsonObject]) -> Standing:
    """Accepted once Contour has found each HTTPProxy valid, as it stands."""
    for ref, proxy in observed.items():
        told = (proxy.get("status") or {}).get("conditions") or ()
        valid: JsonObject = next((each for each in told if each["type"] == "Valid"), {"status": "Unknown"})
        if valid.get("observedGeneration") != proxy["metadata"].get("generation") or valid["status"] == "Unknown":
            return Standing(state="pending", message=f"Contour hasn't answered for {ref}")
        if valid["status"] != "True":
            why = [valid.get("message", ""), *(each["message"] for each in valid.get("errors") or ())]
            return Standing(state="refused", reason="ProxyInvalid", message=f"{ref}: {'; '.join(filter(None, why))}")
    return Standing()
