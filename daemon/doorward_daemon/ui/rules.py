"""What an object that stands does with requests, in one shape for every kind: which paths it leads where, by whom.

The kinds of the built-in backends are read whole.  Of any other it is known which hosts it serves, by its backend's
hook ``claims``, and which components it leads to, by its annotation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

import msgspec
from doorward.backends import BackendError, Backends
from doorward.model.door import Claim
from doorward.model.reference import SERVICE, JsonObject, Ref
from doorward.state.transform import ROUTED, as_list, as_map

__all__ = ["Leads", "Rule", "leads"]

MOST = 64
"""Rules of one object that are shown."""


class Rule(msgspec.Struct, frozen=True):
    """Requests below a path go to one of these Services or components."""

    path: str
    services: tuple[str, ...]
    """Names of Services of the object's namespace; of components where the object doesn't name Services."""
    hosts: tuple[str, ...] = ()
    """The hosts for which it counts; none: every one that the object serves."""


class Leads(msgspec.Struct, frozen=True):
    """One object, as requests see it."""

    claims: tuple[Claim, ...]
    rules: tuple[Rule, ...]


def leads(ref: Ref, obj: JsonObject, backends: Backends) -> Leads | None:
    """What an object of a door does with requests; None for one that no request passes (a policy, say)."""
    try:
        claims = tuple(backends.claims(ref.kind, obj))
    except BackendError:
        claims = ()
    read = _READERS.get(ref.kind)
    if ref.kind not in backends.claiming and ref.kind != SERVICE:
        return None
    try:
        rules = tuple(dict.fromkeys(read(obj)))[:MOST] if read else ()
    except (AttributeError, LookupError, TypeError, ValueError):  # somebody made it into something else
        rules = ()
    return Leads(claims, rules or (Rule("/", _routed(obj)),))


def _routed(obj: JsonObject) -> tuple[str, ...]:
    told = str(as_map(obj["metadata"].get("annotations")).get(ROUTED, ""))
    return tuple(part for part in told.split(",")[:1] if part)


def _ingress(obj: JsonObject) -> Iterator[Rule]:
    found: dict[Rule, list[str]] = {}
    for rule in as_list(obj["spec"].get("rules")):
        for path in as_list(as_map(rule.get("http")).get("paths")):
            name = str(as_map(as_map(path.get("backend")).get("service")).get("name", ""))
            found.setdefault(Rule(_bare(path.get("path", "/")), (name,)), []).append(str(rule.get("host", "")))
    yield from found


def _route(obj: JsonObject) -> Iterator[Rule]:
    for rule in as_list(obj["spec"].get("rules")):
        names = tuple(str(each.get("name", "")) for each in as_list(rule.get("backendRefs")))
        for match in as_list(rule.get("matches")) or [{}]:
            if names:
                yield Rule(_bare(as_map(match.get("path")).get("value", "/")), names)


def _virtual_service(obj: JsonObject) -> Iterator[Rule]:
    namespace = obj["metadata"].get("namespace", "")
    for http in as_list(obj["spec"].get("http")):
        headers = as_map(as_map(as_map(http.get("headers")).get("request")).get("set"))
        rewritten = headers.get("Host") or as_map(http.get("rewrite")).get("authority")
        told = [as_map(each.get("destination")).get("host", "") for each in as_list(http.get("route"))]
        hosts = [str(rewritten)] if rewritten else [str(each) for each in told]
        names = tuple(_first(host, namespace) for host in hosts)
        paths = dict.fromkeys(_bare(_uri(as_map(match.get("uri")))) for match in as_list(http.get("match")) or [{}])
        for path in paths:
            yield Rule(path, names)


def _uri(match: JsonObject) -> str:
    return str(match.get("prefix") or match.get("exact") or match.get("regex") or "/")


def _first(host: str, namespace: str) -> str:
    """The Service that a name inside the cluster begins with."""
    name, _, rest = host.partition(".")
    return name if not rest or rest.split(".")[0] == namespace else host


def _bare(path: object) -> str:
    """A path as people write it: what a controller needs to read it as a prefix is left out."""
    text = str(path)
    if _PATTERN.search(text):
        for part in _AROUND:
            text = text.replace(part, "")
        text = re.sub(r"\\(.)", r"\1", re.sub(r"(?<!\\)[()^$]", "", text))
    return text.rstrip("/")[:200] or "/"


_PATTERN = re.compile(r"[(\\^$]")
_AROUND = ("(?-i:", "(?:/(.*))?", "(?:/.*)?", "(/.*)?", "(/|$)(.*)", "(.*)", "?$")


_READERS: Mapping[str, Callable[[JsonObject], Iterator[Rule]]] = {
    "Ingress.networking.k8s.io": _ingress,
    "HTTPRoute.gateway.networking.k8s.io": _route,
    "VirtualService.networking.istio.io": _virtual_service,
}
