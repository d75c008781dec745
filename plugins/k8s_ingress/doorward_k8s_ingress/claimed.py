"""The hosts that an Ingress, anybody's, serves, and from which path downwards.

An exact path is one page, and no claim on what lies below it: it is told as such.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from doorward.model.door import Claim
from doorward.model.outermost import outermost
from doorward.model.reference import JsonObject

from doorward_k8s_ingress.naming import INGRESS, ways_of
from doorward_k8s_ingress.rewriting import REWRITE_TARGET, USE_REGEX, literal_prefix


def claims(manifest: JsonObject) -> Sequence[Claim] | None:
    """One claim per host and outermost prefix, and per exact path below none; None for other kinds."""
    if manifest.get("kind") != INGRESS.name or not str(manifest.get("apiVersion", "")).startswith(INGRESS.group + "/"):
        return None
    via = ways_of(manifest)
    annotations = manifest["metadata"].get("annotations") or {}
    regex = annotations.get(USE_REGEX) == "true" or REWRITE_TARGET in annotations
    return outermost(
        Claim(host, prefix, via, exact)
        for rule in (manifest.get("spec") or {}).get("rules") or ()
        if (host := rule.get("host"))
        for prefix, exact in _paths(rule, regex)
    )


def narrowed(manifest: JsonObject, hosts: Sequence[str]) -> JsonObject | None:
    """What an Ingress of ours has with these hosts alone, as a merge patch of its spec; None where that is nothing."""
    spec, keep = manifest.get("spec") or {}, frozenset(hosts)
    rules = [rule for rule in spec.get("rules") or () if rule.get("host") in keep]
    if not rules:
        return None
    tls = []
    for entry in spec.get("tls") or ():
        if left := [host for host in entry.get("hosts") or () if host in keep]:
            tls.append({**entry, "hosts": left})
    return {"rules": rules, "tls": tls or None}


def _paths(rule: JsonObject, regex: bool) -> Iterator[tuple[str, bool]]:
    """Paths, and whether each is exact."""
    paths: Sequence[JsonObject] = (rule.get("http") or {}).get("paths") or ({},)
    for path in paths:
        kind, text = path.get("pathType"), path.get("path") or "/"
        if kind == "ImplementationSpecific" and regex:
            yield literal_prefix(text), False
        else:
            yield text.rstrip("/") or "/", kind == "Exact"
