"""The hosts that a VirtualService, anybody's, serves by its gateways, and from which path downwards.

A claim is what an object takes for itself: a rule that asks for a header or a method takes less, and doesn't count; an
exact path is no claim on what lies below it, and is told as such.  What only sidecars see doesn't count either, nor a
rule that says of itself that it is for the forms of an in-cluster name.  Any other host of several labels counts, one
that looks like an in-cluster name too: ``m.a.svc.example.com`` may lie outside, and the object doesn't tell the
cluster's domain.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from doorward.model.door import Claim
from doorward.model.outermost import outermost
from doorward.model.reference import JsonObject

from doorward_istio.gateways import MESH, qualified
from doorward_istio.matches import any_of, hosts_of, is_inside
from doorward_istio.virtual_service import VIRTUAL_SERVICE

_NARROWER = frozenset({"headers", "withoutHeaders", "method", "queryParams", "sourceLabels", "sourceNamespace", "port"})


_FEW = 8
"""Choices in somebody's expression that are tried out.  RE2 takes its time, Python's ``re`` may take for ever."""
_LONGEST = 1024
"""Characters of an expression that is tried out."""
_NEVER_TRIED = re.compile(r"[*+{\[]")
"""Repetitions, and sets of characters, which RE2 and Python read in different ways."""


class _Served(NamedTuple):
    """A prefix or an exact path, whether it is served for a host, and the gateways on which it is."""

    prefix: str
    exact: bool
    names: Callable[[str], bool]
    gateways: Sequence[str]


def claims(manifest: JsonObject) -> Sequence[Claim] | None:
    """One claim per host and outermost prefix, and per exact path below none; None for other kinds."""
    group = str(manifest.get("apiVersion", "")).partition("/")[0]
    if manifest.get("kind") != VIRTUAL_SERVICE.name or group != VIRTUAL_SERVICE.group:
        return None
    spec = manifest.get("spec") or {}
    rules = list(_served(spec, manifest["metadata"].get("namespace", "")))
    found: list[Claim] = []
    for host in dict.fromkeys(spec.get("hosts") or ()):
        if "." not in host:
            continue
        found += outermost(
            Claim(host, rule.prefix, tuple(rule.gateways), rule.exact)
            for rule in rules
            if rule.gateways and rule.names(host)
        )
    return tuple(found)


def narrowed(manifest: JsonObject, hosts: Sequence[str]) -> JsonObject | None:
    """The spec of a VirtualService of ours with these of its outside hosts and all inside; None where that is none."""
    spec, keep = manifest.get("spec") or {}, frozenset(hosts)
    everything = [match for route in spec.get("http") or () for match in route.get("match") or ()]
    inside = [regex for match in everything if hosts_of(regex := _regex(match)) == frozenset()]
    named = [
        host
        for host in spec.get("hosts") or ()
        if host in keep or any(is_inside(regex, host) for regex in dict.fromkeys(inside))
    ]
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
    named = hosts_of(_regex(match))
    if named is None:
        return None
    left = [host for host in hosts if host in named]
    if named and not left:
        return None
    return {**match, "authority": {"regex": any_of(left)}} if named else match


def _regex(match: JsonObject) -> str:
    return str((match.get("authority") or {}).get("regex", ""))


def _served(spec: JsonObject, namespace: str) -> Iterator[_Served]:
    """What is served by gateways, and for which hosts."""
    everywhere = spec.get("gateways") or (MESH,)
    for http in spec.get("http") or ():
        matches: Sequence[JsonObject] = http.get("match") or ({},)
        for match in matches:
            if not _NARROWER.isdisjoint(match):
                continue
            uri = match.get("uri")
            exact = uri is not None and "exact" in uri
            prefix = _prefix(uri) if uri else "/"
            if prefix is None:
                continue
            gateways = [qualified(each, namespace) for each in match.get("gateways") or everywhere if each != MESH]
            yield _Served(prefix, exact, _names(match.get("authority")), gateways)


def _prefix(uri: JsonObject) -> str | None:
    for kind in ("prefix", "exact"):
        if kind in uri:
            return str(uri[kind]).rstrip("/") or "/"
    return "/" if uri.get("regex") in (".*", "/.*") else None


def _names(authority: JsonObject | None) -> Callable[[str], bool]:
    """Whether a match is for a host outside; what all of its hosts have in common is worked out once."""
    if not authority:
        return lambda _: True
    if "exact" in authority:
        exact = authority["exact"]
        return lambda host: bool(host == exact)
    if "prefix" in authority:
        prefix = authority["prefix"]
        return lambda host: host.startswith(prefix)
    regex = authority.get("regex", "")
    hosts = hosts_of(regex)
    if hosts is not None:
        return hosts.__contains__
    return lambda host: not is_inside(regex, host) and _may_match(regex, host)


def _may_match(regex: str, host: str) -> bool:
    """Whether an expression may be for a host; where trying it out could take long, it may.

    Every choice may double the time that Python's ``re`` takes, and a repetition is many of them.
    """
    if len(regex) > _LONGEST or _NEVER_TRIED.search(regex) or regex.count("?") + regex.count("|") > _FEW:
        return True
    try:
        return re.fullmatch(regex, host) is not None
    except (re.error, RecursionError, OverflowError):
        return True
