"""The rights under which the tests' daemons run: those of ``deploy/doorward.yaml``, and no others."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from doorward.backends import Backends
from doorward.cluster.kube import KubeCluster, kubeconfig
from doorward.cluster.protocol import ApiError
from doorward.model.reference import CONFIG_MAP, SERVICE, JsonObject, Resource
from doorward.runtime.permissions import cluster_rules

from tests.patience import PATIENCE

DEPLOY = Path(__file__).parents[2] / "deploy"
FILES = (DEPLOY / "doorward.yaml", DEPLOY / "authz.yaml")
ACCOUNT = "doorward"
GROUP = "rbac.authorization.k8s.io"
RIGHTS = {
    "ServiceAccount": Resource("ServiceAccount", "serviceaccounts"),
    "ClusterRole": Resource(f"ClusterRole.{GROUP}", "clusterroles", namespaced=False),
    "ClusterRoleBinding": Resource(f"ClusterRoleBinding.{GROUP}", "clusterrolebindings", namespaced=False),
    "Role": Resource(f"Role.{GROUP}", "roles"),
    "RoleBinding": Resource(f"RoleBinding.{GROUP}", "rolebindings"),
}
TOKEN = Resource("TokenRequest", f"serviceaccounts/{ACCOUNT}/token")


def documents(namespace: str, secrets: Sequence[str] = (), sources: Sequence[str] = ()) -> list[JsonObject]:
    """What the files allow a daemon whose settings are in ``namespace``; what belongs to no namespace is named for it.

    ``sources`` are those of ``--source``, for which the ClusterRole is generated; none: OME's, as the file has it.
    ``secrets`` are names of further Secrets, put where the file says.  The authorization service has rights of its own,
    which a daemon that answers checks itself doesn't need.
    """
    found = []
    for doc in (doc for file in FILES for doc in yaml.safe_load_all(file.read_text()) if doc):
        if doc["kind"] not in RIGHTS:
            continue
        metadata: dict[str, Any] = doc["metadata"]
        if "namespace" in metadata:
            metadata["namespace"] = namespace
        else:
            metadata["name"] = f"{metadata['name']}-{namespace}"
        if "roleRef" in doc:
            doc["subjects"] = [s | {"namespace": namespace} for s in doc["subjects"] if s["name"] == ACCOUNT]
            if doc["roleRef"]["kind"] == "ClusterRole":
                doc["roleRef"]["name"] = f"{doc['roleRef']['name']}-{namespace}"
        if sources and doc["kind"] == "ClusterRole" and metadata["name"] == f"{ACCOUNT}-{namespace}":
            doc["rules"] = cluster_rules(Backends(sources=tuple(sources)))
        for rule in doc.get("rules", ()):
            if rule["resources"] == ["secrets"]:
                rule["resourceNames"] += secrets
        if doc.get("subjects") != []:
            found.append(doc)
    return found


async def account(administrator: Path, rights: Sequence[JsonObject], target: Path) -> None:
    """Write a kubeconfig for the ServiceAccount among ``rights``, and give it these."""
    namespace = next(doc["metadata"]["namespace"] for doc in rights if doc["kind"] == "ServiceAccount")
    cluster = KubeCluster.from_kubeconfig(administrator)
    try:
        for doc in rights:
            await _created(cluster, RIGHTS[doc["kind"]], doc)
        asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 86400}}
        answer = await cluster.create(TOKEN, namespace, asked)
    finally:
        await cluster.close()
    write(administrator, target, {"token": answer["status"]["token"]})
    await _known(target, namespace)


def write(administrator: Path, target: Path, user: JsonObject) -> None:
    """A kubeconfig for the same server and somebody else."""
    access = kubeconfig.read([administrator], None)
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "local", "cluster": access.cluster}],
        "users": [{"name": ACCOUNT, "user": user}],
        "contexts": [{"name": "local", "context": {"cluster": "local", "user": ACCOUNT}}],
        "current-context": "local",
    }
    target.touch(mode=0o600)
    target.write_text(yaml.safe_dump(content))


async def withdrawn(administrator: Path, namespace: str) -> None:
    """Take away what belongs to no namespace."""
    cluster = KubeCluster.from_kubeconfig(administrator)
    try:
        for doc in documents(namespace):
            if "namespace" not in doc["metadata"]:
                try:
                    await cluster.delete(RIGHTS[doc["kind"]], "", doc["metadata"]["name"])
                except ApiError as error:
                    if error.status != 404:
                        raise
    finally:
        await cluster.close()


async def _created(cluster: KubeCluster, resource: Resource, doc: JsonObject) -> None:
    try:
        await cluster.create(resource, doc["metadata"].get("namespace", ""), doc)
    except ApiError as error:
        if error.reason != "AlreadyExists":
            raise


async def _known(target: Path, namespace: str) -> None:
    """Wait until the API server knows the new rights, which it watches itself."""
    cluster = KubeCluster.from_kubeconfig(target)
    everywhere = cluster.list, Resource(SERVICE, "services"), "", ""
    settings = cluster.list, Resource(CONFIG_MAP, "configmaps"), namespace, "metadata.name=inferenceservice-config"
    try:
        async with asyncio.timeout(PATIENCE):
            for list_, resource, scope, selector in (everywhere, settings):
                while True:
                    try:
                        await list_(resource, scope, field_selector=selector, limit=1)
                        break
                    except ApiError as error:
                        if error.status not in (401, 403):
                            raise
                        await asyncio.sleep(0.02)
    finally:
        await cluster.close()
