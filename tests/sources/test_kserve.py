"""KServe's InferenceServices get doors as OME's do, in KServe's own words."""

from __future__ import annotations

import pytest
from doorward.model.reference import JsonObject
from doorward.settings.configuration import parse

from tests.engine.stage import settings
from tests.sources.stage import BESIDE, INGRESS, KSERVE, RAW, SERVICE, Sources, kserve, part

BOTH: JsonObject = {"predictor": {}, "transformer": {}}


def backend(stage: Sources, name: str = "m") -> str:
    """The Service that an Ingress leads to."""
    (path,) = stage.get(INGRESS, "a", name)["spec"]["rules"][0]["http"]["paths"]
    return str(path["backend"]["service"]["name"])


def test_the_predictor_is_the_entry_where_there_is_no_transformer() -> None:
    stage = Sources(BESIDE, kserve(), part("m"))
    assert backend(stage) == "m-predictor"
    assert stage.told(KSERVE)["status"] == "True"


def test_the_transformer_is_the_entry_where_there_is_one() -> None:
    stage = Sources(BESIDE, kserve(spec=BOTH), part("m"), part("m", "transformer"))
    assert backend(stage) == "m-transformer"


def test_a_door_waits_for_its_entry_by_the_name_that_kserve_has_for_it() -> None:
    stage = Sources(BESIDE, kserve(spec=BOTH, ready=("Predictor",)), part("m"), part("m", "transformer"))
    assert stage.hosts() == {}
    assert stage.told(KSERVE)["reason"] == "TransformerNotReady"


def test_no_door_leads_to_an_explainer_and_users_are_told() -> None:
    stage = Sources(BESIDE, kserve(spec={"predictor": {}, "explainer": {}}), part("m"), part("m", "explainer"))
    assert backend(stage) == "m-predictor"
    events = stage.store.list(stage.resource("Event"), "a").items
    assert [(each["reason"], "explainer" in each["message"]) for each in events] == [("NotRouted", True)]


def test_a_predictor_may_have_a_name_of_its_own() -> None:
    named = part("m", "blue-predictor")
    stage = Sources(BESIDE, kserve(spec={"predictor": {"name": "blue"}}), named)
    assert backend(stage) == "m-blue-predictor"


def test_the_service_inside_selects_the_pods_of_the_entry() -> None:
    stage = Sources(BESIDE, kserve(), part("m"))
    assert stage.get(SERVICE, "a", "m")["spec"]["selector"] == {
        "app": "isvc.m-predictor",
        "serving.kserve.io/inferenceservice": "m",
        "component": "predictor",
    }


def test_what_is_written_belongs_to_the_service_of_kserve() -> None:
    stage = Sources(BESIDE, kserve(), part("m"))
    (owner,) = stage.get(INGRESS, "a", "m")["metadata"]["ownerReferences"]
    uid = stage.get(KSERVE, "a", "m")["metadata"]["uid"]
    assert (owner["apiVersion"], owner["kind"], owner["uid"]) == ("serving.kserve.io/v1beta1", "InferenceService", uid)


def test_the_door_is_reported_in_a_condition_of_its_own_and_what_kserve_writes_is_left_alone() -> None:
    status = {"url": "http://m-a.example.com", "address": {"url": "http://m-predictor.a.svc"}}
    stage = Sources(BESIDE, kserve(status=status), part("m"))
    told = stage.get(KSERVE, "a", "m")["status"]
    assert {key: told[key] for key in status} == status
    assert stage.told(KSERVE, type_="IngressReady") == {}
    assert "http://m.a.example.com" in stage.told(KSERVE)["message"]


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("RawDeployment", INGRESS),
        ("Standard", INGRESS),
        ("Serverless", "VirtualService.networking.istio.io"),
        ("Knative", "VirtualService.networking.istio.io"),
    ],
)
def test_modes_are_read_by_their_old_and_new_names(mode: str, kind: str) -> None:
    stage = Sources(BESIDE, kserve(annotations={"serving.kserve.io/deploymentMode": mode}), part("m"))
    assert stage.get(kind, "a", "m")


def test_the_mode_that_kserve_settled_on_counts_before_the_annotation() -> None:
    stage = Sources(BESIDE, kserve(status={"deploymentMode": "Knative"}), part("m"))
    assert stage.get("VirtualService.networking.istio.io", "a", "m")


def test_a_mode_that_kserve_does_not_know_counts_as_none_as_it_does_there() -> None:
    annotations = {"serving.kserve.io/deploymentMode": "Bogus"}
    raw = settings(deploy='{"defaultDeploymentMode": "Standard"}', doorward="beside: [kserve]")
    assert Sources(raw, kserve(annotations=annotations), part("m")).hosts() == {"m": ["m.a.example.com"]}


def test_model_mesh_is_refused() -> None:
    stage = Sources(BESIDE, kserve(annotations={"serving.kserve.io/deploymentMode": "ModelMesh"}), part("m"))
    told = stage.told(KSERVE)
    assert (told["status"], told["reason"]) == ("False", "UnsupportedMode")
    assert "serving.kserve.io/deploymentMode" in told["message"]
    assert stage.ours() == set()


def test_a_service_without_a_predictor_is_refused() -> None:
    assert Sources(BESIDE, kserve(spec={"transformer": {}})).told(KSERVE)["reason"] == "PredictorRequired"


def test_a_service_that_is_stopped_has_no_door_outside_any_more() -> None:
    stage = Sources(BESIDE, kserve(), part("m"))
    assert stage.hosts()
    stage.patch(KSERVE, "a", "m", {"metadata": {"annotations": {"serving.kserve.io/stop": "true"}}})
    stage.settle()
    assert stage.hosts() == {}


def test_kserves_own_label_keeps_a_service_inside() -> None:
    stage = Sources(BESIDE, kserve(labels={"networking.kserve.io/visibility": "cluster-local"}), part("m"))
    assert stage.hosts() == {}
    assert stage.told(KSERVE)["reason"] == "ClusterLocal"


def test_a_timeout_of_a_component_counts() -> None:
    annotations = {**RAW, "doorward.io/ingress-class": "nginx"}
    stage = Sources(BESIDE, kserve(spec={"predictor": {"timeout": 77}}, annotations=annotations), part("m"))
    noted = stage.get(INGRESS, "a", "m")["metadata"]["annotations"]
    assert noted["nginx.ingress.kubernetes.io/proxy-read-timeout"] == "77"


def test_annotations_are_those_of_the_table_under_doorwards_own_prefix() -> None:
    stage = Sources(BESIDE, kserve(annotations={**RAW, "doorward.io/ingress-domain": "models.test"}), part("m"))
    assert stage.hosts() == {"m": ["m.a.models.test"]}


@pytest.mark.parametrize("key", ["ome.io/ingress-domain", "ome.io/deployment-mode", "ome.io/deploymentMode"])
def test_annotations_of_ome_say_nothing_on_a_service_of_kserve(key: str) -> None:
    raw = settings(deploy='{"defaultDeploymentMode": "Standard"}', doorward="beside: [kserve]")
    stage = Sources(raw, kserve(annotations={key: "models.test"}), part("m"))
    assert stage.hosts() == {"m": ["m.a.example.com"]}


def test_what_is_wrong_with_an_annotation_is_told_by_the_name_that_it_has_there() -> None:
    stage = Sources(BESIDE, kserve(annotations={**RAW, "doorward.io/ingress-domain": "Not_One"}), part("m"))
    told = stage.told(KSERVE)
    assert told["reason"] == "InvalidHost"
    assert "doorward.io/ingress-domain" in told["message"]
    assert "ome.io" not in told["message"]


# -- never both controllers


def test_nothing_opens_until_the_setting_says_that_kserves_controller_opens_nothing() -> None:
    stage = Sources(kserve(), part("m"))
    assert stage.ours() == set()
    told = stage.told(KSERVE)
    assert (told["status"], told["reason"]) == ("False", "OpenedByAnother")
    assert "beside" in told["message"]


def test_doors_close_at_once_when_the_setting_does_not_say_so_any_more() -> None:
    stage = Sources(BESIDE, kserve(), part("m"))
    assert stage.hosts()
    stage.patch("ConfigMap", "ome", "inferenceservice-config", {"data": {"doorward": ""}})
    stage.deliver()
    while stage.act():
        pass
    assert stage.hosts() == {}
    stage.settle()
    assert stage.told(KSERVE)["reason"] == "OpenedByAnother"


def test_what_kserve_made_is_never_changed() -> None:
    theirs = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "m", "namespace": "a"},
        "spec": {"ingressClassName": "nginx", "defaultBackend": {"service": {"name": "x", "port": {"number": 80}}}},
    }
    stage = Sources(BESIDE, kserve(), part("m"))
    stage = Sources(BESIDE, theirs, kserve(), part("m"))
    before = stage.get(INGRESS, "a", "m")
    stage.settle()
    assert stage.get(INGRESS, "a", "m") == before
    assert stage.told(KSERVE)["reason"] == "ObjectConflict"


# -- KServe's ConfigMap


def test_kserves_config_map_is_read_where_it_means_the_same() -> None:
    parsed = parse(
        {
            "ingress": """{
                "enableGatewayApi": true, "kserveIngressGateway": "kserve/kserve-ingress-gateway",
                "ingressGateway": "knative-serving/knative-ingress-gateway", "ingressDomain": "models.test",
                "localGateway": "knative-serving/knative-local-gateway",
                "localGatewayService": "knative-local-gateway.istio-system.svc.cluster.local",
                "ingressClassName": "istio", "domainTemplate": "{{ .Name }}-{{ .Namespace }}.{{ .IngressDomain }}",
                "urlScheme": "http", "disableIstioVirtualHost": false, "disableIngressCreation": false,
                "disableHTTPRouteTimeout": false}""",
            "deploy": '{"defaultDeploymentMode": "Knative"}',
        }
    )
    assert not parsed.problems
    assert not parsed.warnings
    found = parsed.settings
    assert found is not None
    assert (found.enable_gateway_api, found.ome_ingress_gateway) == (True, "kserve/kserve-ingress-gateway")
    assert (found.default_deployment_mode, found.ingress_domain) == ("Serverless", "models.test")


def test_kserves_newer_names_of_modes_are_read() -> None:
    found = parse({"deploy": '{"defaultDeploymentMode": "Standard"}'}).settings
    assert found is not None
    assert found.default_deployment_mode == "RawDeployment"
