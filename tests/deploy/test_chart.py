"""The chart: rendered by helm with every pair of its choices, taken by a real API server, and one with its copies."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from doorward.backends import Backends
from doorward.model.reference import JsonObject
from doorward.runtime.permissions import cluster_rules
from doorward_daemon.commands import app

from tests.conftest import Kubectl
from tests.controlplane import providers
from tests.controlplane.definitions import install
from tests.controlplane.providers import ApiServer
from tests.deploy import rights, schema
from tests.deploy.pairs import choices_of, nested, pairwise
from tests.deploy.rendering import CHART, DEFAULT, PACKAGED, PACKAGED_PAGE, PAGE, Chart, Refused
from tests.deploy.test_permissions import allowed
from tests.docs.test_pages import table

FURTHER: dict[str, list[Any]] = {
    "namespaces": [[], ["chat", "code"]],
    "settings.namespace": ["", "ome"],
    "settings.doorward.overlapSeconds": [10, 2.5],
    "journal.existingClaim": ["", "kept"],
    "tracing.endpoint": ["", "http://collector.monitoring:4318"],
    "image.digest": ["", f"sha256:{'0' * 64}"],
    "authz.gatewayNamespaces": [[], ["ingress-nginx", "istio-system"]],
    "authz.envoyGatewayNamespaces": [[], ["chat"]],
    "networkPolicy.from": [[], [{"namespaceSelector": {"matchLabels": {"team": "monitoring"}}}]],
    "rbac.extraRules": [[], [{"apiGroups": ["hello.example.com"], "resources": ["helloroutes"], "verbs": ["list"]}]],
    "extraEnv": [[], [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}]],
    "podLabels": [{}, {"team": "platform"}],
    "podAnnotations": [{}, {"example.com/note": "1"}],
    "nodeSelector": [{}, {"kubernetes.io/os": "linux"}],
    "tolerations": [[], [{"key": "spot", "operator": "Exists"}]],
    "image.pullSecrets": [[], ["registry"]],
    "priorityClassName": ["", "system-cluster-critical"],
}
"""What a schema can't enumerate."""


def possible(values: Mapping[str, Any]) -> bool:
    return values.get("journal.kind") != "persistentVolumeClaim" or values.get("replicas") != 2


@cache
def combinations() -> list[dict[str, Any]]:
    return pairwise({**dict(choices_of(schema.schema())), **FURTHER}, possible)


@pytest.fixture(scope="module")
def rendered(chart: Chart) -> list[tuple[dict[str, Any], list[JsonObject]]]:
    """Each combination, and the objects that it gives."""
    return [(values, chart.objects(nested(values), name="d", namespace="doors")) for values in combinations()]


def test_every_two_choices_meet() -> None:
    choices = {"a": [1, 2], "b": [1, 2, 3], "c": [1, 2]}

    def may(values: Mapping[str, Any]) -> bool:
        return (values.get("a"), values.get("b")) != (2, 3)

    found = pairwise(choices, may)
    met = {((a, each[a]), (b, each[b])) for each in found for a in each for b in each if a < b}
    assert len(met) == 2 * 3 + 2 * 2 + 3 * 2 - 1
    assert all(may(each) for each in found)
    assert len(found) < 12


def test_the_default_is_what_is_applied_without_helm(chart: Chart) -> None:
    assert DEFAULT.read_text() == chart.default(), "run: python -m tests.deploy.rendering"
    assert PACKAGED.read_text() == DEFAULT.read_text(), "run: python -m tests.deploy.rendering"


def test_the_page_s_rights_are_those_of_the_file_for_them(chart: Chart) -> None:
    assert PAGE.read_text() == chart.page(), "run: python -m tests.deploy.rendering"
    assert PACKAGED_PAGE.read_text() == PAGE.read_text(), "run: python -m tests.deploy.rendering"
    default = {name_of(each) for each in chart.objects()}
    added = [each for each in chart.objects({"page": {"enabled": True}}) if name_of(each) not in default]
    assert added == list(yaml.safe_load_all(PAGE.read_text()))


def test_the_rights_are_what_the_engine_its_backends_and_its_sources_declare(chart: Chart) -> None:
    assert rights.FILE.read_text() == rights.text(), "run: python -m tests.deploy.rights"
    for sources in (["ome"], ["kserve_llm"], ["service"], ["ome", "kserve", "kserve_llm", "service"]):
        objects = chart.objects({"sources": sources})
        (role,) = (each for each in objects if each["kind"] == "ClusterRole")
        assert allowed(role["rules"]) == allowed(cluster_rules(Backends(sources=sources)))


def test_in_some_namespaces_it_has_the_same_rights_and_of_the_cluster_only_what_is_the_cluster_s(chart: Chart) -> None:
    objects = chart.objects({"namespaces": ["chat", "code"]})
    (cluster,) = (each for each in objects if each["kind"] == "ClusterRole")
    roles = {each["metadata"]["namespace"]: each for each in objects if each["kind"] == "Role"}
    scoped = {resource.plural for resource in Backends().resources.values() if not resource.namespaced}
    assert {resource for rule in cluster["rules"] for resource in rule["resources"]} == scoped
    whole = allowed(cluster_rules(Backends()))
    assert allowed(cluster["rules"]) | allowed(roles["chat"]["rules"]) == whole
    assert roles["chat"]["rules"] == roles["code"]["rules"]
    assert ("", "events", "create") in allowed(roles["ome"]["rules"])


def test_the_schema_has_the_settings_of_this_version() -> None:
    assert schema.FILE.read_text() == schema.text(), "run: python -m tests.deploy.schema"


def test_every_value_is_in_the_schema_and_every_default_passes_it(chart: Chart) -> None:
    chart.run("lint", "--strict", str(CHART))
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert leaves(values) == described(schema.schema()) - {"global"}
    assert {"deploy", "ingress", "doorward"} <= values["settings"].keys()


def test_every_value_is_told(chart: Chart) -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    told = table("installing.md", "Values")
    assert {each for name in told for each in name.replace("`", "").split(", ")} == leaves(values)


OPEN = ("settings.ingress", "settings.deploy", "settings.doorward", "resources", "affinity", "authz.resources")


def leaves(values: JsonObject, path: str = "") -> set[str]:
    found: set[str] = set()
    for name, each in values.items():
        here = f"{path}.{name}" if path else name
        found |= leaves(each, here) if isinstance(each, dict) and each and here not in OPEN else {here}
    return found


def described(part: JsonObject, path: str = "") -> set[str]:
    found: set[str] = set()
    for name, each in part["properties"].items():
        here = f"{path}.{name}" if path else name
        assert each["description"], here
        found |= described(each, here) if "properties" in each and here not in OPEN else {here}
    return found


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"replicas": 3}, "replicas"),
        ({"journal": {"kind": "disk"}}, "journal"),
        ({"sources": ["omee"]}, "sources"),
        ({"settings": {"doorward": {"overlap": 3}}}, "overlap"),
        ({"settings": {"doorward": {"overlapSeconds": "ten"}}}, "overlapSeconds"),
        ({"replica": 1}, "replica"),
        ({"journal": {"kind": "persistentVolumeClaim"}}, "set replicas to 1"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(chart: Chart, values: JsonObject, said: str) -> None:
    with pytest.raises(Refused, match=said):
        chart.text(values)


def test_whatever_is_chosen_the_parts_fit(rendered: list[tuple[dict[str, Any], list[JsonObject]]]) -> None:
    for values, objects in rendered:
        names = {(each["kind"], each["metadata"]["name"]) for each in objects}
        assert len({(*key, each["metadata"].get("namespace")) for each in objects for key in [name_of(each)]}) == len(
            objects
        )
        deployment = next(each for each in objects if name_of(each) == ("Deployment", "d"))
        pods = deployment["spec"]["template"]
        labels, spec = pods["metadata"]["labels"], pods["spec"]
        for each in objects:
            for chosen in selectors(each):
                fits = [d for d in objects if d["kind"] == "Deployment" and chosen.items() <= labels_of(d).items()]
                assert len(fits) == 1, (values, each["kind"])
        assert deployment["spec"]["replicas"] == values["replicas"]
        assert (("ServiceAccount", spec["serviceAccountName"]) in names) is values["serviceAccount.create"]
        assert understood(spec["containers"][0]["args"])
        volumes = spec.get("volumes", [])
        assert bool(volumes) is (values["journal.kind"] != "none")
        claims = [each["persistentVolumeClaim"]["claimName"] for each in volumes if "persistentVolumeClaim" in each]
        assert all(("PersistentVolumeClaim", claim) in names or claim == "kept" for claim in claims)
        assert ("Role" in {kind for kind, _ in names}) is values["rbac.create"]
        for kind, value in {
            "ConfigMap": "settings.create",
            "ServiceMonitor": "metrics.serviceMonitor.enabled",
            "PodDisruptionBudget": "podDisruptionBudget.enabled",
        }.items():
            assert (kind in {kind for kind, _ in names}) is values[value], (kind, values)
        assert (("NetworkPolicy", "d") in names) is values["networkPolicy.enabled"]
        assert (("Deployment", "d-authz") in names) is values["authz.enabled"]
        assert ("--ui" in spec["containers"][0]["args"]) is values["page.enabled"]
        for kind in ("ClusterRole", "ClusterRoleBinding"):
            assert ((kind, "d-page") in names) is (values["page.enabled"] and values["rbac.create"])
        assert labels["app.kubernetes.io/instance"] == "d"


def name_of(obj: JsonObject) -> tuple[str, str]:
    return obj["kind"], obj["metadata"]["name"]


def labels_of(deployment: JsonObject) -> JsonObject:
    found: JsonObject = deployment["spec"]["template"]["metadata"]["labels"]
    return found


def selectors(obj: JsonObject) -> Iterator[JsonObject]:
    """By which labels an object chooses pods."""
    spec = obj.get("spec", {})
    if obj["kind"] in ("Deployment", "PodDisruptionBudget"):
        yield spec["selector"]["matchLabels"]
    elif obj["kind"] == "NetworkPolicy":
        yield spec["podSelector"]["matchLabels"]
    elif obj["kind"] == "Service":
        yield spec["selector"]


def understood(arguments: list[str]) -> bool:
    """Whether the program takes these; raises what click does where it doesn't."""
    program, command, *rest = arguments
    group = typer.main.get_command(app)
    context = group.make_context(program, [command], resilient_parsing=True)
    run = group.get_command(context, command)  # type: ignore[attr-defined]
    run.make_context(command, list(rest))
    return True


def test_settings_are_the_keys_of_the_config_map(chart: Chart) -> None:
    given = {
        "ingress": {"ingressDomain": "models.example.com", "urlScheme": "https"},
        "deploy": {"defaultDeploymentMode": "RawDeployment"},
        "doorward": {"overlapSeconds": 2.5, "namespaceDomains": {"chat": ["chat.example.com"]}},
    }
    objects = chart.objects({"settings": {"create": True, **given}})
    (written,) = (each for each in objects if each["kind"] == "ConfigMap")
    assert (written["metadata"]["namespace"], written["metadata"]["name"]) == ("ome", "inferenceservice-config")
    read = {key: json.loads(written["data"][key]) for key in ("ingress", "deploy")}
    assert {**read, "doorward": yaml.safe_load(written["data"]["doorward"])} == given


def test_guards_are_what_the_file_for_them_has(chart: Chart) -> None:
    file = CHART.parent / "authz.yaml"
    apart = {name_of(each): bare(each) for each in yaml.safe_load_all(file.read_text()) if each}
    default = {name_of(each) for each in chart.objects()}
    added = [each for each in chart.objects({"authz": {"enabled": True}}) if name_of(each) not in default]
    assert {name_of(each): bare(each) for each in added} == apart


def bare(obj: JsonObject) -> JsonObject:
    """Without what only helm knows."""
    text = json.dumps(obj)
    found: JsonObject = json.loads(text)
    found["metadata"].pop("labels", None)
    spec = found.get("spec", {})
    for labels in (
        spec.get("selector", {}),
        spec.get("selector", {}).get("matchLabels", {}),
        spec.get("template", {}).get("metadata", {}).get("labels", {}),
    ):
        for key in ("instance", "version"):
            labels.pop(f"app.kubernetes.io/{key}", None)
    for spread in spec.get("template", {}).get("spec", {}).get("topologySpreadConstraints", ()):
        spread["labelSelector"]["matchLabels"].pop("app.kubernetes.io/instance", None)
    return found


@pytest.fixture
def monitored(api_server: ApiServer) -> ApiServer:
    """An API server that knows the Prometheus Operator's ServiceMonitor."""
    install(api_server.kubeconfig, [Path(__file__).with_name("servicemonitors.yaml")])
    return api_server


@pytest.mark.cluster
def test_a_real_api_server_takes_whatever_is_chosen(
    kubectl: Kubectl, monitored: ApiServer, rendered: list[tuple[dict[str, Any], list[JsonObject]]]
) -> None:
    for name in ("doors", "ome", "chat", "code"):
        kubectl("apply", "-f", "-", stdin=f"{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}}}}}")
    distinct = {json.dumps(each, sort_keys=True): each for _, objects in rendered for each in objects}
    told = kubectl(
        *("apply", "--server-side", "--dry-run=server", "--validate=strict", "--filename", "-"),
        stdin="\n".join(f"---\n{each}" for each in distinct),
    )
    assert len(told.splitlines()) == len(distinct) > 60


@pytest.mark.cluster
def test_a_release_is_installed_upgraded_and_taken_away(chart: Chart, api_server: ApiServer, kubectl: Kubectl) -> None:
    where = ("--kubeconfig", str(api_server.kubeconfig), "--namespace", "released")
    told = chart.run("install", "front", str(CHART), "--create-namespace", *where)
    assert "ConfigMap released/inferenceservice-config" in told
    replicas = ("get", "deployment", "front", "--namespace", "released", "--output", "jsonpath={.spec.replicas}")
    assert kubectl(*replicas) == "2"
    chart.run("upgrade", "front", str(CHART), "--set", "replicas=1,journal.kind=persistentVolumeClaim", *where)
    assert kubectl(*replicas) == "1"
    assert kubectl("get", "pvc", "--namespace", "released", "--output", "name").split() == [
        "persistentvolumeclaim/front-journal"
    ]
    chart.run("uninstall", "front", *where)
    assert not kubectl("get", "clusterrole", "front", "--ignore-not-found")


def test_without_helm_these_tests_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.deploy import tools

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("DOORWARD_REQUIRE_CLUSTER", raising=False)
    assert not providers.required()
    with pytest.raises(tools.Missing, match="no helm, and no Go"):
        tools.helm(lambda _: None)
    with pytest.raises(tools.Missing, match="no promtool on PATH"):
        tools.promtool(lambda _: None)
    with pytest.raises(tools.Missing, match="no buildah on PATH"):
        tools.buildah(lambda _: None)


def test_a_package_that_cannot_be_had_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.deploy import tools

    for name in ("apt-get", "dpkg-deb"):
        (tmp_path / name).write_text("#!/bin/sh\necho 'no such package' >&2\nexit 100\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(tools.Missing, match="no such package"):
        tools.promtool(lambda _: None)
    monkeypatch.setenv("DOORWARD_REQUIRE_CLUSTER", "1")
    with pytest.raises(tools.Missing, match="no buildah on PATH"):
        tools.buildah(lambda _: None)
    assert (
        subprocess.run(["/bin/ls", tmp_path / "cache" / "doorward"], capture_output=True, text=True).stdout == "lock\n"
    )
