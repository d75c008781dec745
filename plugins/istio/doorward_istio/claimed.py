"""The hosts that a VirtualService, anybody's, serves to the outside, and from which path downwards.

A claim is what an object takes for itself: a rule that asks for a header, a method or an exact path takes less, and
doesn't count.  Names inside the cluster don't either, nor what only sidecars see.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from doorward.model.door import Claim
from doorward.model.hosts import segment_prefix
from doorward.model.reference import JsonObject

from doorward_istio.matches import any_of, hosts_of
from doorward_istio.virtual_service import MESH, VIRTUAL_SERVICE

_NARROWER = frozenset({"headers", "withoutHeaders", "method", "queryParams", "sourceLabels", "sourceNamespace", "port"})


_FEW = 8
"""Repetitions in somebody's expression that are tried out.  RE2 takes its time, Python's ``re`` may take for ever."""


def claims(manifest: JsonObject) -> Sequence[Claim] | None:
    """One claim per host and outermost prefix; None for other kinds."""
    group = str(manifest.get("apiVersion", "")).partition("/")[0]
    if manifest.get("kind") != VIRTUAL_SERVICE.name or group != VIRTUAL_SERVICE.group:
        return None
    namespace = manifest["metadata"].get("namespace", "")
    spec = manifest.get("spec") or {}
    found: list[Claim] = []
    for host in spec.get("hosts") or ():
        if _is_outside(host, namespace):
            served: dict[str, dict[str, None]] = {}
            for prefix, gateways in _served(spec, host):
                served.setdefault(prefix, {}).update(dict.fromkeys(_qualified(gateways, namespace)))
            found += (
                Claim(host, prefix, tuple(via))
                for prefix, via in served.items()
                if via and not any(prefix != other and segment_prefix(other, prefix) for other in served)
            )
    return tuple(found)


def narrowed(manifest: JsonObject, hosts: Sequence[str]) -> JsonObject | None:
    """The spec of a VirtualService of ours with these of its outside hosts and all inside; None where that is none."""
    spec, namespace = manifest.get("spec") or {}, manifest["metadata"].get("namespace", "")
    named = [host for host in spec.get("hosts") or () if host in hosts or not _is_outside(host, namespace)]
    http = []
    for route in spec.get("http") or ():
        if match := [left for each in route.get("match") or () if (left := _only(each, hosts))]:
            http.append({**route, "match": match})
    if not named or not http:
        return None
    everywhere = spec.get("gateways") or ()
    each = [match.get("gateways") or everywhere for route in http for match in route["match"]]
    gateways = dict.fromkeys(gateway for some in each for gateway in some)
    return {"hosts": named, "gateways": list(gateways), "http": http}


def _only(match: JsonObject, hosts: Sequence[str]) -> JsonObject | None:
    """A match for these hosts alone, or for in-cluster ones; None where it is for neither."""
    named = hosts_of((match.get("authority") or {}).get("regex", ""))
    if named is None:
        return None
    left = [host for host in hosts if host in named]
    if named and not left:
        return None
    return {**match, "authority": {"regex": any_of(left)}} if named else match


def _is_outside(host: str, namespace: str) -> bool:
    labels = host.split(".")
    in_cluster = len(labels) == 1 or labels[1:] == [namespace] or labels[2:3] == ["svc"]
    return not in_cluster


def _qualified(gateways: Sequence[str], namespace: str) -> Iterator[str]:
    for gateway in gateways:
        if gateway != MESH:
            yield gateway if "/" in gateway else f"{namespace}/{gateway}"


def _served(spec: JsonObject, host: str) -> Iterator[tuple[str, Sequence[str]]]:
    """Prefixes, and the gateways on which they are served for this host."""
    everywhere = spec.get("gateways") or (MESH,)
    for http in spec.get("http") or ():
        matches: Sequence[JsonObject] = http.get("match") or ({},)
        for match in matches:
            if not _NARROWER.isdisjoint(match) or not _names(match.get("authority"), host):
                continue
            uri = match.get("uri")
            prefix = _prefix(uri) if uri else "/"
            if prefix is not None:
                yield prefix, match.get("gateways") or everywhere


def _prefix(uri: JsonObject) -> str | None:
    if "prefix" in uri:
        return str(uri["prefix"]).rstrip("/") or "/"
    return "/" if uri.get("regex") in (".*", "/.*") else None


def _names(authority: JsonObject | None, host: str) -> bool:
    if not authority:
        return True
    if "exact" in authority:
        return bool(authority["exact"] == host)
    if "prefix" in authority:
        return host.startswith(authority["prefix"])
    regex = authority.get("regex", "")
    hosts = hosts_of(regex)
    if hosts is not None:
        return host in hosts
    if "*" in regex or "+" in regex or regex.count("?") + regex.count("{") > _FEW:
        return True
    try:
        return re.fullmatch(regex, host) is not None
    except re.error:
        return True
