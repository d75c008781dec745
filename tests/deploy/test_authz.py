"""``deploy/authz.yaml``: two who answer, the Secrets by their names alone, and an engine that is allowed no more."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest
import yaml
from doorward.cluster.kube import KubeCluster
from doorward.model.credentials import UNUSABLE
from doorward.model.event import Observed
from doorward.model.reference import SECRET, JsonObject, Ref
from doorward.runtime.clock import SteadyClock
from doorward.runtime.secrets import Secrets
from doorward_daemon.authz.service import alone
from tenacity import wait_fixed

from tests.conftest import Kubectl
from tests.deploy.test_permissions import DEPLOY, allowed
from tests.engine.stage import inference_service
from tests.patience import PATIENCE

FILE = DEPLOY.parent / "authz.yaml"


def documents(*kinds: str, file: Path = FILE) -> list[JsonObject]:
    return [doc for doc in yaml.safe_load_all(file.read_text()) if doc and doc["kind"] in kinds]


def commented() -> list[JsonObject]:
    """What is there to be filled in."""
    lines = FILE.read_text().splitlines()
    begin = next(i for i, line in enumerate(lines) if line == "# ---")
    text = "\n".join(line.removeprefix("#").removeprefix(" ") for line in lines[begin:])
    return [doc for part in text.split("---\n") if isinstance(doc := yaml.safe_load(part.split("\n\n")[0]), dict)]


def test_it_reads_services_and_the_named_secrets_and_writes_nothing() -> None:
    own, secrets = (role["rules"] for role in documents("ClusterRole"))
    assert allowed(own) == {("ome.io", "inferenceservices", "list"), ("ome.io", "inferenceservices", "watch")}
    assert allowed(secrets) == {("", "secrets", verb, "doorward-keys") for verb in ("list", "watch")}


def test_the_daemon_reads_secrets_only_where_guards_are_wanted() -> None:
    assert "secrets" not in str(documents("ClusterRole", "Role", file=DEPLOY))
    (binding,) = [b for b in documents("ClusterRoleBinding") if b["roleRef"]["name"] == "doorward-secrets"]
    assert {subject["name"] for subject in binding["subjects"]} == {"doorward", "doorward-authz"}


def test_more_than_one_answers_and_one_always_does() -> None:
    (deployment,) = documents("Deployment")
    assert deployment["spec"]["replicas"] > 1
    (budget,) = documents("PodDisruptionBudget")
    (service,) = documents("Service")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert budget["spec"]["selector"]["matchLabels"] == service["spec"]["selector"] == labels
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert [p["containerPort"] for p in container["ports"]] == [service["spec"]["ports"][0]["port"]] == [9191]
    assert container["args"] == ["doorward", "authz"]


def test_what_is_to_be_filled_in_is_sound() -> None:
    assert [doc["kind"] for doc in commented()] == ["NetworkPolicy", "ReferenceGrant"]


@pytest.mark.cluster
async def test_a_real_api_server_gives_the_named_secrets_and_no_other(kubectl: Kubectl, tmp_path: Path) -> None:
    namespace = "guards"
    for each in ("ome", namespace):
        kubectl("apply", "-f", "-", stdin=f"{{apiVersion: v1, kind: Namespace, metadata: {{name: {each}}}}}")
    rights = documents("ServiceAccount", "Role", file=DEPLOY)
    rights += documents("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "RoleBinding")
    kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(rights))
    asked = {"doorward.io/auth": "api-key", "doorward.io/auth-secret": "doorward-keys"}
    others = {"doorward.io/auth": "api-key", "doorward.io/auth-secret": "others"}
    services = [
        inference_service("m", namespace, annotations=asked),
        inference_service("other", namespace, annotations=others),
    ]
    kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(services))
    for name in ("doorward-keys", "others"):
        kubectl("create", "secret", "generic", name, "--namespace", namespace, "--from-literal=alice=alices-key")
    cluster = KubeCluster.from_kubeconfig(_as_service_account(kubectl, tmp_path / "kubeconfig"))
    try:
        async with alone(cluster, "127.0.0.1:0") as (url, _), aiohttp.ClientSession() as session:

            async def until(status: int, key: str, door: str = "m") -> float:
                loop = asyncio.get_running_loop()
                began = loop.time()
                async with asyncio.timeout(PATIENCE):
                    while True:
                        target = f"{url}/door/nginx/{namespace}/{door}"
                        async with session.get(target, headers={"X-API-Key": key}) as answer:
                            if answer.status == status:
                                return loop.time() - began
                        await asyncio.sleep(0.01)

            await until(200, "alices-key")
            await until(401, "alices-key", "other")
            edit = '{"stringData": {"alice": "a-new-key"}}'
            kubectl("patch", "secret", "doorward-keys", "--namespace", namespace, "--patch", edit)
            assert await until(401, "alices-key") < 1
            await until(200, "a-new-key")
            told = await _told(cluster, namespace)
            assert told["doorward-keys"] == {"basic": told["doorward-keys"]["basic"]}
            assert "may not be read" in told["others"]["api-key"]
    finally:
        await cluster.close()
        kubectl("delete", "--wait=false", "namespace", namespace)


async def _told(cluster: KubeCluster, namespace: str) -> dict[str, dict[str, str]]:
    """What an engine hears of both Secrets: why nobody could come in, by kind of guard."""
    told: dict[str, dict[str, str]] = {}
    both = asyncio.Event()

    def emit(event: object) -> None:
        assert isinstance(event, Observed)
        told[event.object["metadata"]["name"]] = event.object[UNUSABLE]
        if len(told) == 2:
            both.set()

    secrets = Secrets(
        cluster,
        clock=SteadyClock(),
        emit=emit,
        pauses=wait_fixed(0.1),
        supervise=lambda work, _: asyncio.create_task(work()),
    )
    secrets.follow([Ref(SECRET, namespace, name) for name in ("doorward-keys", "others")])
    async with asyncio.timeout(PATIENCE):
        await both.wait()
    await secrets.stop()
    return told


def _as_service_account(kubectl: Kubectl, target: Path) -> Path:
    content = yaml.safe_load(kubectl("config", "view", "--raw", "--flatten"))
    for user in content["users"]:
        user["user"] = {"token": kubectl("create", "token", "doorward-authz", "--namespace", "ome").strip()}
    target.write_text(yaml.safe_dump(content))
    return target
