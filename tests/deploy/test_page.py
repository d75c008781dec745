"""``deploy/page.yaml``: what the page asks the API server, and no more; and nothing of it without the page."""

from __future__ import annotations

import aiohttp
import pytest
import yaml
from doorward.backends import Backends
from doorward.cluster.kube import KubeCluster
from doorward.engine import Engine
from doorward.runtime.permissions import cluster_rules, page_rules
from doorward.runtime.shell import Shell
from doorward_daemon.health import readiness, serving
from doorward_daemon.metrics import Metrics
from doorward_daemon.ui import Page

from tests.conftest import Kubectl
from tests.controlplane.providers import ApiServer
from tests.deploy.test_permissions import DEPLOY, allowed
from tests.engine.stage import inference_service
from tests.patience import PATIENCE

FILE = DEPLOY.parent / "page.yaml"


def test_it_allows_what_the_page_needs_and_no_more() -> None:
    role, binding = yaml.safe_load_all(FILE.read_text())
    assert allowed(role["rules"]) == allowed(page_rules())
    assert (role["kind"], binding["kind"]) == ("ClusterRole", "ClusterRoleBinding")


def test_without_the_page_nobody_is_reviewed() -> None:
    assert not allowed(page_rules()) & allowed(cluster_rules(Backends()))


@pytest.mark.cluster
async def test_a_real_api_server_says_whose_a_token_is_and_what_they_may_see(
    kubectl: Kubectl, api_server: ApiServer
) -> None:
    for namespace in ("page-a", "page-b"):
        kubectl("create", "namespace", namespace)
        kubectl("apply", "-f", "-", stdin=yaml.safe_dump(inference_service("m", namespace)))
    kubectl("create", "serviceaccount", "looks", "--namespace", "page-a")
    who = "--serviceaccount=page-a:looks"
    kubectl("create", "role", "looks", "--namespace", "page-a", "--verb=list", "--resource=inferenceservices.ome.io")
    kubectl("create", "rolebinding", "looks", "--namespace", "page-a", "--role=looks", who)
    token = kubectl("create", "token", "looks", "--namespace", "page-a").strip()
    cluster = KubeCluster.from_kubeconfig(api_server.kubeconfig)
    try:
        shell = Shell(Engine(namespaces=["page-a", "page-b"]), cluster, dry_run=True)
        told = {"settings_namespace": "ome", "readiness": lambda: readiness(shell)}
        page = Page(shell, None, loopback=False, **told)
        shell.listeners += page.listeners
        async with serving(shell, Metrics(shell), "127.0.0.1:0", page=page.application()) as url, shell:
            await shell.wait_for(lambda: len(shell.engine.services()) == 2, PATIENCE)
            assert await _seen(f"{url}/ui/api/doors", token) == (200, ["page-a"])
            assert await _seen(f"{url}/ui/api/doors", token[:-3]) == (401, [])
    finally:
        await cluster.close()


async def _seen(url: str, token: str) -> tuple[int, list[str]]:
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession() as client, client.get(url, headers=headers) as answer:
        return answer.status, [row[1] for row in (await answer.json())["rows"]] if answer.status == 200 else []
