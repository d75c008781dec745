"""What ``doorward render`` prints."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
import yaml

from tests.cli.rendering import from_text, render, service

RAW = {"ome.io/deployment-mode": "RawDeployment"}
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: inferenceservice-config, namespace: NAMESPACE}\n"
GATEWAY_API = """data: {ingress: '{"enableGatewayAPI": true, "omeIngressGateway": "ingress/ome"}'}\n---\n"""
BALANCED = {**RAW, "ome.io/disable-ingress": "'true'", "ome.io/service-type": "LoadBalancer"}


def test_what_would_stand_comes_first_and_then_the_services_with_their_status() -> None:
    printed = from_text(service(**RAW), "--simulate")
    assert [f"{o['kind']}/{o['metadata']['name']}" for o in printed.items] == [
        "Ingress/m",
        "Service/m",
        "InferenceService/m",
    ]
    status = printed.service("m")["status"]
    assert status["url"] == "http://m.default.example.com"
    assert status["address"] == {"url": "http://m.default.svc.cluster.local"}
    assert (printed.code, printed.err) == (0, "")


def test_json_and_yaml_say_the_same() -> None:
    text = service(**RAW)
    assert orjson.loads(from_text(text, "--simulate", "-o", "json").out) == yaml.safe_load(
        from_text(text, "--simulate").out
    )


def test_the_same_input_gives_the_same_output() -> None:
    text = "".join(service(f"m{i}") for i in range(5))
    first = from_text(text, "--simulate")
    assert first.out == from_text(text, "--simulate").out


def test_the_order_of_the_input_does_not_matter() -> None:
    one = from_text(service("a") + service("b", **RAW), "--simulate")
    other = from_text(service("b", **RAW) + service("a"), "--simulate")
    assert one.out == other.out


def test_keys_are_in_the_usual_order() -> None:
    for obj in from_text(service(**RAW), "--simulate").items:
        assert list(obj) == [k for k in ("apiVersion", "kind", "metadata", "spec", "status") if k in obj]
        assert list(obj["metadata"])[:2] == ["name", "namespace"]


def test_what_only_a_server_knows_is_left_out() -> None:
    printed = from_text(service(**BALANCED), "--simulate")
    for obj in printed.items:
        assert (
            not {"uid", "resourceVersion", "managedFields", "generation", "creationTimestamp"} & obj["metadata"].keys()
        )
        assert "ownerReferences" not in obj["metadata"]
    (door,) = [o for o in printed.items if o["kind"] == "Service"]
    assert set(door["spec"]) == {"type", "selector", "ports"}
    assert set(door["spec"]["ports"][0]) == {"name", "port", "protocol", "targetPort"}


def test_an_identity_that_was_given_is_kept() -> None:
    uid = "11111111-1111-1111-1111-111111111111"
    named = f"  uid: {uid}\n  creationTimestamp: 2025-05-05T05:05:05Z\n  resourceVersion: '77'\n  name: m"
    printed = from_text(service(**RAW).replace("  name: m", named), "--simulate")
    metadata = printed.service("m")["metadata"]
    assert (metadata["uid"], metadata["creationTimestamp"]) == (uid, "2025-05-05T05:05:05Z")
    for obj in printed.items[:-1]:
        assert [owner["uid"] for owner in obj["metadata"]["ownerReferences"]] == [uid]


def test_every_object_bears_its_owner() -> None:
    for obj in from_text(service(**RAW), "--simulate").items[:-1]:
        assert obj["metadata"]["annotations"]["doorward.io/owner"]


def test_a_service_without_a_namespace_is_in_default() -> None:
    assert {o["metadata"]["namespace"] for o in from_text(service(), "--simulate").items} == {"default"}


def test_a_service_whose_components_are_not_ready_has_no_door_and_that_is_no_error() -> None:
    printed = from_text(service(**RAW))
    assert printed.condition("m")["reason"] == "EngineNotReady"
    assert (printed.ours, printed.code) == ([], 0)


def test_what_is_given_counts_in_a_simulation_too() -> None:
    condition = "{type: EngineReady, status: 'False', message: out of memory}"
    text = service(**RAW).replace("spec:", f"status: {{conditions: [{condition}]}}\nspec:")
    printed = from_text(text, "--simulate")
    assert printed.ours == []
    assert "out of memory" in printed.condition("m")["message"]


def test_a_component_service_that_is_given_is_routed_to() -> None:
    labels = "{ome.io/inferenceservice: m, component: engine}"
    metadata = f"metadata: {{name: another, labels: {labels}}}"
    known = f"apiVersion: v1\nkind: Service\n{metadata}\nspec: {{selector: {{a: b}}, ports: [{{port: 9000}}]}}\n"
    printed = from_text(service(**RAW) + known, "--simulate")
    backend = printed.items[0]["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
    assert backend == {"name": "another", "port": {"number": 9000}}


def test_an_engine_that_a_runtime_brings_is_simulated() -> None:
    printed = from_text(service(spec="{model: {name: llama}}"), "--simulate")
    assert printed.condition("m")["status"] == "True"


def test_a_route_is_accepted_in_a_simulation_only() -> None:
    text = CONFIG_MAP.replace("NAMESPACE", "ome") + GATEWAY_API + service(**RAW).replace("spec:", READY)
    assert from_text(text).condition("m")["reason"] == "RouteNotAccepted"
    assert from_text(text, "--simulate").condition("m")["status"] == "True"


def test_load_balancers_get_an_address_each_in_a_simulation() -> None:
    printed = from_text(service(**BALANCED) + service("n", **BALANCED), "--simulate")
    urls = {printed.service(name)["status"]["url"] for name in ("m", "n")}
    assert len(urls) == 2
    assert all(url.startswith("http://203.0.113.") for url in urls)


def test_settings_are_read_where_pod_namespace_says() -> None:
    settings = CONFIG_MAP.replace("NAMESPACE", "elsewhere") + """data: {ingress: '{"ingressDomain": "x.org"}'}\n---\n"""
    text = settings + service(**RAW)
    printed = from_text(text, "--simulate", POD_NAMESPACE="elsewhere")
    assert printed.service("m")["status"]["url"] == "http://m.default.x.org"
    printed = from_text(text, "--simulate")
    assert printed.service("m")["status"]["url"] == "http://m.default.example.com"
    assert "ConfigMap elsewhere/inferenceservice-config: IgnoredSettings" in printed.err


def test_odd_settings_are_warned_of() -> None:
    settings = CONFIG_MAP.replace("NAMESPACE", "ome") + """data: {ingress: '{"ingresDomain": "x.org"}'}\n---\n"""
    printed = from_text(settings + service(), "--simulate")
    assert printed.code == 0
    assert "did you mean ingressDomain?" in printed.err


REFUSED = {
    "InvalidDeploymentMode": ({"ome.io/deployment-mode": "Raw"}, "choose one of"),
    "InvalidHost": ({"ome.io/ingress-domain": "No_Good"}, "ome.io/ingress-domain"),
    "InvalidPath": ({"ome.io/ingress-path-template": "models"}, "ome.io/ingress-path-template"),
    "UnknownBackend": ({"doorward.io/backend": "carrier-pigeon"}, "istio"),
    "BackendUnsupported": ({"doorward.io/backend": "gateway_api"}, "gateway_api"),
}


@pytest.mark.parametrize(("reason", "notes", "word"), [(k, *v) for k, v in REFUSED.items()], ids=REFUSED.keys())
def test_a_service_that_can_not_have_a_door_is_named_and_the_others_are_printed(
    reason: str, notes: dict[str, str], word: str
) -> None:
    printed = from_text(service("bad", **notes) + service("good", **RAW), "--simulate")
    assert printed.code == 1
    (line,) = [line for line in printed.err.splitlines() if line.startswith("error")]
    assert line.startswith(f"error: InferenceService default/bad: {reason}: ")
    assert word in line
    assert printed.ours == ["Ingress/good", "Service/good"]


def test_no_engine_is_refused() -> None:
    printed = from_text(service(spec="{router: {}}"), "--simulate")
    assert (printed.code, "EngineRequired" in printed.err) == (1, True)


def test_a_host_goes_to_one_service_only() -> None:
    notes = {**RAW, "ome.io/ingress-domain-template": "one.example.com"}
    printed = from_text(service("a", **notes) + service("b", **notes), "--simulate")
    assert printed.code == 1
    assert "InferenceService default/b: HostConflict: one.example.com belongs to" in printed.err


def test_an_object_in_the_way_is_refused() -> None:
    rule = (
        "{host: x.org, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: s, port: {number: 80}}}}]}}"
    )
    other = f"apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: m}}\nspec: {{rules: [{rule}]}}\n"
    printed = from_text(service(**RAW) + other, "--simulate")
    assert printed.code == 1
    assert "ObjectConflict" in printed.err


def test_warnings_are_told_on_standard_error() -> None:
    printed = from_text(service(**BALANCED, **{"ome.io/x": "y"}, spec="{engine: {}, decoder: {}}"), "--simulate")
    assert printed.code == 0
    assert printed.err.startswith("warning: InferenceService default/m: NoPathRouting: ")


def test_what_render_prints_renders_to_the_same_again() -> None:
    uid = "  uid: 11111111-1111-1111-1111-111111111111\n  name: m"
    first = from_text(service(**RAW).replace("  name: m", uid), "--simulate")
    again = from_text(first.out, "--simulate")
    assert again.service("m")["status"] == first.service("m")["status"]
    assert [o["spec"] for o in again.items] == [o["spec"] for o in first.items]


def test_a_list_as_kubectl_prints_it_is_taken_apart() -> None:
    documents = [d for d in yaml.safe_load_all(service("a") + service("b")) if d]
    whole = {"apiVersion": "v1", "kind": "List", "items": documents}
    printed = from_text(orjson.dumps(whole).decode())
    assert [o["metadata"]["name"] for o in printed.items] == ["a", "b"]


ISTIO, GATEWAY = "networking.istio.io", "gateway.networking.k8s.io"
THEIRS = {
    "VirtualService": (
        ISTIO,
        "{hosts: [m.default.example.com], gateways: [knative-serving/knative-ingress-gateway], http: "
        "[{route: [{destination: {host: theirs}}]}]}",
    ),
    "HTTPRoute": (
        GATEWAY,
        "{hostnames: [m.default.example.com], parentRefs: [{name: ome, namespace: ingress}], rules: "
        "[{backendRefs: [{name: theirs, port: 80}]}]}",
    ),
}


@pytest.mark.parametrize(
    ("kind", "version"),
    [*(("VirtualService", v) for v in ("v1", "v1beta1", "v1alpha3")), *(("HTTPRoute", v) for v in ("v1", "v1beta1"))],
)
def test_a_kind_is_read_in_every_version_that_a_cluster_serves(kind: str, version: str) -> None:
    group, spec = THEIRS[kind]
    other = f"apiVersion: {group}/{version}\nkind: {kind}\nmetadata: {{name: theirs}}\nspec: {spec}\n---\n"
    ours = service() if kind == "VirtualService" else service(**RAW) + CONFIG_MAP.replace("NAMESPACE", "ome")
    printed = from_text(other + ours + (GATEWAY_API if kind == "HTTPRoute" else ""), "--simulate")
    assert printed.condition("m").get("reason") == "HostConflict", printed.err


@pytest.mark.parametrize("of", [f"{ISTIO}/v1beta1", f"{ISTIO}/v1alpha3", f"{GATEWAY}/v1beta1"])
def test_gateways_are_read_in_every_version_too(of: str) -> None:
    gateway = f"apiVersion: {of}\nkind: Gateway\nmetadata: {{name: theirs}}\nspec: {{}}\n---\n"
    assert from_text(gateway + service(**RAW), "--simulate").code == 0


SLICE = """\
addressType: IPv4
apiVersion: discovery.k8s.io/v1
endpoints: ENDPOINTS
kind: EndpointSlice
metadata:
  annotations:
    endpoints.kubernetes.io/last-change-trigger-time: "2026-01-01T00:00:00Z"
  creationTimestamp: "2026-01-01T00:00:00Z"
  generateName: m-engine-
  generation: 3
  labels:
    endpointslice.kubernetes.io/managed-by: endpointslice-controller.k8s.io
    kubernetes.io/service-name: m-engine
  name: m-engine-abcde
  namespace: default
  ownerReferences:
  - {apiVersion: v1, blockOwnerDeletion: true, controller: true, kind: Service, name: m-engine, uid: 8a9e8ab7}
  resourceVersion: "712"
  uid: 8a9e8ab7-0000-4000-8000-000000000001
ports: PORTS
---
"""


@pytest.mark.parametrize(
    ("endpoints", "ports", "ready"),
    [
        ("[{addresses: [10.0.0.7], conditions: {ready: true}}]", "[{name: http, port: 8080}]", True),
        ("null", "null", False),
    ],
)
def test_an_endpoint_slice_is_read_as_kubectl_prints_it(endpoints: str, ports: str, ready: bool) -> None:
    printed = from_text(SLICE.replace("ENDPOINTS", endpoints).replace("PORTS", ports) + service(**RAW))
    assert printed.code == 0, printed.err
    assert (printed.condition("m")["status"] == "True") == ready


def test_a_component_that_is_null_is_none() -> None:
    printed = from_text(service(spec="{engine: {}, router: null}", **RAW), "--simulate")
    assert "m-router" not in printed.out
    refused = from_text(service(spec="{engine: null}", **RAW), "--simulate")
    assert refused.condition("m")["reason"] == "EngineRequired"


def test_an_unknown_setting_is_told_once() -> None:
    text = CONFIG_MAP.replace("NAMESPACE", "ome") + """data: {ingress: '{"ingressDomian": "x"}'}\n---\n"""
    printed = from_text(text + service(**RAW), "--simulate")
    assert printed.err.count("ingressDomian") == 1
    assert "ConfigMap ome/inferenceservice-config: SettingsWarning: key ingress, field ingressDomian" in printed.err


def test_folders_and_standard_input_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(service("a"))
    (tmp_path / "b.json").write_bytes(orjson.dumps(next(yaml.safe_load_all(service("b")))))
    (tmp_path / "c.txt").write_text("not: read")
    printed = render("-f", tmp_path, "-f", "-", stdin=service("c"))
    assert [o["metadata"]["name"] for o in printed.items] == ["a", "b", "c"]


def test_a_service_that_is_being_deleted_has_no_door() -> None:
    leaving = "  deletionTimestamp: '2026-01-01T00:00:00Z'\n  finalizers: [x.org/y]\n  name: m"
    printed = from_text(service(**RAW).replace("  name: m", leaving), "--simulate")
    assert (printed.code, printed.ours) == (0, [])


READY = "status: {conditions: [{type: EngineReady, status: 'True'}]}\nspec:"
