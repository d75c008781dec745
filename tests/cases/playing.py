"""Playing a case: what is given becomes objects of a cluster; what is expected is looked up in what stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import yaml
from doorward.model.names import cut

from tests.cases.evaluate import DEFAULT_GATEWAY, route

HERE = Path(__file__).parent
UID = "11111111-1111-1111-1111-111111111111"
TITLES = {"engine": "EngineReady", "router": "RouterReady", "decoder": "DecoderReady"}

Case = dict[str, Any]
Json = dict[str, Any]


def load() -> list[Case]:
    return [case for name in ("page", "overrides") for case in yaml.safe_load((HERE / f"{name}.yaml").read_text())]


def documents(case: Case) -> list[Json]:
    """The objects that a case begins with."""
    given = case["given"]
    found = [*_settings(given), *given.get("objects", ())]
    service = given["service"]
    name, namespace = service["name"], service["namespace"]
    status = dict(service.get("status", {}))
    if "ready" in given:
        status["conditions"] = [{"type": TITLES[c], "status": "True"} for c in given["ready"]]
    metadata = {key: service[key] for key in ("name", "namespace", "annotations", "labels") if key in service}
    metadata |= {"uid": UID, "creationTimestamp": "2026-01-01T00:00:00Z"}
    found.append(
        {
            "apiVersion": "ome.io/v1beta1",
            "kind": "InferenceService",
            "metadata": metadata,
            "spec": service["spec"],
            **({"status": status} if status else {}),
        }
    )
    if given.get("services"):
        found += [_component(name, namespace, c) for c in TITLES if c in service["spec"]]
    return found


def _settings(given: Json) -> list[Json]:
    data = {}
    for key, name in (("config", "ingress"), ("deploy", "deploy"), ("doorward", "doorward")):
        if key in given:
            data[name] = orjson.dumps(given[key]).decode()
    if not data:
        return []
    metadata = {"name": "inferenceservice-config", "namespace": "ome"}
    return [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}]


def _component(name: str, namespace: str, component: str) -> Json:
    labels = {"ome.io/inferenceservice": cut(name), "component": component}
    full = cut(f"{name}-{component}")
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": full, "namespace": namespace, "labels": labels},
        "spec": {"selector": labels, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
    }


def check(case: Case, standing: list[Json], service: Json) -> None:
    """Assert what a case expects of the objects that stand and of the InferenceService."""
    expect = case["expect"]
    ours = [o for o in standing if "doorward.io/owner" in (o["metadata"].get("annotations") or {})]
    if "objects" in expect:
        assert sorted(f"{o['kind']}/{o['metadata']['name']}" for o in ours) == sorted(expect["objects"])
    status = service.get("status", {})
    condition = next((c for c in status.get("conditions", []) if c["type"] == "IngressReady"), {})
    if "url" in expect:
        assert status.get("url") == expect["url"], condition
    if "ready" in expect:
        assert condition.get("status") == expect["ready"], condition
    if "reason" in expect:
        assert condition.get("reason") == expect["reason"], condition
    by_name = {f"{o['kind']}/{o['metadata']['name']}": o for o in ours}
    for which, fields in expect.get("fields", {}).items():
        for path, value in fields.items():
            assert _lookup(by_name[which], path) == value, f"{which} {path}"
    gateway = (case["given"].get("config") or {}).get("ingressGateway", DEFAULT_GATEWAY)
    routes = [o for o in standing if o["kind"] in ("VirtualService", "Ingress", "HTTPRoute", "Service")]
    for request in expect.get("requests", ()):
        got = route(routes, request["url"], inside=request.get("inside", False), gateway=gateway)
        if request["to"] is None:
            assert got is None, f"{request['url']} reaches {got}"
            continue
        assert got is not None, f"{request['url']} reaches nobody"
        assert got[0] == request["to"], f"{request['url']} reaches {got}"
        if "path" in request:
            assert got[1] == request["path"], f"{request['url']} arrives as {got}"


def _lookup(obj: Any, path: str) -> Any:
    """A dotted path, where keys may hold dots themselves (the longest key that is there wins)."""
    if not path:
        return obj
    parts = path.split(".")
    for count in range(len(parts), 0, -1):
        head, rest = ".".join(parts[:count]), ".".join(parts[count:])
        if isinstance(obj, dict) and head in obj:
            return _lookup(obj[head], rest)
        if isinstance(obj, list) and head.isdigit() and int(head) < len(obj):
            return _lookup(obj[int(head)], rest)
    return None
