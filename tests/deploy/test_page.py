"""``deploy/page.yaml`` and the chart's ``page.enabled``: what the page asks the API server, and no more.

Without the page there is nothing of it.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import aiohttp
import pytest
import yaml
from doorward.backends import Backends
from doorward.cluster.kube import KubeCluster
from doorward.engine import Engine
from doorward.model.reference import JsonObject
from doorward.runtime.permissions import cluster_rules, page_rules
from doorward.runtime.shell import Shell
from doorward_daemon.health import serving
from doorward_daemon.metrics import Metrics
from doorward_daemon.readiness import readiness
from doorward_daemon.ui import Page

from tests.conftest import Kubectl
from tests.deploy.rendering import Chart
from tests.deploy.test_permissions import DEPLOY, allowed, as_service_account
from tests.e2e.rights import RIGHTS
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
    chart: Chart, kubectl: Kubectl, tmp_path: Path
) -> None:
    for namespace in ("page-a", "page-b"):
        kubectl("create", "namespace", namespace)
        kubectl("apply", "-f", "-", stdin=yaml.safe_dump(inference_service("m", namespace)))
    kubectl("create", "serviceaccount", "looks", "--namespace", "page-a")
    who = "--serviceaccount=page-a:looks"
    kubectl("create", "role", "looks", "--namespace", "page-a", "--verb=list", "--resource=inferenceservices.ome.io")
    kubectl("create", "rolebinding", "looks", "--namespace", "page-a", "--role=looks", who)
    token = kubectl("create", "token", "looks", "--namespace", "page-a").strip()
    kubectl("apply", "-f", "-", stdin=_rights(chart, {}))
    file = as_service_account(kubectl, tmp_path / "kubeconfig", "shown", "page-a")
    cluster = KubeCluster.from_kubeconfig(file)
    try:
        shell = Shell(Engine(namespaces=["page-a", "page-b"]), cluster, dry_run=True)
        told = {"settings_namespace": "page-a", "readiness": lambda: readiness(shell)}
        page = Page(shell, None, loopback=False, **told)
        shell.listeners += page.listeners
        async with serving(shell, Metrics(shell), "127.0.0.1:0", page=page.application()) as url, shell:
            await shell.wait_for(lambda: len(shell.engine.services()) == 2, PATIENCE)
            status, text = await _asked(f"{url}/ui/api/doors", token)
            assert (status, "page.enabled" in text, "tokenreviews" in text) == (503, True, True)
            kubectl("apply", "-f", "-", stdin=_rights(chart, {"page": {"enabled": True}}))
            async with asyncio.timeout(PATIENCE):
                while (await _asked(f"{url}/ui/api/doors", token))[0] == 503:
                    pass  # the server doesn't know of the binding yet
            assert await _seen(f"{url}/ui/api/doors", token) == (200, ["page-a"])
            assert await _seen(f"{url}/ui/api/doors", token[:-3]) == (401, [])
    finally:
        await cluster.close()
        kubectl("delete", "clusterrole,clusterrolebinding", "shown", "shown-page", "--ignore-not-found")


def _rights(chart: Chart, values: JsonObject) -> str:
    """What the chart allows, and nothing else of it."""
    objects = chart.objects(values, name="shown", namespace="page-a")
    return yaml.safe_dump_all(each for each in objects if each["kind"] in RIGHTS)


async def _seen(url: str, token: str) -> tuple[int, list[str]]:
    status, text = await _asked(url, token)
    return status, [row[1] for row in json.loads(text)["rows"]] if status == 200 else []


async def _asked(url: str, token: str) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession() as client, client.get(url, headers=headers) as answer:
        return answer.status, await answer.text()
