"""Settings that put every host below the cluster's domain, as OME ships them: there is no outside door then."""

from __future__ import annotations

from typing import Any

import pytest
from doorward.model.reference import JsonObject

from tests.engine.scenes import INGRESS, VIRTUAL_SERVICE, Scene, service
from tests.engine.stage import settings

TEMPLATE = "ome.io/ingress-domain-template"
DOMAIN = "ome.io/ingress-domain"
MORE = "ome.io/ingress-additional-domains"
PATH = "ome.io/ingress-path-template"
SHIPPED: JsonObject = {"ingressDomain": "svc.cluster.local"}
INSIDE = "http://m.a.svc.cluster.local"
LOCAL = ["knative-serving/knative-local-gateway", "mesh"]


def shipped(*components: str, keys: dict[str, str] | None = None, **more: Any) -> Scene:
    return Scene(settings(SHIPPED, **(keys or {})), *service("m", *components, **more))


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize(
    "ingress",
    [
        SHIPPED,
        {"ingressDomain": "cluster.local", "domainTemplate": "{{.Name}}.{{.Namespace}}.svc.{{.IngressDomain}}"},
        {"domainTemplate": "{{.Name}}.{{.Namespace}}.svc.cluster.local"},
        {"domainTemplate": "{{.Name}}.{{.Namespace}}.svc"},
        {"ingressDomain": "svc"},
    ],
)
def test_the_door_is_inside_the_cluster_and_says_so(ingress: JsonObject, raw: bool) -> None:
    scene = Scene(settings(ingress), *service(raw=raw))
    assert scene.verdict() == ("True", "ClusterLocal")
    assert (scene.url(), scene.address()) == (INSIDE, INSIDE)
    assert scene.ours() == {"Service/m"} | (set() if raw else {"VirtualService/m"})
    assert scene.told() == []


def test_serverless_is_served_by_path_under_each_of_its_names_once() -> None:
    scene = shipped("engine", "decoder")
    spec = scene.get(VIRTUAL_SERVICE, "a", "m")["spec"]
    assert spec["hosts"] == ["m.a", "m.a.svc", "m.a.svc.cluster.local"]
    assert spec["gateways"] == LOCAL
    assert scene.reaches(f"{INSIDE}/v1/decoder/x", inside=True) == "m-decoder"


@pytest.mark.parametrize("raw", [False, True])
def test_beside_ome_the_door_has_its_own_name(raw: bool) -> None:
    scene = shipped(raw=raw, keys={"doorward": "doorService: '{{.Name}}-door'"})
    assert scene.verdict() == ("True", "ClusterLocal")
    assert scene.address() == "http://m-door.a.svc.cluster.local"


def test_the_clusters_own_domain_decides() -> None:
    other = Scene(settings(SHIPPED, doorward="clusterDomain: corp.test"), *service(raw=True))
    assert (other.verdict(), other.url()) == (("True", ""), INSIDE)
    same = Scene(settings({"ingressDomain": "svc.corp.test"}, doorward="clusterDomain: corp.test"), *service(raw=True))
    assert same.verdict() == ("True", "ClusterLocal")


def test_a_host_that_the_service_asks_for_itself_is_refused() -> None:
    scene = shipped(annotations={DOMAIN: "b.svc.cluster.local"})
    assert scene.verdict() == ("False", "InvalidHost")
    assert DOMAIN in scene.message()
    scene = shipped(annotations={TEMPLATE: "{{.Name}}-x.{{.Namespace}}.{{.IngressDomain}}"})
    assert scene.verdict() == ("False", "InvalidHost")
    assert TEMPLATE in scene.message()


def test_a_domain_of_the_services_own_opens_a_door_outside() -> None:
    assert shipped(raw=True, annotations={DOMAIN: "own.test"}).url() == "http://m.a.own.test"


@pytest.mark.parametrize("by", ["annotation", "setting"])
def test_additional_domains_outside_are_the_doors_only_hosts(by: str) -> None:
    more = "more.test,b.svc.cluster.local"
    ingress = {**SHIPPED, **({"additionalIngressDomains": more.split(",")} if by == "setting" else {})}
    notes = {MORE: more} if by == "annotation" else {}
    scene = Scene(settings(ingress), *service(raw=True, annotations=notes))
    assert scene.verdict() == ("True", "")
    assert (scene.url(), scene.address()) == ("http://m.a.more.test", INSIDE)
    assert [rule["host"] for rule in scene.get(INGRESS, "a", "m")["spec"]["rules"]] == ["m.a.more.test"]
    assert [reason for reason, _ in scene.told()] == ["InvalidHost"]
    serverless = Scene(settings(ingress), *service(annotations=notes))
    hosts = serverless.get(VIRTUAL_SERVICE, "a", "m")["spec"]["hosts"]
    assert hosts == ["m.a.more.test", "m.a", "m.a.svc", "m.a.svc.cluster.local"]


def test_additional_domains_inside_open_nothing() -> None:
    assert shipped(raw=True, annotations={MORE: "b.svc.cluster.local, svc"}).verdict() == ("True", "ClusterLocal")


def test_the_host_that_knative_gave_is_a_host_outside() -> None:
    status = {"components": {"engine": {"url": "http://m-engine.a.kn.test"}}}
    assert shipped(status=status).url() == "http://m.a.kn.test"
    inside = {"components": {"engine": {"url": "http://m-engine.a.svc.cluster.local"}}}
    assert shipped(status=inside).verdict() == ("True", "ClusterLocal")
    assert shipped(raw=True, status=status).verdict() == ("True", "ClusterLocal")


def test_there_is_no_path_door_below_the_clusters_domain() -> None:
    closed = Scene(settings({**SHIPPED, "pathTemplate": "/models/{{.Name}}"}), *service())
    assert closed.verdict() == ("True", "ClusterLocal")
    scene = shipped(annotations={PATH: "/models/{{.Name}}", MORE: "more.test"})
    assert (scene.verdict(), scene.url()) == (("True", ""), "http://m.a.more.test")
    assert scene.reasons() == ["PathTemplateUnsupported"]


@pytest.mark.parametrize("kind", ["LoadBalancer", "NodePort"])
def test_a_service_that_is_reached_by_itself_needs_no_host(kind: str) -> None:
    scene = shipped(raw=True, annotations={"ome.io/service-type": kind})
    assert scene.ours() == {"Service/m"}
    assert scene.get("Service", "a", "m")["spec"]["type"] == kind
    assert scene.verdict()[1] == {"LoadBalancer": "LoadBalancerPending", "NodePort": ""}[kind]
    as_without_ingress = shipped(raw=True, annotations={"ome.io/service-type": kind, "doorward.io/backend": "nobodys"})
    assert as_without_ingress.ours() == {"Service/m"}
    chosen = shipped(raw=True, annotations={"doorward.io/backend": "loadbalancer"})
    assert chosen.get("Service", "a", "m")["spec"]["type"] == "LoadBalancer"


@pytest.mark.parametrize("raw", [False, True])
def test_a_standing_door_outside_closes_at_once(raw: bool) -> None:
    scene = Scene(settings({}), *service(raw=raw, annotations={"ome.io/ingress-class": "nginx"}))
    assert scene.url() == "http://m.a.example.com"
    scene.configure(SHIPPED)
    assert scene.verdict() == ("True", "ClusterLocal")
    assert scene.ours() == {"Service/m"} | (set() if raw else {"VirtualService/m"})
    assert scene.reaches("http://m.a.example.com/") == ""
    assert scene.reaches(f"{INSIDE}/", inside=True) == "m-engine"


@pytest.mark.parametrize("wrong", [{"ome.io/deployment-mode": "Bogus"}, {"ome.io/ingress-url-scheme": "ftp"}])
def test_it_closes_however_wrong_the_rest_is(wrong: dict[str, str]) -> None:
    scene = Scene(settings({}), *service(raw=True))
    scene.edit(annotations=wrong)
    assert scene.ours() == {"Ingress/m", "Service/m"}
    scene.configure(SHIPPED)
    assert scene.ours() == {"Service/m"}


def test_what_is_wrong_with_a_service_closes_no_door_that_knative_gave_its_host() -> None:
    status = {"components": {"engine": {"url": "http://m-engine.a.kn.test"}}}
    raw = {"deploy": '{"defaultDeploymentMode": "RawDeployment"}'}
    scene = shipped(keys=raw, spec={"engine": {"minReplicas": 0}}, status=status)
    assert scene.url() == "http://m.a.kn.test"
    for wrong in ({"spec": {"engine": "text"}}, {"metadata": {"annotations": {"ome.io/deployment-mode": "Bogus"}}}):
        scene.patch("InferenceService.ome.io", "a", "m", wrong)
        scene.settle()
        assert scene.verdict()[0] == "False"
        assert scene.reaches("http://m.a.kn.test/") == "m-engine"


def test_it_opens_again_with_another_domain() -> None:
    scene = shipped(raw=True)
    scene.configure({"ingressDomain": "example.com"})
    assert (scene.verdict(), scene.url()) == (("True", ""), "http://m.a.example.com")
