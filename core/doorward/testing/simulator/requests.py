"""Where requests go, as the objects of one service say: what proxies would do, by the rules of each kind's API.

It is written for the shapes that doors have, and stands apart from the engine: it is what the engine is measured by.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from doorward.model.reference import JsonObject

LOCAL_GATEWAY = "knative-serving/knative-local-gateway"

Host = tuple[str, str]
"""A host, and the path prefix from which on it is served."""
Reached = tuple[str, str]
"""The component's Service, and the path that it sees."""


def reached(objects: Iterable[JsonObject], host: str, path: str = "/") -> Reached | None:
    """Who answers a request from outside, by one of the ways in; None where nobody does."""
    return next(ways(list(objects), host, path), None)


def is_served(by: Iterable[Reached], prefix: str) -> bool:
    """Whether one of the ways in leads to a component, with the prefix removed where the door lies below one."""
    return any(prefix == "/" or not seen.strip("/") for _, seen in by)


def ways(objects: list[JsonObject], host: str, path: str) -> Iterator[Reached]:
    """Where requests get by each object that lets them in: each may be another proxy's."""
    for obj in objects:
        if obj["kind"] == "Ingress" and (hit := _ingress(obj, host, path)):
            yield from _onward(objects, hit, host, path)
    for obj in objects:
        if obj["kind"] == "HTTPRoute" and (hit := _route(obj, host, path)):
            yield hit
    for obj in objects:
        if hit := _virtual([obj], host, path, inside=False):
            yield hit


def inside(objects: Iterable[JsonObject]) -> set[str]:
    """The Services of one service through which requests from inside the cluster get somewhere, by name."""
    objects = [obj for obj in objects if "deletionTimestamp" not in obj["metadata"]]
    found = set()
    for obj in objects:
        if obj["kind"] != "Service":
            continue
        meta, spec = obj["metadata"], obj.get("spec") or {}
        host = f"{meta['name']}.{meta['namespace']}.svc.cluster.local"
        through = spec.get("type") == "ExternalName"
        if _virtual(objects, host, "/", inside=True) if through else (spec.get("selector") or {}).get("component"):
            found.add(meta["name"])
    return found


def pods_of(selector: JsonObject) -> str:
    """The Service of the component whose pods a selector selects."""
    if (name := selector.get("models.example/model")) is not None:
        component = {"main": "engine", "front": "router", "side": "decoder"}.get(selector.get("component", ""))
        return f"{name}-{component}"
    return f"{selector.get('ome.io/inferenceservice')}-{selector.get('component')}"


def claimed(obj: JsonObject) -> set[tuple[str, str]]:
    """The (host, path prefix) pairs that an object serves outside; the prefix of a whole host is ``/``."""
    spec = obj.get("spec") or {}
    match obj["kind"]:
        case "Ingress":
            return {(rule.get("host", ""), _ingress_prefix(rule)) for rule in spec.get("rules") or ()}
        case "HTTPRoute":
            prefix = _route_prefix(spec)
            return {(host, prefix) for host in spec.get("hostnames") or ()}
        case "VirtualService":
            return _virtual_claims(spec)
    return set()


def outside(obj: JsonObject) -> bool:
    """Whether an object opens something to the outside."""
    if obj["kind"] == "Service":
        return (obj.get("spec") or {}).get("type") in ("LoadBalancer", "NodePort")
    return bool(claimed(obj))


def overlap(one: tuple[str, str], other: tuple[str, str]) -> bool:
    if one[0] != other[0]:
        return False
    a, b = one[1].rstrip("/") + "/", other[1].rstrip("/") + "/"
    return a.startswith(b) or b.startswith(a)


def _below(prefix: str, path: str) -> bool:
    prefix = prefix.rstrip("/")
    return path == prefix or path.startswith(prefix + "/") or not prefix


def _ingress_prefix(rule: JsonObject) -> str:
    """What all paths of a rule begin with; those of path doors are expressions: ``/(?-i:PREFIX)`` and what follows."""
    paths: list[str] = [entry["path"] for entry in rule["http"]["paths"]]
    if rule["http"]["paths"][0]["pathType"] == "Prefix":
        return min(paths, key=len)
    literal = paths[-1].replace("(?-i:", "").partition(")")[0]
    plain: str = re.sub(r"\\(.)", r"\1", literal)
    return plain.rstrip("/") or "/"


def _ingress(obj: JsonObject, host: str, path: str) -> Reached | None:
    best: tuple[int, Reached] | None = None
    rewrite = (obj["metadata"].get("annotations") or {}).get("nginx.ingress.kubernetes.io/rewrite-target", "")
    for rule in obj["spec"].get("rules") or ():
        if rule.get("host") != host:
            continue
        for entry in rule["http"]["paths"]:
            seen = path
            if entry["pathType"] == "Prefix":
                hit = _below(entry["path"], path)
            else:
                found = re.match(entry["path"], path)
                hit = found is not None
                if found and rewrite:
                    seen = _rewritten(rewrite, found)
            if hit and (best is None or len(entry["path"]) > best[0]):
                best = (len(entry["path"]), (entry["backend"]["service"]["name"], seen))
    return best[1] if best else None


def _rewritten(target: str, found: re.Match[str]) -> str:
    """ingress-nginx's rewrite target, with the groups that matched."""
    seen: str = re.sub(r"\$(\d)", lambda group: found.group(int(group[1])) or "", target)
    return seen


def _onward(objects: list[JsonObject], hit: Reached, host: str, path: str) -> Iterator[Reached]:
    """Any Service but a component's has to stand: it leads to pods, or to the local gateway, where VirtualServices
    take the host on."""
    if hit[0].endswith(("-engine", "-router", "-decoder")):
        yield hit
        return
    for service in objects:
        if service["kind"] != "Service" or service["metadata"]["name"] != hit[0]:
            continue
        if service["spec"].get("type") == "ExternalName":
            yield from (on for obj in objects if (on := _virtual([obj], host, path, inside=True)))
        else:
            selector = service["spec"].get("selector") or {}
            yield pods_of(selector), path


def _route_prefix(spec: JsonObject) -> str:
    values = [rule["matches"][0]["path"]["value"] for rule in spec.get("rules") or ()]
    return min(values, key=len) if values else "/"


def _attached(route: JsonObject) -> bool:
    """Whether a gateway took a route up: once it did, it goes on with what it had until it takes up the next."""
    parents = (route.get("status") or {}).get("parents") or ()
    return any(c["type"] == "Accepted" and c["status"] == "True" for p in parents for c in p.get("conditions") or ())


def _route(obj: JsonObject, host: str, path: str) -> Reached | None:
    spec = obj["spec"]
    if host not in (spec.get("hostnames") or ()) or not _attached(obj):
        return None
    best: tuple[int, Reached] | None = None
    for rule in spec.get("rules") or ():
        value = rule["matches"][0]["path"]["value"]
        if not _below(value, path) or (best is not None and len(value) <= best[0]):
            continue
        seen = path
        for each in rule.get("filters") or ():
            if target := each.get("urlRewrite", {}).get("path", {}).get("replacePrefixMatch"):
                seen = (target.rstrip("/") + path[len(value.rstrip("/")) :]) or "/"
        to = rule.get("backendRefs") or ({"name": ""},)
        best = (len(value), (to[0]["name"], seen))
    return best[1] if best and best[1][0] else None


@lru_cache(maxsize=4096)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)


def _virtual_claims(spec: JsonObject) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    outer = [g for g in spec.get("gateways") or () if g != "mesh"]
    if not outer:
        return found
    for host in spec.get("hosts") or ():
        prefixes = []
        for http in spec.get("http") or ():
            for match in http.get("match") or ():
                gateways = match.get("gateways") or outer
                authority = match.get("authority", {}).get("regex", ".*")
                if any(g != "mesh" for g in gateways) and _pattern(authority).fullmatch(host):
                    uri = match.get("uri", {})
                    prefixes.append(uri.get("exact") or uri.get("prefix") or "/")
        if prefixes and "." in host and not _inside(spec, host):
            found.add((host, min(prefixes, key=len)))
    return found


def _inside(spec: JsonObject, host: str) -> bool:
    """Whether a host of a VirtualService is one of its in-cluster names: it ends in ``.svc``, or a longer one does."""
    return f".{host}".endswith((".svc", ".svc.cluster.local")) or f"{host}.svc" in (spec.get("hosts") or ())


def _virtual(objects: list[JsonObject], host: str, path: str, *, inside: bool) -> Reached | None:
    for obj in objects:
        if obj["kind"] != "VirtualService" or host not in (obj["spec"].get("hosts") or ()):
            continue
        spec = obj["spec"]
        for http in spec.get("http") or ():
            for match in http.get("match") or ():
                gateways = match.get("gateways") or spec.get("gateways") or ()
                here = (g == LOCAL_GATEWAY if inside else g not in (LOCAL_GATEWAY, "mesh") for g in gateways)
                if not any(here) or not _pattern(match.get("authority", {}).get("regex", ".*")).fullmatch(host):
                    continue
                uri = match.get("uri", {})
                if ("exact" in uri and uri["exact"] != path) or not path.startswith(uri.get("prefix", "")):
                    continue
                seen = path
                if rewrite := http.get("rewrite", {}).get("uri"):
                    seen = re.sub("^//+", "/", rewrite + path[len(uri.get("exact") or uri.get("prefix", "")) :])
                name = http["headers"]["request"]["set"].get("Host") or http["route"][0]["destination"]["host"]
                return name.partition(".")[0], seen
    return None
