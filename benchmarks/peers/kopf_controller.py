"""The peer on kopf: handlers as its documentation has them, the official client for what they create.

Run by ``kopf run``, in an environment of its own.  An index in memory answers for the Services of components, all
handlers are asynchronous, one change of a service makes one call.
"""

from __future__ import annotations

import datetime
from typing import Any

import kopf
from kubernetes.aio import client, config
from kubernetes.aio.client.exceptions import ApiException

DOMAIN = "example.com"
LABEL = "ome.io/inferenceservice"
ADDITIONAL = "ome.io/ingress-additional-domains"
KIND = ("ome.io", "v1beta1", "inferenceservices")
ENTRIES = {"router": "RouterReady", "engine": "EngineReady"}

clients: dict[str, Any] = {}


@kopf.on.startup()
async def begin(settings: kopf.OperatorSettings, **_: Any) -> None:
    settings.posting.enabled = False
    settings.batching.worker_limit = None
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage()
    await config.load_kube_config()
    api = client.ApiClient()
    clients.update(api=api, core=client.CoreV1Api(api), networking=client.NetworkingV1Api(api))


@kopf.on.cleanup()
async def end(**_: Any) -> None:
    await clients["api"].close()


@kopf.index("services", labels={LABEL: kopf.PRESENT, "component": kopf.PRESENT})
async def components(namespace: str, name: str, spec: kopf.Spec, **_: Any) -> dict[tuple[str, str], Any]:
    return {(namespace, name): spec["ports"][0]}


@kopf.on.resume(*KIND)
@kopf.on.create(*KIND)
@kopf.on.update(*KIND)
async def reconcile(
    body: kopf.Body,
    name: str,
    namespace: str,
    spec: kopf.Spec,
    status: kopf.Status,
    patch: kopf.Patch,
    components: kopf.Index[tuple[str, str], Any],
    **_: Any,
) -> None:
    entry = "router" if "router" in spec else "engine"
    port = next(iter(components.get((namespace, f"{name}-{entry}"), ())), None)
    if port is None:
        raise kopf.TemporaryError(f"no Service {name}-{entry}", delay=5)
    ready = any(each["type"] == ENTRIES[entry] and each["status"] == "True" for each in status.get("conditions", ()))
    if ready:
        metadata = metadata_of(body, name, namespace, entry)
        await ensure("networking", "ingress", name, namespace, ingress(metadata, hosts_of(body), port))
        await ensure("core", "service", name, namespace, service(metadata, port))
    report(patch, body, status, ready)


async def ensure(api: str, kind: str, name: str, namespace: str, wanted: dict[str, Any]) -> None:
    """Create it, or bring what stands to what is wanted."""
    try:
        await getattr(clients[api], f"create_namespaced_{kind}")(namespace, wanted)
    except ApiException as error:
        if error.status != 409:
            raise
        await getattr(clients[api], f"patch_namespaced_{kind}")(name, namespace, wanted)


def metadata_of(body: kopf.Body, name: str, namespace: str, entry: str) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": namespace,
        "labels": {LABEL: name, "app.kubernetes.io/managed-by": "doorward"},
        "annotations": {"doorward.io/owner": body["metadata"]["uid"], "doorward.io/components": entry},
        "ownerReferences": [kopf.build_owner_reference(body)],
    }


def hosts_of(body: kopf.Body) -> list[str]:
    more = body["metadata"].get("annotations", {}).get(ADDITIONAL, "").split(",")
    prefix = f"{body['metadata']['name']}.{body['metadata']['namespace']}"
    return [f"{prefix}.{each.strip()}" for each in (DOMAIN, *more) if each.strip()]


def ingress(metadata: dict[str, Any], hosts: list[str], port: dict[str, Any]) -> dict[str, Any]:
    target = f"{metadata['name']}-{metadata['annotations']['doorward.io/components']}"
    backend = {"service": {"name": target, "port": {"number": port["port"]}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    rules = [{"host": host, "http": {"paths": paths}} for host in hosts]
    return {"metadata": metadata, "spec": {"ingressClassName": "istio", "rules": rules}}


def service(metadata: dict[str, Any], port: dict[str, Any]) -> dict[str, Any]:
    selector = {LABEL: metadata["name"], "component": metadata["annotations"]["doorward.io/components"]}
    ports = [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": port["targetPort"]}]
    return {"metadata": metadata, "spec": {"type": "ClusterIP", "selector": selector, "ports": ports}}


def report(patch: kopf.Patch, body: kopf.Body, status: kopf.Status, ready: bool) -> None:
    hosts = hosts_of(body)
    name, namespace = body["metadata"]["name"], body["metadata"]["namespace"]
    conditions = [dict(each) for each in status.get("conditions", ())]
    mine = next((each for each in conditions if each["type"] == "IngressReady"), None)
    value = "True" if ready else "False"
    if mine is None:
        conditions.append(mine := {"type": "IngressReady"})
    if mine.get("status") != value:
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        mine.update(status=value, lastTransitionTime=now)
    patch.status["conditions"] = conditions
    patch.status["url"] = f"http://{hosts[0]}"
    patch.status["address"] = {"url": f"http://{name}.{namespace}.svc.cluster.local"}
    patch.status["annotations"] = {"doorward.io/hosts": " ".join(sorted(f"{host}/" for host in hosts))}
