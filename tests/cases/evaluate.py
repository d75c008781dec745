"""Where would a request go?  An evaluator of rendered objects, independent of the engine.

``route(objects, url, inside=False, gateway=...)`` plays the part of the proxies: it takes Kubernetes objects as plain
dicts and answers with ``(service, path)``: the name of the component Service that would get the request and the path
that it would see, or ``None`` where no object takes it.  It reads Ingress, HTTPRoute, VirtualService and Service by
the rules of their specifications; it is not a proxy, and real ones have the last word.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

DEFAULT_GATEWAY = "knative-serving/knative-ingress-gateway"
LOCAL_GATEWAY = "knative-serving/knative-local-gateway"


def route(objects: list[dict], url: str, *, inside: bool = False, gateway: str = DEFAULT_GATEWAY):
    parts = urlsplit(url)
    host, path = parts.hostname or "", parts.path or "/"
    if inside:
        return _inside(objects, host, path)
    hit = _ingress(objects, host, path)
    if hit:
        return _onward(objects, host, *hit)
    hit = _httproute(objects, host, path) or _with_and_without_port(objects, host, path, gateway)
    return hit or _external_service(objects, host, path)


def _onward(objects, host, namespace, service, path):
    """A backend that is an ExternalName leads to the local gateway, where a VirtualService may take the host on."""
    for o in by_kind(objects, "Service"):
        same = o["metadata"]["name"] == service and o["metadata"].get("namespace") == namespace
        if same and o["spec"].get("type") == "ExternalName":
            return _with_and_without_port(objects, host, path, LOCAL_GATEWAY)
    return service, path


def _with_and_without_port(objects, host, path, gateway):
    """Clients send ``host`` or ``host:port``; a rule that tells them apart is wrong."""
    bare, ported = (_virtualservice(objects, host, path, gateway, a) for a in (host, host + ":8080"))
    return bare if bare == ported else ("differs with a port", path)


def by_kind(objects: list[dict], kind: str) -> list[dict]:
    return [o for o in objects if o.get("kind") == kind]


def segment_prefix(prefix: str, path: str) -> bool:
    """Kubernetes and Gateway API prefixes match whole path segments."""
    prefix = prefix.rstrip("/")
    return path == prefix or path.startswith(prefix + "/")


def host_matches(pattern: str, host: str) -> bool:
    if pattern in ("", "*"):
        return True
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and host != pattern[2:]
    return pattern == host


def _ingress(objects, host, path):
    best = None
    for ingress in by_kind(objects, "Ingress"):
        notes = ingress["metadata"].get("annotations") or {}
        regex = notes.get("nginx.ingress.kubernetes.io/use-regex") == "true"
        target = notes.get("nginx.ingress.kubernetes.io/rewrite-target")
        vhost = notes.get("nginx.ingress.kubernetes.io/upstream-vhost")
        for rule in ingress["spec"].get("rules") or []:
            if not host_matches(rule.get("host", ""), host):
                continue
            for entry in rule["http"]["paths"]:
                seen = path
                if entry["pathType"] == "Exact":
                    hit = path == entry["path"]
                elif entry["pathType"] == "Prefix":
                    hit = segment_prefix(entry["path"], path)
                else:
                    found = re.match(entry["path"] if regex else re.escape(entry["path"]), path, re.I)
                    hit = bool(found)
                    if hit and target:
                        seen = re.sub(r"\$(\d)", lambda m, found=found: found.group(int(m[1])) or "", target)
                rank = (entry["pathType"] == "Exact", len(entry["path"]))
                if hit and (best is None or rank > best[0]):
                    name = vhost.split(".")[0] if vhost else entry["backend"]["service"]["name"]
                    best = (rank, (ingress["metadata"].get("namespace"), name, seen))
    return best and best[1]


def _httproute(objects, host, path):
    best = None
    for resource in by_kind(objects, "HTTPRoute"):
        names = resource["spec"].get("hostnames") or [""]
        if not any(host_matches(n, host) for n in names):
            continue
        for rule in resource["spec"].get("rules") or []:
            for match in rule.get("matches") or [{}]:
                where = match.get("path") or {"type": "PathPrefix", "value": "/"}
                kind, value = where.get("type", "PathPrefix"), where.get("value", "/")
                if kind == "Exact":
                    hit = path == value
                elif kind == "PathPrefix":
                    hit = segment_prefix(value, path)
                else:
                    hit = bool(re.fullmatch(value, path))
                rank = ({"Exact": 2, "PathPrefix": 1}.get(kind, 0), len(value))
                if not hit or (best is not None and rank <= best[0]) or not rule.get("backendRefs"):
                    continue
                seen = path
                for f in rule.get("filters") or []:
                    rewrite = (f.get("urlRewrite") or {}).get("path") or {}
                    if rewrite.get("type") == "ReplacePrefixMatch":
                        rest = path[len(value.rstrip("/")) :]
                        seen = (rewrite["replacePrefixMatch"].rstrip("/") + rest) or "/"
                        seen = seen if seen.startswith("/") else "/" + seen
                    elif rewrite.get("type") == "ReplaceFullPath":
                        seen = rewrite["replaceFullPath"]
                best = (rank, (rule["backendRefs"][0]["name"], seen))
    return best and best[1]


def _string_match(match: dict | None, value: str) -> bool:
    if not match:
        return True
    if "exact" in match:
        return value == match["exact"]
    if "prefix" in match:
        return value.startswith(match["prefix"])
    return bool(re.fullmatch(match["regex"], value))


def _virtualservice(objects, host, path, gateway, authority):
    for resource in by_kind(objects, "VirtualService"):
        spec = resource["spec"]
        if gateway not in (spec.get("gateways") or ["mesh"]) or not any(host_matches(h, host) for h in spec["hosts"]):
            continue
        for http in spec.get("http") or []:
            if "redirect" in http:  # to https, where the same rules hold
                continue
            for match in http.get("match") or [{}]:
                if match.get("gateways") and gateway not in match["gateways"]:
                    continue
                if not _string_match(match.get("uri"), path) or not _string_match(match.get("authority"), authority):
                    continue
                seen, rewrite = path, http.get("rewrite") or {}
                if "uriRegexRewrite" in rewrite:
                    r = rewrite["uriRegexRewrite"]
                    seen = re.sub(r["match"], r["rewrite"], path)
                elif "uri" in rewrite:
                    uri = match.get("uri") or {}
                    matched = uri.get("prefix", uri.get("exact", path))
                    seen = rewrite["uri"] + path[len(matched) :]
                headers = ((http.get("headers") or {}).get("request") or {}).get("set") or {}
                target = headers.get("Host") or headers.get("host") or rewrite.get("authority")
                target = target or http["route"][0]["destination"]["host"]
                return target.split(".")[0], re.sub("^//+", "/", seen)
    return None


def _external_service(objects, host, path):
    for service in by_kind(objects, "Service"):
        for address in (((service.get("status") or {}).get("loadBalancer") or {}).get("ingress")) or []:
            if host in (address.get("ip"), address.get("hostname")):
                component = (service["spec"].get("selector") or {}).get("component")
                return service["metadata"]["labels"]["ome.io/inferenceservice"] + "-" + component, path
    return None


def _inside(objects, host, path):
    """From a pod, with a sidecar (gateway ``mesh``) and without one (by the Service); both must agree."""
    name, namespace = host.split(".")[:2]
    service = next(
        (
            o
            for o in by_kind(objects, "Service")
            if (o["metadata"]["name"], o["metadata"].get("namespace")) == (name, namespace)
        ),
        None,
    )
    meshed = _with_and_without_port(objects, host, path, "mesh")
    if service is None:
        return meshed
    if service["spec"].get("type") == "ExternalName":
        plain = _with_and_without_port(objects, host, path, LOCAL_GATEWAY)
        return plain if plain == meshed else ("differs with a sidecar", path)
    selector = service["spec"].get("selector") or {}
    owner = selector.get("ome.io/inferenceservice")
    plain = (f"{owner}-{selector['component']}", path) if owner else (name, path)
    return plain if meshed in (None, plain) else ("differs with a sidecar", path)
