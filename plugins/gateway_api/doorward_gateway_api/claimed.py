"""The hosts that an HTTPRoute, anybody's, serves, and from which path downwards.

A rule that asks for a header, a method or a query takes less than the path, and doesn't count.  An exact path is one
page, and no claim on what lies below it: it is told as such.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from doorward.model.door import Claim
from doorward.model.outermost import outermost
from doorward.model.reference import JsonObject

from doorward_gateway_api.kinds import GROUP, HTTP_ROUTE
from doorward_gateway_api.parents import gateway_of


def claims(manifest: JsonObject) -> Sequence[Claim] | None:
    """One claim per host and outermost prefix, and per exact path below none; None for other kinds."""
    if manifest.get("kind") != HTTP_ROUTE.name or not str(manifest.get("apiVersion", "")).startswith(GROUP + "/"):
        return None
    spec = manifest.get("spec") or {}
    namespace = manifest["metadata"].get("namespace", "")
    parents = (gateway_of(parent, namespace) for parent in spec.get("parentRefs") or ())
    via = tuple(dict.fromkeys(filter(None, parents)))
    paths = dict.fromkeys(_paths(spec))
    return outermost(
        Claim(host, prefix, via, exact)
        for host in dict.fromkeys(spec.get("hostnames") or ())
        for prefix, exact in paths
    )


def narrowed(manifest: JsonObject, hosts: Sequence[str]) -> JsonObject | None:
    """What an HTTPRoute of ours has with these hosts alone, as a merge patch of its spec; None where that is nothing.

    A route without host names would take all of its Gateway's.
    """
    keep = frozenset(hosts)
    left = [host for host in (manifest.get("spec") or {}).get("hostnames") or () if host in keep]
    return {"hostnames": left} if left else None


def _paths(spec: JsonObject) -> Iterator[tuple[str, bool]]:
    """Paths, and whether each is exact."""
    rules: Sequence[JsonObject] = spec.get("rules") or ({},)
    for rule in rules:
        matches: Sequence[JsonObject] = rule.get("matches") or ({},)
        for match in matches:
            path = match.get("path") or {}
            kind = path.get("type", "PathPrefix")
            if kind in ("PathPrefix", "Exact") and match.keys() <= {"path"}:
                yield str(path.get("value", "/")).rstrip("/") or "/", kind == "Exact"
