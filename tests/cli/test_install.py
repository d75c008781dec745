"""``doorward install`` makes what the chart's default is, ``doorward uninstall`` takes that away, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from doorward.backends import Backends
from doorward.cluster.embedded import EmbeddedCluster, Store
from doorward.cluster.protocol import ApiError
from doorward.model.reference import JsonObject, kind_of
from doorward.runtime.permissions import cluster_rules, page_rules
from doorward_daemon.commands import app
from doorward_daemon.install.installing import NAMESPACE, Foreign, install, uninstall
from doorward_daemon.install.manifests import INSTALLED_IN, MADE_BY, RESOURCES, manifests
from typer.testing import CliRunner

from tests.conftest import Kubectl
from tests.controlplane import providers
from tests.controlplane.providers import ApiServer
from tests.docs import blocks
from tests.docs.test_installing import INSTALLING
from tests.engine.stage import backends, definitions
from tests.patience import PATIENCE
from tests.shell.running import Running

DEPLOY = Path(__file__).parents[2] / "deploy" / "doorward.yaml"


class Place:
    """A cluster, what is installed in it, and what was told of that."""

    def __init__(self) -> None:
        self.store = Store([*definitions(), *RESOURCES.values(), NAMESPACE])
        self.cluster = EmbeddedCluster(self.store)
        self.told: list[str] = []

    async def install(self, namespace: str = "ome", *, dry_run: bool = False, **options: Any) -> None:
        objects = manifests(namespace=namespace, **options)
        await install(self.cluster, objects, namespace, self.told.append, dry_run=dry_run)

    async def uninstall(self, namespace: str = "ome", *, dry_run: bool = False) -> None:
        await uninstall(self.cluster, namespace, self.told.append, dry_run=dry_run)

    def standing(self) -> dict[tuple[str, str], JsonObject]:
        found = [each for resource in RESOURCES.values() for each in self.store.list(resource).items]
        return {(each["kind"], each["metadata"]["name"]): each for each in found}

    def create(self, obj: JsonObject) -> None:
        resources = {**backends().resources, **{each.kind: each for each in RESOURCES.values()}}
        self.store.create(resources[kind_of(obj)], obj["metadata"].get("namespace", ""), obj)


def default() -> list[JsonObject]:
    return [each for each in yaml.safe_load_all(DEPLOY.read_text()) if each]


async def test_what_is_installed_is_the_chart_s_default() -> None:
    place = Place()
    await place.install()
    standing = place.standing()
    for obj in default():
        there = standing[obj["kind"], obj["metadata"]["name"]]
        labels = there["metadata"]["labels"]
        assert labels.pop(INSTALLED_IN) == "ome"
        assert labels.pop(MADE_BY[0]) == MADE_BY[1]
        assert labels == obj["metadata"]["labels"]
        if obj["kind"] != "ClusterRole":
            parts = obj.keys() - {"metadata"}
            assert {part: there[part] for part in parts} == {part: obj[part] for part in parts}
    assert len(standing) == len(default()) == len(place.told) - 1
    assert place.told[0] == "Namespace ome created"
    assert place.told[-1] == "Deployment ome/doorward created"


async def test_the_rights_are_those_of_the_sources_and_of_what_is_installed() -> None:
    place = Place()
    await place.install(sources=("ome", "kserve"), image="registry.example.com/doorward:1", replicas=1)
    standing = place.standing()
    assert standing["ClusterRole", "doorward"]["rules"] == cluster_rules(Backends(sources=("ome", "kserve")))
    spec = standing["Deployment", "doorward"]["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    assert (spec["replicas"], container["image"]) == (1, "registry.example.com/doorward:1")
    assert [each for each in container["args"] if each.startswith("--source")] == ["--source=ome", "--source=kserve"]


async def test_the_page_comes_with_its_rights_and_goes_with_them() -> None:
    place = Place()
    await place.install()
    without = place.standing()
    await place.install(page=True)
    standing = place.standing()
    added = {key: standing[key] for key in standing.keys() - without.keys()}
    assert added.keys() == {("ClusterRole", "doorward-page"), ("ClusterRoleBinding", "doorward-page")}
    assert added["ClusterRole", "doorward-page"]["rules"] == page_rules()
    assert standing["ClusterRole", "doorward"]["rules"] == without["ClusterRole", "doorward"]["rules"]
    assert arguments(standing) == [*arguments(without), "--ui"]
    place.told.clear()
    await place.install(dry_run=True)
    assert "ClusterRole doorward-page would be deleted" in place.told
    assert place.standing() == standing
    await place.install()
    assert "ClusterRole doorward-page deleted" in place.told
    assert place.standing().keys() == without.keys()
    assert "--ui" not in arguments(place.standing())
    await place.install(page=True)
    await place.uninstall()
    assert not place.standing()


async def test_rights_of_the_page_that_somebody_else_gave_stay() -> None:
    place = Place()
    role = next(each for each in manifests(page=True) if each["metadata"]["name"] == "doorward-page")
    del role["metadata"]["labels"]
    place.create(role)
    await place.install()
    with pytest.raises(Foreign, match="ClusterRole doorward-page wasn't made by doorward install"):
        await place.install(page=True)
    await place.uninstall()
    assert place.standing().keys() == {("ClusterRole", "doorward-page")}


def arguments(standing: dict[tuple[str, str], JsonObject]) -> list[str]:
    """What the daemon is started with."""
    (container,) = standing["Deployment", "doorward"]["spec"]["template"]["spec"]["containers"]
    found: list[str] = container["args"]
    return found


async def test_done_again_it_changes_what_is_asked_for_and_keeps_what_others_noted() -> None:
    place = Place()
    await place.install()
    note = {"metadata": {"annotations": {"example.com/note": "1"}}}
    place.store.patch(RESOURCES["Deployment"], "ome", "doorward", note)
    before = place.standing()
    place.told.clear()
    await place.install()
    assert all(line.endswith("is as it should be") for line in place.told)
    assert place.standing() == before
    await place.install(replicas=1)
    assert place.told[-1] == "Deployment ome/doorward updated"
    deployment = place.standing()["Deployment", "doorward"]
    assert (deployment["spec"]["replicas"], deployment["metadata"]["annotations"]) == (1, {"example.com/note": "1"})


async def test_a_dry_run_says_the_same_and_writes_nothing() -> None:
    place = Place()
    await place.install(dry_run=True)
    assert not place.standing()
    assert {line.rpartition(" would be ")[2] for line in place.told} == {"created"}
    await place.install()
    before = place.standing()
    place.told.clear()
    await place.install(replicas=1, dry_run=True)
    assert place.told[-1] == "Deployment ome/doorward would be updated"
    await place.uninstall(dry_run=True)
    assert "Deployment ome/doorward would be deleted" in place.told
    assert place.standing() == before


async def test_what_somebody_else_made_is_left_alone_and_nothing_is_written() -> None:
    place = Place()
    role = next(each for each in default() if each["kind"] == "ClusterRole")
    place.create(role)
    with pytest.raises(
        Foreign, match=r"nothing was written, since ClusterRole doorward wasn't made by doorward install"
    ):
        await place.install()
    assert place.standing().keys() == {("ClusterRole", "doorward")}
    await place.uninstall()
    assert any(line.startswith("stays: ClusterRole doorward wasn't made") for line in place.told)
    assert place.standing().keys() == {("ClusterRole", "doorward")}


async def test_an_installation_is_one_namespace_s() -> None:
    place = Place()
    await place.install("doors")
    with pytest.raises(Foreign, match="doorward uninstall --namespace doors comes first"):
        await place.install("ome")
    before = place.standing()
    await place.uninstall("ome")
    assert place.standing() == before
    await place.uninstall("doors")
    assert not place.standing()


async def test_uninstalled_what_stays_is_told_with_its_reason() -> None:
    running = Running()
    place = Place()
    place.store = running.store = Store([*definitions(), *RESOURCES.values(), NAMESPACE])
    place.cluster = running.cluster
    running.cluster.store = place.store
    running.settings({})
    running.add("m", "n")
    async with running.shell() as shell:
        await shell.once(60)
    finalizers = {"metadata": {"finalizers": ["external.doorward.io/Record.dns.example.com"]}}
    running.patch("InferenceService.ome.io", "m", finalizers)
    await place.install()
    place.told.clear()
    await place.uninstall()
    assert not place.standing()
    assert running.get("Ingress.networking.k8s.io", "m")
    told = "\n".join(place.told)
    assert place.told[0] == "Deployment ome/doorward deleted"
    assert "doors stay (ingresses: 2, services: 2), since they serve without doorward" in told
    assert "what doorward reported stays in the status of 2 services" in told
    assert "kubectl --namespace a edit inferenceservices.ome.io m --subresource status" in told
    assert "services that are deleted stay until their finalizers external.doorward.io/… are taken off" in told
    assert told.count("a/m") == 1
    assert "ConfigMap ome/inferenceservice-config stays" in told
    assert "Namespace ome stays" in told


async def test_where_nothing_is_installed_that_is_said() -> None:
    place = Place()
    await place.uninstall()
    assert place.told[0] == "nothing in namespace ome was made by doorward install"
    assert place.told[1] == "no doors stand"


async def test_what_the_server_refuses_ends_it() -> None:
    place = Place()

    def refuse(request: Any, *_: object) -> None:
        if request.verb == "create" and request.resource.name == "ClusterRole":
            raise ApiError(403, "Forbidden", "may not create")

    place.store.faults.before.append(refuse)
    with pytest.raises(ApiError, match="may not create"):
        await place.install()


def test_manifests_are_printed_without_a_cluster(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["install", "--output", "yaml", "-n", "doors"], env={"KUBECONFIG": str(tmp_path)})
    assert result.exit_code == 0, result.output
    printed = list(yaml.safe_load_all(result.stdout))
    assert printed == manifests(namespace="doors")


def test_a_source_that_isn_t_there_and_a_cluster_that_isn_t_are_told(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["install", "--source", "nobody"])
    assert result.exit_code == 2
    assert "nobody" in result.stderr
    for command in ("install", "uninstall"):
        result = CliRunner().invoke(app, [command, "--kubeconfig", str(tmp_path / "none")])
        assert result.exit_code == 1
        assert result.stderr.startswith("error: ")


@pytest.mark.cluster
def test_on_a_real_api_server_it_is_installed_changed_and_taken_away(api_server: ApiServer, kubectl: Kubectl) -> None:
    kubectl("delete", "clusterrole,clusterrolebinding", "doorward", "--ignore-not-found")
    where = ("--kubeconfig", str(api_server.kubeconfig), "--namespace", "installed")

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, [*arguments, *where])
        assert result.exit_code == 0, result.output
        return result.stdout

    assert run("install", "--dry-run").count("would be created") == len(default()) + 1
    assert not kubectl("get", "namespace", "installed", "--ignore-not-found")
    assert run("install").count(" created") == len(default()) + 1
    assert run("install").count("is as it should be") == len(default())
    assert "Deployment installed/doorward updated" in run("install", "--replicas", "1")
    who = "system:serviceaccount:installed:doorward"
    assert kubectl("auth", "can-i", "list", "inferenceservices.ome.io", "--as", who).strip() == "yes"
    told = run("uninstall")
    assert told.count(" deleted") == len(default())
    assert "Namespace installed stays" in told
    assert not kubectl("get", "clusterrole", "doorward", "--ignore-not-found")
    kubectl("delete", "--wait=false", "namespace", "installed")


EDITOR = """
import sys, yaml
with open(sys.argv[1]) as file:
    obj = yaml.safe_load(file)
status = obj["status"]
for key in ("url", "address", "annotations"):
    del status[key]
status["conditions"] = [each for each in status["conditions"] if each["type"] != "IngressReady"]
with open(sys.argv[1], "w") as file:
    yaml.safe_dump(obj, file)
"""


@pytest.mark.cluster
def test_what_was_reported_is_taken_off_a_status_as_the_page_says(
    api_server: ApiServer, kubectl: Kubectl, tmp_path: Path
) -> None:
    namespace = "once-reported"
    (command,) = (block.text for block in blocks(INSTALLING, "bash"))
    isvc = ("--namespace", namespace, "inferenceservices.ome.io", "llama")
    kubectl("create", "namespace", namespace)
    try:
        service = {"apiVersion": "ome.io/v1beta1", "kind": "InferenceService", "spec": {"engine": {}}}
        metadata = {"name": "llama", "namespace": namespace}
        kubectl("apply", "-f", "-", stdin=orjson.dumps({**service, "metadata": metadata}).decode())
        ready = {"status": {"conditions": [{"type": "EngineReady", "status": "True"}]}}
        kubectl("patch", *isvc, "--subresource=status", "--type=merge", "-p", orjson.dumps(ready).decode())
        environ = {"KUBECONFIG": str(api_server.kubeconfig), "POD_NAMESPACE": namespace}
        done = CliRunner().invoke(app, ["run", "--once", "--namespace", namespace], env=environ)
        assert done.exit_code == 0, done.output
        before = orjson.loads(kubectl("get", *isvc, "--output", "json"))["status"]
        assert {"url", "address", "annotations"} <= before.keys()
        editor = tmp_path / "editor"
        editor.write_text(f"#!{sys.executable}\n{EDITOR}")
        editor.chmod(0o755)
        program, *arguments = command.replace("-n chat", f"-n {namespace}").split()
        assert program == "kubectl"
        env = {**os.environ, **environ, "KUBE_EDITOR": str(editor)}
        subprocess.run([str(providers.kubectl()), *arguments], env=env, check=True, timeout=PATIENCE)
        after = orjson.loads(kubectl("get", *isvc, "--output", "json"))["status"]
        assert [each["type"] for each in after["conditions"]] == ["EngineReady"]
        assert not {"url", "address"} & after.keys()
        assert not after.get("annotations")
    finally:
        kubectl("delete", "namespace", namespace, "--wait=false")
