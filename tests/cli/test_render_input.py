"""What ``doorward render`` makes of input that is wrong: the file, the line, the reason, and exit status 2."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from doorward.backends import Backends
from doorward.engine import Engine
from doorward.model.reference import SERVICE
from doorward_daemon.manifests import read
from doorward_daemon.rendering import play

from tests.cli.rendering import from_text, render, service

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: inferenceservice-config, namespace: ome}\n"

BAD = {
    "YAML that doesn't parse": (service() + "a: [1,\nb: 2\n", 8, "did not find expected"),
    "a tab": (service() + "a:\n\t- b\n", 8, "cannot start any token"),
    "a key twice": ("apiVersion: ome.io/v1beta1\nkind: InferenceService\nkind: Service\n", 3, "kind is there twice"),
    "a list": (service() + "- a\n- b\n", 7, "this is a list"),
    "text": (service() + "hello\n", 7, "this is 'hello'"),
    "no kind": ("apiVersion: v1\nmetadata: {name: m}\n", 1, "no kind"),
    "no apiVersion": (service() + "kind: Service\nmetadata: {name: m}\n", 7, "no apiVersion"),
    "a kind that is no text": ("apiVersion: v1\nkind: 3\nmetadata: {name: m}\n", 1, "no kind"),
    "no metadata": ("apiVersion: ome.io/v1beta1\nkind: InferenceService\n", 1, "InferenceService has no metadata.name"),
    "no name": ("apiVersion: ome.io/v1beta1\nkind: InferenceService\nmetadata: {}\n", 1, "has no metadata.name"),
    "a name that is a number": (service("7"), 1, "has no metadata.name"),
    "a name that can't be one": (service("Big_Name"), 1, "metadata.name"),
    "an annotation that is a bool": (
        service(**{"ome.io/disable-ingress": "true"}),
        1,
        "InferenceService m: metadata.annotations: ome.io/disable-ingress is true, not text; quote it",
    ),
    "an annotation that is a number": (service(a="1"), 1, "a is 1, not text; quote it"),
    "an annotation that is nothing": (service(a=""), 1, "a is null, not text; quote it"),
    "annotations that are a list": (
        service().replace("  name: m\n", "  name: m\n  annotations: [a]\n"),
        1,
        "metadata.annotations must be a mapping",
    ),
    "a label that is a bool": (
        service().replace("  name: m\n", "  name: m\n  labels: {a: yes}\n"),
        1,
        "metadata.labels: a is true, not text; quote it",
    ),
    "too many annotations": (service(a="x" * 262_144), 1, "262145 bytes; an API server takes at most 262144"),
    "the same object twice": (
        service() + service("n") + service(),
        13,
        "twice; the other one is in standard input, line 1",
    ),
    "the same object, once with its namespace": (
        service() + service().replace("  name: m", "  namespace: default\n  name: m"),
        7,
        "there twice",
    ),
    "a number as a key": (service().replace("name: m", "name: m\n  1: 2"), 1, "can't be written as JSON"),
    "a spec that is a list": (service(spec="[]"), 1, "spec must be a mapping"),
    "a Service that the server refuses": (
        service() + "apiVersion: v1\nkind: Service\nmetadata: {name: m-engine}\nspec: {ports: [{port: 700000}]}\n",
        7,
        "spec.ports[0].port",
    ),
    "settings that don't parse": (service() + CONFIG_MAP + "data: {ingress: '{'}\n", 7, "key ingress: isn't JSON"),
    "settings that fail a check": (
        service() + CONFIG_MAP + """data: {ingress: '{"urlScheme": "ftp"}'}\n""",
        7,
        "field urlScheme",
    ),
    "a version that no cluster serves": (
        service() + "apiVersion: networking.k8s.io/v1beta1\nkind: Ingress\nmetadata: {name: it}\nspec: {}\n",
        7,
        "no Ingress is served as networking.k8s.io/v1beta1; write networking.k8s.io/v1",
    ),
    "a time that is none": (
        service().replace("  name: m", "  creationTimestamp: yesterday\n  name: m"),
        1,
        "no time of RFC 3339",
    ),
}


@pytest.mark.parametrize(("text", "line", "reason"), BAD.values(), ids=BAD.keys())
def test_input_that_is_wrong_is_named(text: str, line: int, reason: str) -> None:
    printed = from_text(text)
    assert (printed.code, printed.out) == (2, ""), printed
    assert printed.err.startswith(f"error: standard input, line {line}: "), printed.err
    assert reason in printed.err
    assert len(printed.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no InferenceService (ome.io/v1beta1 or serving.kserve.io/v1beta1), but nothing"),
        ("---\n---\n# nothing here\n", "but nothing"),
        ("apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: m}\n", "but Widget"),
        (service().replace("ome.io/", "serving.kubeflow.org/"), "an InferenceService of serving.kubeflow.org/v1beta1"),
    ],
)
def test_input_without_any_inference_service_is_an_error(text: str, reason: str) -> None:
    printed = from_text(text)
    assert printed.code == 2
    assert reason in printed.err


def test_bytes_that_are_no_text_are_named() -> None:
    printed = from_text(b"a: 1\nb: \xff\n")
    assert (printed.code, printed.err) == (2, "error: standard input, line 2: isn't UTF-8: byte 0xff\n")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    printed = render("-f", tmp_path / "missing.yaml")
    assert printed.code == 2
    assert f"{tmp_path / 'missing.yaml'}: can't be read: No such file or directory" in printed.err


def test_a_folder_without_manifests_is_named(tmp_path: Path) -> None:
    printed = render("-f", tmp_path)
    assert printed.code == 2
    assert "the folder has no .yaml, .yml or .json file" in printed.err


def test_the_file_and_line_of_a_later_file_are_named(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(service())
    bad.write_text(service("n") + service("n"))
    printed = render("-f", good, "-f", bad)
    assert f"{bad}, line 7: InferenceService default/n is there twice; the other one is in {bad}, line 1" in printed.err


def test_a_kind_that_nobody_knows_is_no_error() -> None:
    printed = from_text(service() + "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: m}\n")
    assert printed.code == 0


def test_without_a_file_the_usage_is_told() -> None:
    printed = render()
    assert printed.code == 2
    assert "--file" in printed.err


def test_services_come_with_the_addresses_and_ports_of_their_cluster(tmp_path: Path) -> None:
    services = [
        ("kubernetes", {"clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1"], "ports": [{"port": 443}]}),
        ("m-engine", {"clusterIP": "172.20.0.10", "clusterIPs": ["172.20.0.10", "fd00::10"], "ports": [{"port": 80}]}),
        ("same", {"type": "NodePort", "clusterIP": "172.20.0.11", "ports": [{"port": 80, "nodePort": 80}]}),
        ("other", {"type": "NodePort", "clusterIP": "172.20.0.12", "ports": [{"port": 80, "nodePort": 80}]}),
        ("headless", {"clusterIP": "None", "clusterIPs": ["None"], "ports": [{"port": 80}]}),
    ]
    text = service("m", **{"ome.io/deployment-mode": "RawDeployment"})
    for name, spec in services:
        dual = {"ipFamilies": ["IPv4", "IPv6"], "ipFamilyPolicy": "RequireDualStack"}
        body = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {**dual, **spec}}
        text += yaml.safe_dump(body) + "---\n"
    printed = from_text(text, "--simulate")
    assert (printed.code, printed.condition("m").get("status")) == (0, "True"), printed.err
    file = tmp_path / "all.yaml"
    file.write_text(text)
    world, *_ = play(read([str(file)]), Engine(Backends(), use_defaults=True), "ome", simulate=False)
    stood = {each["metadata"]["name"]: each["spec"] for each in world.of_kind(SERVICE)}
    for name, spec in services:
        assert stood[name]["clusterIP"] == spec["clusterIP"]
        assert [port.get("nodePort") for port in stood[name]["ports"]] == [p.get("nodePort") for p in spec["ports"]]
