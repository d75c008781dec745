"""Service DOOR, and Services of type LoadBalancer and NodePort."""

from __future__ import annotations

import re
from typing import Any

import pytest
from doors import make
from doorward.model.door import Door
from doorward.model.settings import Settings
from doorward_loadbalancer.clouds import PASSED, PREFIXES
from evaluate import route
from opened import asked, call, facts, open_door, owned, render


def reasons(door: Door) -> list[str]:
    return [each.reason for each in render("loadbalancer", door).warnings]


def service(backend: str, door: Door) -> dict[str, Any]:
    (rendered,) = render(backend, door).objects
    return rendered


def test_in_raw_door_is_a_cluster_ip_over_the_entrys_pods() -> None:
    door = make(("engine", "router"))
    assert service("cluster_local", door)["spec"] == {
        "type": "ClusterIP",
        "selector": {"component": "router", "ome.io/inferenceservice": "m"},
        "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080}],
    }


def test_the_entrys_own_selector_is_kept_and_ours_keeps_others_out() -> None:
    selector = (("component", "x"), ("leaderworkerset.sigs.k8s.io/worker-index", "0"))
    (target,) = make().targets
    door = make(targets=(type(target)(component="engine", service="e", selector=selector, target_port="http"),))
    spec = service("cluster_local", door)["spec"]
    assert spec["selector"] == {
        "component": "engine",
        "ome.io/inferenceservice": "m",
        "leaderworkerset.sigs.k8s.io/worker-index": "0",
    }
    assert spec["ports"][0]["targetPort"] == "http"


def test_a_long_name_is_selected_by_as_labels_have_it() -> None:
    selector = service("cluster_local", make(name="a" * 70))["spec"]["selector"]
    assert len(selector["ome.io/inferenceservice"]) == 63


def test_in_serverless_door_leads_to_the_local_gateway() -> None:
    door = make(mode="Serverless", door_service="m-door")
    rendered = service("cluster_local", door)
    assert rendered["metadata"] == {"name": "m-door"}
    assert rendered["spec"] == {
        "type": "ExternalName",
        "externalName": "knative-local-gateway.istio-system.svc.cluster.local",
        "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 80}],
    }


@pytest.mark.parametrize("in_cluster", ["tied", "conflict", "none"])
def test_a_service_that_isnt_ours_isnt_rendered(in_cluster: str) -> None:
    door = make(in_cluster=in_cluster)
    assert asked("cluster_local", door) is None
    assert render("cluster_local", door).objects == ()


@pytest.mark.parametrize("exposure", ["outside", "cluster-local", "disabled"])
def test_it_accompanies_doors_of_every_exposure(exposure: str) -> None:
    assert asked("cluster_local", make(exposure=exposure, backend=""))


def test_a_decoder_that_a_plain_service_cant_reach_is_told() -> None:
    door = make(("engine", "decoder"))
    (warning,) = render("cluster_local", door).warnings
    assert warning.reason == "NoPathRouting"
    assert "m-decoder" in warning.message
    assert render("cluster_local", make(("engine", "decoder"), mode="Serverless")).warnings == ()


def balanced(components: tuple[str, ...] = ("engine",), **changes: Any) -> Door:
    return make(components, **{"backend": "loadbalancer", "hosts": (), "service_type": "LoadBalancer", **changes})


def test_in_raw_door_itself_takes_the_type() -> None:
    (rendered,) = open_door(balanced())
    assert (rendered["metadata"]["name"], rendered["spec"]["type"]) == ("m", "LoadBalancer")
    assert rendered["spec"]["ports"] == [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080}]


def test_beside_a_door_that_isnt_ours_it_is_a_service_of_its_own() -> None:
    (rendered,) = open_door(balanced(name="llama-chat", in_cluster="tied", service_type="NodePort"))
    assert (rendered["metadata"]["name"], rendered["spec"]["type"]) == ("llama-chat-lb-90c73", "NodePort")


def test_in_serverless_it_leads_past_knative_to_the_pods_and_says_what_that_means() -> None:
    door = balanced(mode="Serverless", name="llama-chat")
    by_name = {(each["kind"], each["metadata"]["name"]): each for each in open_door(door)}
    assert by_name.keys() == {
        ("Service", "llama-chat-lb-90c73"),
        ("Service", "llama-chat"),
        ("VirtualService", "llama-chat"),
    }
    spec = by_name["Service", "llama-chat-lb-90c73"]["spec"]
    assert spec["ports"][0]["targetPort"] == 8012
    assert spec["selector"] == {"component": "engine", "ome.io/inferenceservice": "llama-chat"}
    assert by_name["Service", "llama-chat"]["spec"]["type"] == "ExternalName"
    assert [each.reason for each in render("loadbalancer", door).warnings] == ["NoScaleFromZero"]


def test_a_name_that_no_service_can_have_is_mended() -> None:
    name = service("loadbalancer", balanced(mode="Serverless", name="m.v1"))["metadata"]["name"]
    assert name.startswith("m-v1-lb-")
    assert "." not in name


def test_beside_an_ingress_it_accompanies_and_doesnt_make_the_door_wait() -> None:
    door = make(service_type="LoadBalancer")
    assert asked("loadbalancer", door)
    assert {each["kind"] for each in open_door(door)} == {"Ingress", "Service"}
    assert call("loadbalancer", "status", door=door, observed={}) is None
    assert asked("loadbalancer", make()) is None


def test_a_closed_door_has_no_load_balancer() -> None:
    door = make(exposure="cluster-local", backend="", hosts=(), service_type="LoadBalancer")
    (rendered,) = open_door(door)
    assert rendered["spec"]["type"] == "ClusterIP"
    assert render("loadbalancer", door).objects == ()


def test_named_without_a_type_it_is_a_load_balancer() -> None:
    by_name = {each["metadata"]["name"]: each["spec"]["type"] for each in open_door(balanced(service_type=""))}
    assert sorted(by_name.values()) == ["ClusterIP", "LoadBalancer"]


def test_annotations_of_clouds_pass_and_others_dont() -> None:
    cloud = {
        "service.beta.kubernetes.io/aws-load-balancer-type": "external",
        "oci.oraclecloud.com/load-balancer-type": "nlb",
        "networking.gke.io/load-balancer-type": "Internal",
        "service.beta.kubernetes.io/port_80_health-probe_interval": "5",
    }
    others = {"external-dns.alpha.kubernetes.io/hostname": "bank.example.com", "ome.io/service-type": "LoadBalancer"}
    rendered = service("loadbalancer", balanced(annotations={**cloud, **others}))
    assert rendered["metadata"]["annotations"] == cloud
    assert reasons(balanced(annotations=cloud)) == []
    (warning,) = render("loadbalancer", balanced(annotations={**cloud, **others})).warnings
    assert warning.reason == "AnnotationHeldBack"
    assert "not passed to Service m: external-dns.alpha.kubernetes.io/hostname" in warning.message
    assert "passCloudAnnotations" in warning.message


def test_no_cloud_key_that_passes_names_a_resource_or_says_who_may_come_in() -> None:
    words = (
        r"(^|[-_.])id(s|$)|subnet|vswitch|security|nsg|acl|firewall|ranges?$|group-id|resource|cert|secret|log|bucket"
        r"|eip|pip|allocations|addresses$|pool|-ip$|loadbalancerips|tag|hostname|^name$|label$|arn|network-id|failover"
    )
    named = [key for key in PASSED if re.search(words, key.partition("/")[2], re.I)]
    assert len(PASSED) > 200
    assert all(key.startswith(PREFIXES) for key in PASSED)
    assert not [key for key in named for value in ("victim", "lb-12", "10.0.0.7") if PASSED[key].fits(value)]


def test_setting_pass_cloud_annotations_lets_keys_pass_by_namespace() -> None:
    key = "external-dns.alpha.kubernetes.io/hostname"
    annotations = {key: "m.example.com", "metallb.io/address-pool": "x", "team.example.com/a": "y"}
    settings = Settings(
        pass_cloud_annotations={"a*": (key,), "?": ("team.example.com/a",), "b": ("metallb.io/address-pool",)}
    )
    door = balanced(annotations=annotations, settings=settings)
    assert service("loadbalancer", door)["metadata"]["annotations"] == {key: "m.example.com", "team.example.com/a": "y"}
    (warning,) = render("loadbalancer", door).warnings
    assert "metallb.io/address-pool" in warning.message
    assert key not in warning.message


ADDRESSED = Settings(pass_cloud_annotations={"a": ("ome.io/load-balancer-ip",)})


def addressed(address: str, **changes: Any) -> Door:
    return balanced(load_balancer_ip=address, **{"settings": ADDRESSED, **changes})


@pytest.mark.parametrize("address", ["203.0.113.9", "2001:db8::7"])
def test_an_address_is_asked_for_where_the_type_has_one_and_the_setting_allows_it(address: str) -> None:
    assert service("loadbalancer", addressed(address))["spec"]["loadBalancerIP"] == address
    assert reasons(addressed(address)) == []
    node_port = addressed(address, service_type="NodePort")
    assert "loadBalancerIP" not in service("loadbalancer", node_port)["spec"]
    assert reasons(node_port) == []


def test_an_address_that_no_setting_allows_is_held_back_with_the_remedy() -> None:
    for settings in (Settings(), Settings(pass_cloud_annotations={"b*": ("ome.io/load-balancer-ip",)})):
        door = addressed("203.0.113.9", settings=settings)
        assert "loadBalancerIP" not in service("loadbalancer", door)["spec"]
        (warning,) = render("loadbalancer", door).warnings
        assert warning.reason == "AnnotationHeldBack"
        assert "ome.io/load-balancer-ip" in warning.message
        assert "passCloudAnnotations" in warning.message


@pytest.mark.parametrize(
    "text", ["none", "203.0.113.9/32", "203.0.113", "010.0.0.1", "1.2.3.4,5.6.7.8", "fe80::1%eth0", "x" * 5000, "1\n2"]
)
def test_what_is_no_address_is_left_out_and_told(text: str) -> None:
    door = addressed(text)
    assert "loadBalancerIP" not in service("loadbalancer", door)["spec"]
    (warning,) = render("loadbalancer", door).warnings
    assert warning.reason == "InvalidLoadBalancerIP"
    assert "ome.io/load-balancer-ip" in warning.message
    assert repr(text[:10])[:-1] in warning.message
    assert len(warning.message) < 200


def standing(door: Door, **changes: Any) -> Any:
    observed = owned({**service("loadbalancer", door), **changes}, door)
    return call("loadbalancer", "status", door=door, observed=facts(observed))


@pytest.mark.parametrize(
    ("ingress", "address"),
    [([{"ip": "203.0.113.7"}], "203.0.113.7"), ([{}, {"hostname": "x.elb.test"}], "x.elb.test")],
)
def test_it_stands_once_it_has_an_address(ingress: list[dict[str, str]], address: str) -> None:
    told = standing(balanced(), status={"loadBalancer": {"ingress": ingress}})
    assert (told.state, told.address) == ("accepted", address)


@pytest.mark.parametrize("status", [{}, {"loadBalancer": {}}, {"loadBalancer": {"ingress": []}}])
def test_without_an_address_it_is_pending(status: dict[str, Any]) -> None:
    told = standing(balanced(), status=status)
    assert (told.state, told.reason) == ("pending", "LoadBalancerPending")
    assert call("loadbalancer", "status", door=balanced(), observed={}).state == "pending"


@pytest.mark.parametrize(
    "odd",
    [
        {"ip": "bank.example.com/x"},
        {"ip": "10.0.0.300\n"},
        {"ip": "::1%lo"},
        {"hostname": "a@b.test"},
        {"hostname": "a_b"},
        {"hostname": 7},
        {"hostname": "x" * 300},
    ],
)
def test_what_is_no_address_is_not_shown(odd: dict[str, Any]) -> None:
    told = standing(balanced(), status={"loadBalancer": {"ingress": [odd]}})
    assert (told.state, told.reason, told.address) == ("pending", "LoadBalancerPending", "")
    assert repr(str(next(iter(odd.values())))[:100]) in told.message
    assert "neither an IP address nor a host name" in told.message


def test_a_node_port_stands_and_names_its_port() -> None:
    door = balanced(service_type="NodePort")
    assert "30123" in standing(door, spec={"ports": [{"port": 80, "nodePort": 30123}]}).message
    assert standing(door).state == "accepted"


def test_through_the_load_balancers_address_everything_goes_to_the_entry() -> None:
    door = balanced(("engine", "router", "decoder"))
    (rendered,) = open_door(door)
    rendered["status"] = {"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}]}}
    assert route([rendered], "http://203.0.113.7/v1/decoder/x") == ("m-router", "/v1/decoder/x")
    assert [each.reason for each in render("loadbalancer", door).warnings] == ["NoPathRouting"]
