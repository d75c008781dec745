"""What ``deploy/doorward.yaml`` allows is what doorward needs: no less, no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from doorward.backends import Backends
from doorward.cluster.kube import KubeCluster
from doorward.engine import Engine
from doorward.lease import Candidate
from doorward.model.reference import JsonObject
from doorward.runtime.permissions import cluster_rules, lease_rules, settings_rules
from doorward.runtime.shell import Shell

from tests.conftest import Kubectl
from tests.engine.stage import component_service, inference_service
from tests.patience import PATIENCE

DEPLOY = Path(__file__).parents[2] / "deploy" / "doorward.yaml"


def documents(*kinds: str) -> list[JsonObject]:
    return [doc for doc in yaml.safe_load_all(DEPLOY.read_text()) if not kinds or doc["kind"] in kinds]


def allowed(rules: list[JsonObject]) -> set[tuple[str, ...]]:
    return {
        (group, resource, verb, *rule.get("resourceNames", ()))
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_the_cluster_role_allows_what_the_backends_need_and_no_more() -> None:
    assert allowed(documents("ClusterRole")[0]["rules"]) == allowed(cluster_rules(Backends()))


def test_in_one_namespace_it_reads_one_config_map_and_holds_one_lease() -> None:
    role = documents("Role")[0]
    assert (role["metadata"]["namespace"], allowed(role["rules"])) == (
        "ome",
        allowed([*settings_rules(), *lease_rules()]),
    )


def test_a_plugin_s_kinds_are_asked_for() -> None:
    from tests.examples import load

    rules = allowed(cluster_rules(Backends({"hello": load("hello_backend/hello_backend.py")})))
    verbs = {verb for group, resource, verb in rules if (group, resource) == ("hello.example.com", "helloroutes")}
    assert verbs == {"get", "list", "watch", "create", "patch", "delete"}


def test_what_is_kept_outside_asks_for_a_patch_of_services_and_for_nothing_of_its_kind() -> None:
    from tests.examples import load

    before = allowed(cluster_rules(Backends({})))
    rules = allowed(cluster_rules(Backends({"dns": load("dns_backend/dns_backend.py")})))
    assert rules - before == {("ome.io", "inferenceservices", "patch")}


@pytest.mark.cluster
async def test_a_real_api_server_lets_it_do_all_of_its_work(kubectl: Kubectl, tmp_path: Path) -> None:
    namespace = "permissions"
    for each in ("ome", namespace):
        kubectl("apply", "-f", "-", stdin=yaml.safe_dump(_namespace(each)))
    rights = documents("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
    kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(rights))
    cluster = KubeCluster.from_kubeconfig(as_service_account(kubectl, tmp_path / "kubeconfig"))
    service = inference_service("m", namespace, annotations={"ome.io/deployment-mode": "RawDeployment"})
    kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all([component_service("m", "engine", namespace), service]))
    ready = '{"status": {"conditions": [{"type": "EngineReady", "status": "True"}]}}'
    isvc = ("inferenceservice", "m", "--namespace", namespace)
    kubectl("patch", *isvc, "--subresource", "status", "--type", "merge", "--patch", ready)
    try:
        candidate = Candidate(cluster, "ome", identity="a-pod")
        shell = Shell(Engine(namespaces=[namespace], stands_by=True), cluster, leadership=candidate)
        candidate.changed = shell.wake
        async with candidate, shell:
            await shell.wait_for(lambda: not shell.engine.stands_by, PATIENCE)
            summary = await shell.once(PATIENCE)
            assert (summary.missing, summary.writes["create"], summary.writes["status"]) == ({}, 2, 1)
            kubectl("annotate", *isvc, "ome.io/service-type=NodePort")
            await shell.wait_for(lambda: shell.counts["patch", "Applied"] == 1, PATIENCE)
            kubectl("label", *isvc, "networking.ome.io/visibility=cluster-local")
            await shell.wait_for(lambda: shell.counts["delete", "Applied"] == 1, PATIENCE)
            await shell.once(PATIENCE)
            assert {outcome for _, outcome in shell.counts} == {"Applied"}
    finally:
        await cluster.close()
        kubectl("delete", "--wait=false", "namespace", namespace)


def _namespace(name: str) -> JsonObject:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def as_service_account(kubectl: Kubectl, target: Path, name: str = "doorward", namespace: str = "ome") -> Path:
    """The kubeconfig of the shared server, with a token of doorward's own in place of the administrator."""
    content: dict[str, Any] = yaml.safe_load(kubectl("config", "view", "--raw", "--flatten"))
    for user in content["users"]:
        user["user"] = {"token": kubectl("create", "token", name, "--namespace", namespace).strip()}
    target.write_text(yaml.safe_dump(content))
    return target
